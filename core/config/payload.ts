/** What the events of a webhook hold, as far as the steps of its chain tell. */
import type { Entity, Leaves, Shape } from '../plugin.ts'
import type { ChainItem, EventType, Webhook } from './config.ts'
import { type Node, reach } from './node.ts'

export interface Payload {
  readonly webhook: string
  /** What its data is like. */
  readonly shape?: Shape
  /** Why that is not known. */
  readonly why?: string
  /** What the entity that it writes is declared to be like, which nothing makes sure of. */
  readonly declared?: Shape
  /** Every name under `custom_variables`; undefined: a step may set any. */
  readonly variables?: readonly string[]
  /** Kinds of events that it can raise. */
  readonly raises: readonly EventType[]
  /** Entity of the record that it writes. */
  readonly record?: string
  /** Declared entities that it depends on. */
  readonly entities: readonly string[]
}

/** The event types, as a file may list them. */
export const EVENT_TYPES: readonly EventType[] = ['record.created', 'record.updated', 'webhook.received']

/** Of each webhook whose chain has no fault. */
export function readPayloads(
  root: Node,
  webhooks: ReadonlyMap<string, Webhook>,
  entity: (name: string) => Entity | undefined,
): Map<string, Payload> {
  const whole = [...webhooks.values()].filter(({ name, chain }) => {
    const { node } = reach(root, ['webhooks', name, 'chain'])
    return node.kind === 'list' && node.items.length === chain.length && chain.length > 0
  })
  return new Map(whole.map(webhook => [webhook.name, payloadOf(webhook, entity)]))
}

/** Follows the data through the chain. */
export function payloadOf(webhook: Webhook, entity: (name: string) => Entity | undefined): Payload {
  let shape: Shape | undefined
  let why = `'${webhook.name}' has no schema`
  let variables: Set<string> | undefined = new Set()
  let record: string | undefined
  let writes = false
  let emits = false
  const entities = new Set<string>()
  for (const item of webhook.chain) {
    const left = leavesOf(item, entity)
    if (left === undefined || left.data === 'anything') {
      shape = undefined
      why = `what '${item.plugin.name}' makes of the data of '${webhook.name}' is not known`
    } else shape = left.data ?? shape
    if (left === undefined) variables = undefined
    else for (const name of left.variables ?? []) variables?.add(name)
    record = left?.record ?? record
    for (const name of [left?.record, shape?.entity]) if (name !== undefined && entity(name)) entities.add(name)
    writes ||= item.plugin.phase === 'write'
    emits ||= item.plugin.phase === 'emit'
  }
  const declared = record === undefined ? undefined : entity(record)
  return {
    webhook: webhook.name,
    ...(shape ? { shape } : { why }),
    ...(declared && Object.keys(declared.schema).length > 0 && { declared: { schema: declared.schema, closed: false } }),
    ...(variables && { variables: [...variables] }),
    raises: emits ? raised(writes, record) : [],
    ...(record !== undefined && { record }),
    entities: [...entities],
  }
}

/** A step of somebody's own that writes may raise whatever it likes. */
function raised(writes: boolean, record: string | undefined): readonly EventType[] {
  if (!writes) return ['webhook.received']
  return record === undefined ? EVENT_TYPES : ['record.created', 'record.updated']
}

/** Undefined: the step may do anything. */
function leavesOf({ plugin, settings }: ChainItem, entity: (name: string) => Entity | undefined): Leaves | undefined {
  if (!plugin.leaves) return plugin.phase === 'shape' ? undefined : {}
  try {
    return plugin.leaves(settings, { entity }) as Leaves
  } catch {
    return undefined
  }
}

/** What the data of its events may be like; undefined when that is not known. A record also holds what others wrote into it. */
export function shapesOf(payload: Payload, all: Iterable<Payload>): Shape[] | undefined {
  const writers = payload.record === undefined ? [payload] : [...all].filter(({ record }) => record === payload.record)
  const shapes = writers.map(({ shape }) => shape)
  return shapes.every(shape => shape !== undefined) ? shapes : undefined
}
