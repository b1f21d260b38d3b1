/** What a destination is sent of an event: its body, and the headers that go along. */
import type { Config, Destination, Subscription } from '../config/config.ts'
import { hopHeaders } from '../hops.ts'
import type { Message } from '../plugin.ts'
import { compileTemplate, walk } from '../template.ts'
import { traceHeaders } from '../trace.ts'
import { type Claimed, orderKey, type StoredEvent } from './delivery.ts'

/** Makes the message of one attempt. */
export type Compose = (claimed: Claimed, attempt: number) => Message

/** Compiles what one destination is sent for one subscription; `hopKey` signs how often the event has gone round. */
export function compileMessage(
  server: Pick<Config['server'], 'brand' | 'publicUrl'>,
  destination: Pick<Destination, 'cloudEvents' | 'timeout'>,
  subscription: Pick<Subscription, 'body'>,
  hopKey: string,
): Compose {
  const template = subscription.body === undefined ? undefined : compileTemplate(subscription.body)
  const { cloudEvents, timeout } = destination
  return (event, attempt) => {
    const data = template ? template.render(path => valueAt(event, path)) : wholeOf(event)
    const attributes = cloudEvents && attributesOf(event, server.publicUrl ?? '')
    const binary = cloudEvents === 'binary' ? ceHeaders(attributes as Attributes) : {}
    return {
      id: event.id,
      type: event.type,
      time: event.created_at.toISOString(),
      webhook: event.webhook,
      record: orderKey(event) ?? undefined,
      attempt,
      timeout,
      contentType: cloudEvents === 'structured' ? 'application/cloudevents+json' : 'application/json',
      body: JSON.stringify(
        cloudEvents === 'structured'
          ? { ...attributes, data }
          : cloudEvents === 'binary' || template
            ? data
            : { id: event.id, type: event.type, timestamp: event.created_at.toISOString(), data },
      ),
      headers: { ...binary, ...hopHeaders(server.brand, hopKey, event.id, event.hops + 1), ...traceHeaders(event.trace) },
    }
  }
}

function wholeOf(e: StoredEvent): Record<string, unknown> {
  const about = { webhook: e.webhook, variables: e.variables }
  if (e.record_id === null) return { payload: e.data, ...about }
  return { record_id: e.record_id, entity: e.entity, record: e.data, ...(e.previous && { previous: e.previous }), ...about }
}

/** What a `{{path}}` of a body stands for. */
function valueAt(e: StoredEvent, path: readonly string[]): unknown {
  const [first, second] = path
  if (first === 'data') return walk(e.data, path, 1)
  if (first === 'previous') return walk(e.previous, path, 1)
  if (first === 'custom_variables') return walk(e.variables, path, 1)
  if (first === 'webhook') return e.webhook
  if (first === 'event') {
    const event = {
      id: e.id,
      type: e.type,
      timestamp: e.created_at.toISOString(),
      webhook: e.webhook,
      entity: e.entity,
      record_id: e.record_id,
    }
    return walk(event, path, 1)
  }
  if (first !== 'record' || e.record_id === null) return undefined
  if (second === undefined) return { id: e.record_id, entity: e.entity, created: e.type === 'record.created' }
  if (second === 'fieldsUpdated') return changed(e)
  return walk({ id: e.record_id, entity: e.entity, created: e.type === 'record.created' }, path, 1)
}

function changed({ data, previous }: StoredEvent): number {
  return Object.keys(data).filter(key => JSON.stringify(data[key]) !== JSON.stringify(previous?.[key])).length
}

type Attributes = Record<'specversion' | 'id' | 'source' | 'type' | 'time' | 'datacontenttype', string> & { subject?: string }

/** The attributes of CloudEvents 1.0.2. */
function attributesOf(e: StoredEvent, publicUrl: string): Attributes {
  const subject = orderKey(e)
  return {
    specversion: '1.0',
    id: e.id,
    source: `${publicUrl}/webhooks/${encodeURIComponent(e.webhook)}`,
    type: e.type,
    time: e.created_at.toISOString(),
    datacontenttype: 'application/json',
    ...(subject !== null && { subject }),
  }
}

/** As the HTTP binding has it: attributes in headers, percent-encoded where they are not printable ASCII. */
function ceHeaders({ datacontenttype: _, ...attributes }: Attributes): Record<string, string> {
  const encode = (text: string) => text.replace(/[^\x21-\x7e]|["%]/gu, c => encodeURIComponent(c.isWellFormed() ? c : '\ufffd'))
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, encode(value)]))
}
