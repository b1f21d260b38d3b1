/** Webhooks that have only got another name: they answer the same requests. */
import type { Webhook } from '../config/config.ts'
import type { Pair } from './change.ts'

/** The new name of each webhook that there still is, be it the old one. */
export function heirs({ old, new: now }: Pair): Map<string, string> {
  const fresh = [...now.config.webhooks.values()].filter(({ name }) => !old.config.webhooks.has(name))
  const names = new Map<string, string>()
  for (const webhook of old.config.webhooks.values()) {
    if (now.config.webhooks.has(webhook.name)) {
      names.set(webhook.name, webhook.name)
      continue
    }
    const heir = fresh.findIndex(other => isAlike(webhook, other))
    if (heir >= 0) names.set(webhook.name, fresh.splice(heir, 1)[0]!.name)
  }
  return names
}

function isAlike(a: Webhook, b: Webhook): boolean {
  const hosts = !a.host.length || !b.host.length || a.host.some(host => b.host.includes(host))
  return a.path === b.path && hosts && a.methods.some(method => b.methods.includes(method))
}
