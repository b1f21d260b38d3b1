/** What is wrong with a path in a subscription: the events of its webhooks are known as far as their chains tell. */
import { missing, typesAt } from './fields.ts'
import { type Payload, shapesOf } from './payload.ts'
import { didYouMean } from './problem.ts'

export interface Judge {
  /** Why no event can have this path, such as `data.naem`; undefined when one can, or may. */
  fault(path: readonly string[]): string | undefined
  /** The JSON types of what stands there; undefined when they are not known. */
  types(path: readonly string[]): ReadonlySet<string> | undefined
}

/** The fields of `event`. */
export const EVENT_FIELDS: readonly string[] = ['id', 'type', 'timestamp', 'webhook', 'entity', 'record_id']

/** Names in a message; the rest is left to the reader. */
const MOST = 20

/** Judges by the events of these webhooks; `all` has every webhook, as others may write into the same records, and is undefined when one is not known. */
export function judgeOf(payloads: readonly Payload[], all: readonly Payload[] | undefined): Judge {
  const each = payloads.map(payload => (all || payload.record === undefined ? shapesOf(payload, all ?? []) : undefined))
  const shapes = each.every(known => known !== undefined) ? each.flat() : []
  const lists = payloads.map(({ variables }) => variables)
  const variables = lists.length && lists.every(list => list !== undefined) ? new Set(lists.flat()) : undefined
  const source = payloads.length > 3 ? 'these webhooks' : payloads.map(({ webhook }) => `'${webhook}'`).join(' or ')

  return {
    fault(path) {
      const [first, ...rest] = path
      const [name] = rest
      if (name === undefined) return undefined
      if (first === 'event') return eventFault(rest)
      if (first === 'custom_variables' && variables && !variables.has(name))
        return `no step of ${source} sets '${name}'${didYouMean(name, variables) || ': set it under `variables` of a mapping step'}`
      if (first !== 'data' && first !== 'previous') return undefined
      const gap = missing(shapes, rest)
      if (!gap) return undefined
      const wrong = rest[gap.at]!
      if (!gap.names.length) return `no event of ${source} has anything below ${path.slice(0, gap.at + 1).join('.')}`
      return `no event of ${source} can have '${wrong}' there${hint(wrong, gap.names)}`
    },
    types: ([first, ...rest]) => ((first === 'data' || first === 'previous') && rest.length ? typesAt(shapes, rest) : undefined),
  }
}

function eventFault([name = '', ...below]: readonly string[]): string | undefined {
  if (!EVENT_FIELDS.includes(name)) return `an event has no '${name}'${hint(name, EVENT_FIELDS)}`
  return below.length ? `event.${name} has nothing below it` : undefined
}

function hint(name: string, known: readonly string[]): string {
  return didYouMean(name, known) || `; known are ${known.slice(0, MOST).join(', ')}${known.length > MOST ? ' and more' : ''}`
}
