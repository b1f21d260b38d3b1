/** The JSON Schema of what a sender sends, followed through the chain from its end to its beginning. */
import type { ChainItem, Config, Webhook } from '../config/config.ts'
import type { Leaves, SenderPart } from '../plugin.ts'

type Json = Record<string, unknown>

/** What is known of the payload; without a schema, any object may come. */
export interface Payload {
  schema?: Json
  /** What becomes of fields that the schema does not name. */
  others?: 'drop' | 'keep' | 'reject'
}

/** `parts` are what the steps of the chain tell senders, in their order. */
export function payloadOf(config: Config, webhook: Webhook, parts: readonly SenderPart[]): Payload {
  const entity = (name: string) => config.entities.get(name)
  let schema: Json | undefined
  /** Judged as it came, whatever the steps before have made of it. */
  let asSent: Json | undefined
  let others: Payload['others']
  for (const [i, item] of [...webhook.chain.entries()].reverse()) {
    const left = leavesOf(item, entity)
    const body = parts[i]?.body
    if (left !== undefined && typeof left.data === 'object') {
      schema = merged(body, schema)
      others = (left.data.entity !== undefined && entity(left.data.entity)?.unknown) || 'keep'
    } else {
      asSent = merged(body, asSent)
      if (left !== undefined && left.data === undefined) continue
      // A step that changes the data: what comes before it is told by the step, or by nobody.
      schema = schema && expectedBy(item, schema)
      others = undefined
    }
  }
  const known = merged(asSent, schema)
  return { ...(known && { schema: known }), ...(others && { others }) }
}

function leavesOf({ plugin, settings }: ChainItem, entity: Config['entities']['get']): Leaves | undefined {
  if (!plugin.leaves) return plugin.phase === 'shape' ? undefined : {}
  try {
    return plugin.leaves(settings, { entity }) as Leaves
  } catch {
    return undefined
  }
}

/** From the settings as they are shown: what it tells goes to strangers. */
function expectedBy({ plugin, shown }: ChainItem, schema: Json): Json | undefined {
  try {
    return plugin.expects?.(shown, schema)
  } catch {
    return undefined
  }
}

function merged(one: Json | undefined, other: Json | undefined): Json | undefined {
  if (!one || !other || one === other) return one ?? other
  // References are from the root of each: two roots in one schema would mislead them.
  return refers(one) || refers(other) ? one : { type: 'object', allOf: [one, other] }
}

const refers = (schema: Json) => JSON.stringify(schema).includes('"$ref"')

/** A schema moved to a place of the document: its references follow. */
export function moved(schema: Json, to: string): Json {
  const { $schema: _, $id, ...rest } = schema
  // Names of its own are resolved from an `$id`, wherever it stands.
  if (named(rest)) return { $id: typeof $id === 'string' ? $id : `urn:postern${to.slice(1)}`, ...rest }
  return pointed(rest, to) as Json
}

function pointed(value: unknown, to: string): unknown {
  if (Array.isArray(value)) return value.map(item => pointed(item, to))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === '$ref' && typeof inner === 'string' && inner.startsWith('#') ? `${to}${inner.slice(1)}` : pointed(inner, to),
    ]),
  )
}

function named(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some(named)
  return Object.entries(value).some(
    ([key, inner]) =>
      (['$id', '$anchor', '$dynamicAnchor', '$dynamicRef'].includes(key) && typeof inner === 'string') ||
      (key === '$ref' && typeof inner === 'string' && !inner.startsWith('#')) ||
      named(inner),
  )
}
