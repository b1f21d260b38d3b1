/** A dialect compiled for one webhook: it turns outcomes and refusals into responses, the same bytes for the same outcome. */
import type { AnswerTemplate, Dialect } from '../config/config.ts'
import type { Refusal } from '../plugin.ts'
import type { Outcome, Shown } from '../store/unit.ts'
import { compileTemplate, type Lookup, type Template, walk } from '../template.ts'
import type { Exchange } from './exchange.ts'

const JSON_TYPE = 'application/json'
const EVENT_ID = 'event.id'

export interface CompiledDialect {
  /** What the success body shows beyond the record. */
  shown(x: Exchange): readonly unknown[]
  /** The same as it is kept with an idempotency key, for a replay must show it again; undefined when there is nothing. */
  kept(shown: readonly unknown[]): Shown | undefined
  /** What was kept, perhaps under another dialect; null where nothing is known. */
  recalled(kept: Outcome['shown']): readonly unknown[]
  success(outcome: Outcome, shown: readonly unknown[], headers?: Record<string, string>): Response
  refusal(refusal: Refusal, headers?: Record<string, string>): Response
}

export function compileDialect(dialect: Dialect, webhook: string): CompiledDialect {
  return new Spoken(partsOf(dialect), webhook)
}

/** A class: what it says of a webhook is its name alone. */
class Spoken implements CompiledDialect {
  readonly #parts: Parts
  readonly #webhook: string

  constructor(parts: Parts, webhook: string) {
    this.#parts = parts
    this.#webhook = webhook
  }

  shown(x: Exchange): readonly unknown[] {
    return this.#parts.paths.map(path => valueOfExchange(x, path) ?? null)
  }

  kept(shown: readonly unknown[]): Shown | undefined {
    const { names } = this.#parts
    return names.length === 0 ? undefined : keptAs(names, shown)
  }

  recalled(kept: Outcome['shown']): readonly unknown[] {
    return recalledAs(this.#parts.names, kept)
  }

  success(outcome: Outcome, shown: readonly unknown[], headers?: Record<string, string>): Response {
    const { templates, places } = this.#parts
    const { record } = outcome
    const { status, body } = !record ? templates.accepted : record.created ? templates.created : templates.updated
    const lookup: Lookup = path => {
      if (path[0] === 'record') return record && walk(record, path, 1)
      if (path[0] === 'webhook') return this.#webhook
      const text = path.join('.')
      if (text === 'event.type') return !record ? 'webhook.received' : record.created ? 'record.created' : 'record.updated'
      return shown[places.get(text) ?? -1]
    }
    return answer(status, body.render(lookup), JSON_TYPE, headers)
  }

  refusal(refusal: Refusal, headers?: Record<string, string>): Response {
    const { codes, error, errorType } = this.#parts
    const changed = codes[refusal.code]
    const status = changed?.status ?? refusal.status
    // One body for every failed credential: what exactly failed is for the operator's log.
    const details = refusal.status === 401 ? undefined : refusal.details
    const values: Record<string, unknown> = {
      code: changed?.code ?? refusal.code,
      message: changed?.message ?? refusal.summary,
      details,
      status,
      webhook: this.#webhook,
    }
    const body = error.render(path => walk(values, path))
    return answer(status, body, errorType, {
      ...(refusal.retryAfter !== undefined && { 'retry-after': String(Math.max(1, Math.ceil(refusal.retryAfter))) }),
      ...headers,
    })
  }
}

type Parts = ReturnType<typeof compileParts>
/** Once for all webhooks of a dialect. */
const compiled = new WeakMap<Dialect, Parts>()

function partsOf(dialect: Dialect): Parts {
  const present = compiled.get(dialect) ?? compileParts(dialect)
  compiled.set(dialect, present)
  return present
}

function compileParts({ success, updated, accepted, error, codes }: Dialect) {
  const templates = {
    created: compileAnswer(success),
    updated: compileAnswer({ ...success, ...updated }),
    accepted: compileAnswer({ ...success, ...accepted }),
  }
  const paths = shownPaths(Object.values(templates).map(t => t.body))
  const names = paths.map(path => path.join('.'))
  const places = new Map(names.map((name, i) => [name, i]))
  return { templates, codes, error: compileTemplate(error.body), errorType: error.contentType ?? JSON_TYPE, paths, names, places }
}

function compileAnswer(answer: AnswerTemplate): { status: number; body: Template } {
  return { status: answer.status, body: compileTemplate(answer.body) }
}

/** Paths whose values only the exchange knows. */
function shownPaths(templates: readonly Template[]): (readonly string[])[] {
  const paths = new Map<string, readonly string[]>()
  for (const template of templates) {
    for (const path of template.paths) {
      if (path[0] === 'data' || path[0] === 'custom_variables' || path.join('.') === EVENT_ID) paths.set(path.join('.'), path)
    }
  }
  return [...paths.values()]
}

function valueOfExchange(x: Exchange, path: readonly string[]): unknown {
  if (path[0] === 'data') return walk(x.data, path, 1)
  if (path[0] === 'custom_variables') return walk(x.variables, path, 1)
  return x.unit.event ? `evt_${x.id}` : undefined
}

/** By name, without those that have no value. An object or a list is kept as its text, in a list: jsonb would sort the keys of an object. */
function keptAs(names: readonly string[], shown: readonly unknown[]): Shown {
  const kept: Record<string, unknown> = {}
  for (const [i, name] of names.entries()) {
    const value = shown[i] ?? null
    if (value !== null) kept[name] = typeof value === 'object' ? [JSON.stringify(value)] : value
  }
  return kept
}

function recalledAs(names: readonly string[], kept: Outcome['shown']): readonly unknown[] {
  if (Array.isArray(kept)) return fits(names, kept) ? kept : names.map(() => null)
  return names.map(name => {
    const value = Object.hasOwn(kept, name) ? (kept as Shown)[name] : null
    return Array.isArray(value) ? JSON.parse(String(value[0])) : value
  })
}

/** Whether values that an earlier version kept without their names are those of the present ones, as far as can be told. */
function fits(names: readonly string[], kept: readonly unknown[]): boolean {
  const event = kept[names.indexOf(EVENT_ID)] ?? null
  return kept.length === names.length && (event === null || String(event).startsWith('evt_'))
}

function answer(status: number, body: unknown, type: string, headers?: Record<string, string>): Response {
  // 204 and 304 must not carry a body, whatever the template says.
  const text = status === 204 || status === 304 || body === undefined || body === null ? null : JSON.stringify(body)
  return new Response(text, { status, headers: { ...(text !== null && { 'content-type': type }), ...headers } })
}
