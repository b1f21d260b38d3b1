/** The OpenAPI 3.1 document of the webhooks: what senders may send, and every answer that they may get. */
import type { Config } from '../config/config.ts'
import { merged, settled } from './merge.ts'
import { operationsOf } from './operation.ts'
import type { Profile } from './profile.ts'
import { shared } from './shared.ts'

type Json = Record<string, any>

/** What OpenAPI calls one path: the names in its braces make no difference. */
const shape = (path: string) => path.replace(/\{\w+\}/g, '{}')
const names = (path: string) => path.match(/\{\w+\}/g) ?? []

export function openapi(config: Config, profiles: readonly Profile[]): Json {
  const components = shared()
  const places = new Map<string, { path: string; item: Json; servers: Set<string>; own: boolean }>()
  const taken = new Set<string>()
  for (const profile of profiles) {
    for (const { path, method, operation } of operationsOf(profile, components)) {
      const place = places.get(shape(path)) ?? { path, item: {}, servers: new Set<string>(), own: false }
      places.set(shape(path), place)
      for (const base of profile.bases) place.servers.add(base)
      place.own ||= profile.webhook.host.length > 0
      const present = place.item[method]
      const here = renamed(operation, names(path), names(place.path))
      place.item[method] = present ? merged(present, here) : { ...here, operationId: unique(operation.operationId, taken) }
    }
  }
  const parts = components.components()
  const paths = [...places.values()].map(({ path, item, servers, own }) => [
    path,
    {
      ...(own && { servers: [...servers].map(url => ({ url })) }),
      ...Object.fromEntries(Object.entries<Json>(item).map(([method, operation]) => [method, settled(operation, parts)])),
    },
  ])
  return {
    openapi: '3.1.0',
    info: {
      title: 'Webhooks',
      version: '1',
      description: 'A 2xx means that what was sent is kept. Anything else means that nothing was written.',
    },
    // Without a public URL, the address that the document was fetched from: a relative one.
    servers: [{ url: config.server.publicUrl ?? '/' }],
    tags: profiles.map(({ webhook, title }) => ({
      name: webhook.name,
      ...(title !== webhook.name && { description: asMarkdown(title) }),
      externalDocs: { description: 'How to send', url: `/docs/${webhook.name}` },
    })),
    paths: Object.fromEntries(paths),
    components: parts,
  }
}

/** Text of the operator's that must stand as it is where Markdown and HTML are read. */
const asMarkdown = (text: string) => text.replace(/[\\`*_{}[\]<>#|~]/g, '\\$&')

function unique(wish: string, taken: Set<string>): string {
  let name = wish
  for (let i = 2; taken.has(name); i++) name = `${wish}-${i}`
  taken.add(name)
  return name
}

/** Of two paths that differ in the names of their parameters alone, the document has the first. */
function renamed(operation: Json, from: readonly string[], to: readonly string[]): Json {
  if (from.join() === to.join()) return operation
  const bare = (name: string | undefined) => name?.slice(1, -1)
  const changed = (name: string) => bare(to[from.findIndex(other => bare(other) === name)]) ?? name
  return {
    ...operation,
    parameters: operation.parameters.map((one: Json) => (one.in === 'path' ? { ...one, name: changed(one.name) } : one)),
  }
}
