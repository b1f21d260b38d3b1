/** Runs a recipe here: what its request would be with given secrets at a given time. */
import { createHmac, createPrivateKey, sign } from 'node:crypto'
import type { Atom, Recipe, Step } from './recipe.ts'

export interface Given {
  /** Of the sender's environment, by the variable's name. */
  env: Readonly<Record<string, string>>
  /** Epoch milliseconds. */
  now: number
  random: string
}

export interface Evaluated {
  url: string
  body: string
  /** What is signed; undefined when nothing is. */
  message?: string
  headers: [string, string][]
}

/** Throws when a secret is not written as the scheme has it. */
export function evaluate({ steps, headers, body }: Recipe, given: Given): Evaluated {
  const values = new Map<string, string>()
  const text = (atoms: readonly Atom[]): string => atoms.map(atom => one(atom)).join('')
  const one = (atom: Atom): string => {
    if ('text' in atom) return atom.text
    if ('encoded' in atom) return encodeURIComponent(values.get(atom.encoded) ?? '')
    return 'name' in atom ? (values.get(atom.name) ?? '') : Buffer.from(text(atom.base64)).toString('base64')
  }
  for (const step of steps) values.set(step.name, valueOfStep(step, values, text, given))
  const message = values.get('message')
  return {
    url: values.get('url') ?? '',
    body: body ? (values.get('body') ?? '') : '',
    ...(message !== undefined && { message }),
    headers: headers.map(([name, value]) => [name, text(value)]),
  }
}

function valueOfStep(step: Step, values: ReadonlyMap<string, string>, text: (atoms: readonly Atom[]) => string, given: Given): string {
  switch (step.kind) {
    case 'env':
      return given.env[step.env] ?? ''
    case 'time': {
      const seconds = Math.floor(given.now / 1000)
      if (step.format === 'rfc3339') return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
      return String(step.format === 'unix' ? seconds : given.now)
    }
    case 'random':
      return given.random
    case 'text':
      return text(step.value)
    case 'hmac': {
      const { algorithm, encoding, secret } = step.scheme
      const written = values.get(step.key) ?? ''
      const bare = secret.stripPrefix && written.startsWith(secret.stripPrefix) ? written.slice(secret.stripPrefix.length) : written
      return createHmac(algorithm, Buffer.from(bare, secret.encoding))
        .update(values.get(step.message) ?? '')
        .digest(encoding)
    }
    case 'sign': {
      const key = createPrivateKey(values.get(step.key) ?? '')
      return sign(step.scheme.kind === 'ed25519' ? null : 'sha256', Buffer.from(values.get(step.message) ?? ''), key).toString(
        step.scheme.encoding,
      )
    }
  }
}
