/** The words of a command, before they are parsed: the parser would drop a surplus one or a wrong option without saying so. */
import type { ArgsDef } from 'citty'
import { didYouMean } from '../config/problem.ts'

const TOO_MANY = 'there is a word too many: a secret is no argument, which others could see; write its value to stdin'

/** What is wrong with the words that follow a command's name, or undefined. With `hushed`, a word that is not understood is not repeated: it may be a secret. */
export function faultOfWords(words: readonly string[], args: ArgsDef, hushed = false): string | undefined {
  const names = Object.keys(args).filter(name => args[name]?.type !== 'positional')
  const wanted = Object.entries(args).filter(([name]) => !names.includes(name))
  // A positional argument that may be given several times takes all the words there are.
  const many = wanted.some(([, arg]) => (arg as { many?: true }).many)
  let places = many ? words.length : wanted.length
  let found = 0
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string
    if (word === '') return 'a word is empty: is a variable not set?'
    if (!word.startsWith('-')) {
      found++
      if (places === 0 && hushed) return TOO_MANY
      if (places-- === 0) return `'${word}' is a word too many${names.includes('config') ? ': a file goes after --config' : ''}`
      continue
    }
    const [, no, name = '', value] = /^--(no-)?([^=]*)(?:=([\s\S]*))?$/.exec(word) ?? []
    const option = names.includes(name) ? args[name] : undefined
    if (!option || (no && option.type !== 'boolean')) {
      const all = names.map(known => `--${known}`)
      if (hushed) return `there is an option that is none: choose ${all.join(', ')}`
      const near = didYouMean(word, all)
      return `there is no option ${word.replace(/=.*$/s, '')}${near ? `${near} Or choose` : ': choose'} one of ${all.join(', ')}`
    }
    if (option.type === 'boolean') {
      if (value !== undefined && (no || !/^(true|false)$/.test(value))) return `--${name} takes no value: write --${name} or --no-${name}`
      continue
    }
    const given = value ?? words[++i]
    const choices = option.type === 'enum' ? (option.options ?? []) : undefined
    if (choices && !choices.includes(given ?? '')) return `--${name} takes one of ${choices.join(', ')}`
    if (!given || (value === undefined && /^-./.test(given))) return `--${name} needs a value: --${name} ${option.valueHint ?? 'VALUE'}`
  }
  const [missing, arg] = wanted.slice(found).find(([, arg]) => arg.required) ?? []
  return missing && `${(arg as { valueHint?: string }).valueHint ?? missing.toUpperCase()} is missing: ${said(arg?.description)}`
}

/** A description goes on in the middle of a sentence. */
const said = (text = '') => text.replace(/^[A-Z](?=[a-z ])/, c => c.toLowerCase())

/** All values of an option that may be given several times, in their order: the parser keeps the last alone. */
export function everyOption(words: readonly string[], name: string): string[] {
  return words.flatMap((word, i) =>
    word === `--${name}` ? (words[i + 1] ?? []) : word.startsWith(`--${name}=`) ? word.slice(name.length + 3) : [],
  )
}
