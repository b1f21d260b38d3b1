/** Hints: what makes no fault in a chain, but no good chain either, as the plugins judge it themselves. */
import type { LintHost, NestedStep, Hint as Told } from '../plugin.ts'
import { thrown } from './chain.ts'
import type { Config, Position, Problem, Webhook } from './config.ts'
import { flattened } from './nested.ts'
import { Problems, pathText, pointerPath } from './problem.ts'
import { readText } from './source.ts'

/** A warning that only a strict check tells. */
export interface Hint extends Problem {
  /** Kebab case; a comment `# allow RULE: why` beside the setting, or above it, silences it. */
  readonly rule: string
}

/** Every hint of a configuration, in the order of the files. */
export function lint(config: Config): Hint[] {
  const rules = new Map<string, string>()
  const problems = new Problems()
  const lines = new Map<string, string[]>()
  for (const webhook of config.webhooks.values())
    for (const [index, item] of webhook.chain.entries()) {
      const host = hostOf(config, webhook, index)
      for (const { step, pointer } of within(item, ''))
        for (const told of ask(step, host)) {
          const keys = pointerPath(`${pointer}${told.path}`)
          const at = item.at(`${pointer}${told.path}`)
          if (isAllowed(told.rule, [at, item.at()], lines)) continue
          problems.warn(at, ['webhooks', webhook.name, 'chain', index, item.plugin.name, ...keys], told.message)
          rules.set(`${pathText(['webhooks', webhook.name, 'chain', index, item.plugin.name, ...keys])} ${told.message}`, told.rule)
        }
    }
  return problems.sorted().map(problem => ({ ...problem, rule: rules.get(`${problem.path} ${problem.message}`)! }))
}

function hostOf({ server, store, entities }: Config, { name, methods, chain }: Webhook, index: number): LintHost {
  const { publicUrl } = server
  const local = publicUrl !== undefined && isLocal(publicUrl)
  return {
    webhook: name,
    methods,
    publicUrl,
    entity: entity => entities.get(entity),
    verified: chain.slice(0, index).some(({ plugin }) => plugin.phase === 'verify' && plugin.verifies !== false),
    chain,
    index,
    production: (publicUrl !== undefined && !local) || !store.url.startsWith('pglite:'),
    https: server.requireHttps || server.tls !== undefined || local || (publicUrl?.startsWith('https:') ?? false),
  }
}

/** The address of this machine alone: somebody is trying things out. */
function isLocal(url: string): boolean {
  const name = URL.parse(url)?.hostname ?? ''
  return /^(.+\.)?localhost\.?$/.test(name) || /^127\./.test(name) || name === '[::1]'
}

/** A step, and those that stand within its settings, each with the way to it. */
function* within(step: NestedStep, pointer: string): Generator<{ step: NestedStep; pointer: string }> {
  yield { step, pointer }
  const inner = flattened(step)
  for (const [key, value] of Object.entries(step.settings))
    for (const [i, item] of Array.isArray(value) ? value.entries() : [])
      if (inner.includes(item)) yield* within(item, `${pointer}/${key}/${i}/${item.plugin.name}`)
}

/** What a plugin says of its step; one that throws has told that it is broken. */
function ask({ plugin, settings }: NestedStep, host: LintHost): Required<Told>[] {
  try {
    const told = plugin.lint?.(settings, host) ?? []
    return [...told].map(({ rule = plugin.name, path, message }) => ({ rule: `${rule}`, path: path.replace(/^(?=[^/])/, '/'), message }))
  } catch (error) {
    return [{ rule: 'plugin-fault', path: '', message: thrown('its lint failed', error) }]
  }
}

/** A comment that names the rule, with a reason, at the end of one of these lines or in the comment above it. */
function isAllowed(rule: string, places: readonly Position[], files: Map<string, string[]>): boolean {
  return places.some(({ file, line }) => {
    const lines = files.get(file) ?? linesOf(file)
    files.set(file, lines)
    let first = line - 1
    while (/^\s*#/.test(lines[first - 1] ?? '')) first--
    const comments = lines.slice(first, line).flatMap(text => [...text.matchAll(/#\s*allow ([a-z0-9-]+): *\S/g)])
    return comments.some(([, name]) => name === rule)
  })
}

function linesOf(file: string): string[] {
  const read = readText(file)
  return 'text' in read ? read.text.split(/\r?\n/) : []
}
