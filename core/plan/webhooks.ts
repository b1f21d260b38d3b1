/** Webhooks that came, went or got another name. */
import type { Webhook } from '../config/config.ts'
import type { Found, Pair } from './change.ts'
import { heirs } from './heirs.ts'

export function* webhooks(pair: Pair): Generator<Found> {
  const [before, after] = [pair.old.config.webhooks, pair.new.config.webhooks]
  const heir = heirs(pair)
  const known = new Set(heir.values())
  for (const webhook of before.values()) {
    const name = heir.get(webhook.name)
    if (name === webhook.name) continue
    yield name === undefined ? gone(webhook) : renamed(webhook, after.get(name)!)
    for (const subscription of pair.new.config.subscriptions.values())
      if (subscription.webhooks.includes(webhook.name))
        yield orphaned(webhook.name, subscription.name, subscription.webhooks.indexOf(webhook.name))
  }
  for (const { name, path, methods } of after.values())
    if (!known.has(name))
      yield {
        severity: 'notice',
        rule: 'webhook-added',
        path: ['webhooks', name],
        message: `answers ${methods.join(', ')} ${path}`,
        cure: 'give its senders the address and their credentials',
      }
}

function renamed(before: Webhook, after: Webhook): Found {
  const tokens = before.chain.some(({ plugin }) => plugin.name === 'auth-url-token')
  return {
    severity: tokens ? 'breaking' : 'notice',
    rule: 'webhook-renamed',
    path: ['webhooks', after.name],
    message: tokens
      ? 'has another name: no URL token that was made for the old one is let in'
      : 'has another name: idempotency keys, quotas and captured requests go by the name, and begin anew',
    from: before.name,
    to: after.name,
    cure: tokens ? `keep the name, or make new tokens with \`postern token create ${after.name}\`` : 'keep the name, if that matters',
  }
}

function gone({ name, path, methods }: Webhook): Found {
  return {
    severity: 'breaking',
    rule: 'webhook-removed',
    path: ['webhooks', name],
    message: `is gone: ${methods.join(', ')} ${path} answers 404`,
    cure: 'tell its senders first, and look with `postern requests list` whether any still come',
    gone: true,
  }
}

function orphaned(webhook: string, subscription: string, index: number): Found {
  return {
    severity: 'breaking',
    rule: 'webhook-still-subscribed',
    path: ['subscriptions', subscription, 'webhooks', index],
    message: `names the webhook '${webhook}', which is gone: this configuration does not load`,
    cure: `take '${webhook}' out of the subscription, or keep the webhook`,
  }
}
