/** How the bodies of a webhook are read: by the gateway, and by whoever looks at a request of the past. */
import type { Webhook } from '../config/config.ts'
import { flattened } from '../config/nested.ts'
import type { Reading } from './payload.ts'

/** Undefined when they are read as usual. */
export function readingOf({ listAs, chain }: Webhook): Reading | undefined {
  const accepts = new Set<string>()
  for (const item of chain) for (const { plugin } of flattened(item)) for (const type of plugin.accepts ?? []) accepts.add(type)
  return listAs !== undefined || accepts.size > 0 ? { ...(listAs !== undefined && { listAs }), accepts } : undefined
}
