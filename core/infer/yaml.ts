/** The configuration that samples suggest, as text to paste. */
import { Document, isCollection, isMap, isScalar, type Node, visit } from 'yaml'
import type { Webhook } from '../config/config.ts'
import type { Naming } from './mapping.ts'
import type { Provider } from './provider.ts'
import type { Schema } from './schema.ts'
import { withoutSecrets, writtenStep, writtenWebhook } from './written.ts'

type Json = Record<string, unknown>

export interface Suggested {
  name: string
  entity: string
  unknown?: 'drop' | 'keep' | 'reject' | undefined
  schema: Schema
  naming: Naming
  samples: number
  provider?: Provider | undefined
  idField?: string | undefined
  deliveryHeader?: string | undefined
  /** The present one, whose chain stays. */
  webhook?: Webhook | undefined
  /** Values of secrets, which must not show. */
  secrets?: readonly string[]
  /** Where the body is a bare list: the field that it becomes. */
  listAs?: string | undefined
}

/** A file of its own: an entity and a webhook. */
export function yamlOf(all: Suggested): string {
  const { name, entity, unknown, schema, samples, webhook, naming } = all
  const inline = webhook?.chain.some(item => item.plugin.name === 'validation' && item.settings.schema !== undefined)
  const chain = webhook ? presentChain(webhook, entity, schema) : newChain(all)
  const doc = new Document({
    version: 1,
    ...(!inline && { entities: { [entity]: { ...(unknown !== undefined && unknown !== 'drop' && { unknown }), schema } } }),
    webhooks: {
      [name]: webhook
        ? withoutSecrets({ ...writtenWebhook(webhook), chain }, all.secrets ?? [])
        : { path: `/webhooks/${name}`, ...(all.listAs !== undefined && { listAs: all.listAs }), chain },
    },
  })
  visit(doc, {
    Collection(key, node) {
      if (key !== null && isSmall(node)) node.flow = true
    },
  })
  const about = [` From ${samples} ${samples === 1 ? 'sample: a guess' : 'samples'}. Read it before you use it.`]
  if (webhook)
    about.push(` It stands in for the present '${name}'${inline ? '' : ` and the entity '${entity}'`}: a name may be declared once.`)
  else if (!all.provider) about.push(' Nothing told how the sender proves who it is: put the step that fits in the place of auth-bearer.')
  else if (all.provider.alternatives.length > 0)
    about.push(` These presets look for the same headers: ${all.provider.alternatives.join(', ')}.`)
  const flat = Object.entries(naming.flatten)
  if (flat.length > 0) {
    about.push(' What lies in objects could have fields of its own, by `mapping: { fields: … }`:')
    about.push(
      ...flat.slice(0, 12).map(([path, to]) => `   ${path}: ${to}`),
      ...(flat.length > 12 ? [`   and ${flat.length - 12} more`] : []),
    )
  }
  doc.commentBefore = about.join('\n')
  return doc.toString({ lineWidth: 130, flowCollectionPadding: true })
}

function newChain({ name, entity, naming, provider, idField, deliveryHeader }: Suggested): unknown[] {
  // Empty until it is set: the webhook then answers 503, and lets nobody in.
  const secret = (of: string, kind: string) => `\${${`${of}_${kind}`.toUpperCase().replace(/[^A-Z0-9_]/g, '_')}:-}`
  return [
    provider
      ? { 'auth-hmac': { preset: provider.preset, secrets: [secret(provider.preset, 'SECRET')] } }
      : { 'auth-bearer': { keys: [secret(/^[a-z]/i.test(name) ? name : `W_${name}`, 'KEY')] } },
    ...(provider?.timed ? ['replay-window'] : []),
    deliveryHeader === undefined ? 'idempotency' : { idempotency: { header: deliveryHeader } },
    ...(Object.keys(naming.fields).length > 0 ? [{ mapping: { fields: naming.fields } }] : []),
    { validation: { entity } },
    { upsert: { entity, ...(idField !== undefined && idField !== 'id' && { idField }) } },
    'dispatch',
  ]
}

/** As it is, with the schema in its validation, or with one before the first step that writes. */
function presentChain({ chain }: Webhook, entity: string, schema: Schema): unknown[] {
  const judges = chain.findIndex(item => item.plugin.name === 'validation')
  const steps: unknown[] = chain.map((item, i) => {
    const step = writtenStep(item)
    if (i !== judges || typeof step === 'string') return step
    const settings = step[item.plugin.name] as Json
    return { [item.plugin.name]: { ...settings, ...('schema' in settings && { schema }) } }
  })
  if (judges >= 0) return steps
  const writes = chain.findIndex(item => item.plugin.phase === 'write' || item.plugin.phase === 'emit')
  const place = writes < 0 ? steps.length : writes
  return [...steps.slice(0, place), { validation: { entity } }, ...steps.slice(place)]
}

/** Fits on one line. */
function isSmall(node: Node): boolean {
  if (!isCollection(node)) return false
  const simple = (item: unknown) => isScalar(item) || (isCollection(item) && item.items.every(isScalar))
  const values = isMap(node) ? node.items.map(pair => pair.value) : node.items
  return values.every(simple) && JSON.stringify(node.toJSON()).length < 90
}
