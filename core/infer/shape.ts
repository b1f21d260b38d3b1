/** What the chain of a webhook makes of a payload before it judges it, and by which schema it does. */
import type { Webhook } from '../config/config.ts'
import type { AnyPlugin, Entity, Exchange, Host, NestedStep } from '../plugin.ts'

export interface ChainShape {
  /** The data that is judged; a text says why the chain refuses the payload. */
  run(payload: Record<string, unknown>): Promise<Record<string, unknown> | string>
  /** The schema by which it is judged, and the entity that has it. */
  schema?: Record<string, unknown>
  entity?: string
  /** Why nothing can be said of the data. */
  why?: string
}

/** Only `mapping` is run: it has nothing but its settings, and reaches nothing outside. */
const HARMLESS = 'mapping'

/** Follows the chain up to its validation. */
export async function chainShape(webhook: Webhook, entity: (name: string) => Entity | undefined): Promise<ChainShape> {
  const steps: ((x: Exchange) => unknown)[] = []
  const run: ChainShape['run'] = async payload => {
    const x = { payload, data: payload, variables: {}, format: 'query' } as unknown as Exchange
    for (const step of steps) {
      const reply = await step(x)
      if (reply !== undefined) return `the step '${HARMLESS}' refuses it`
    }
    return x.data
  }
  let record: string | undefined
  for (const item of webhook.chain) {
    const { plugin, settings } = item
    const left = plugin.leaves?.(settings, { entity })
    record ??= left?.record
    if (plugin.phase !== 'shape') continue
    if (left?.data && left.data !== 'anything') {
      const { schema, entity: named } = left.data
      return { run, schema, ...(named !== undefined && { entity: named }) }
    }
    const body = plugin.sender?.(settings, { entity, webhook: webhook.name, publicUrl: undefined }).body
    if (body)
      return { run: async payload => payload, schema: body, ...(typeof settings.entity === 'string' && { entity: settings.entity }) }
    if (plugin.name === HARMLESS) steps.push(await compiled(plugin, item, webhook.name))
    else if (!left || left.data === 'anything') return { run, why: `what the step '${plugin.name}' makes of a payload is not known` }
  }
  const declared = record === undefined ? undefined : entity(record)
  if (!declared || Object.keys(declared.schema).length === 0) return { run, ...(record !== undefined && { entity: record }) }
  return { run, schema: declared.schema, entity: declared.name }
}

async function compiled(plugin: AnyPlugin, { settings }: NestedStep, webhook: string): Promise<(x: Exchange) => unknown> {
  const host = {
    webhook,
    publicUrl: undefined,
    refuse: (code: string) => ({ kind: 'refusal', code, status: 422, summary: '' }),
    warn: () => {},
  } as unknown as Host<any>
  return plugin.compile(settings, host)
}
