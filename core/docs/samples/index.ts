/** Sample code that signs and sends: one recipe in each language. */
import type { Recipe } from '../recipe.ts'
import { curl } from './curl.ts'
import { go } from './go.ts'
import { node } from './node.ts'
import { php } from './php.ts'
import { python } from './python.ts'

export interface Sample {
  language: 'curl' | 'node' | 'python' | 'go' | 'php'
  title: string
  code: string
}

/** In every language that can; a private key is used where it takes no more than the language's usual library. */
export function samplesOf(recipe: Recipe): Sample[] {
  const all: Sample[] = [
    { language: 'curl', title: 'curl', code: curl(recipe) },
    { language: 'node', title: 'Node.js', code: node(recipe) },
    { language: 'python', title: 'Python', code: python(recipe) },
    { language: 'go', title: 'Go', code: go(recipe) },
    { language: 'php', title: 'PHP', code: php(recipe) },
  ]
  const asymmetric = recipe.steps.some(step => step.kind === 'sign')
  return asymmetric ? all.filter(({ language }) => language === 'node' || language === 'python') : all
}
