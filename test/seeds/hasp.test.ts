/** Hasp, "Inbound webhooks": every sentence of its page against the shipped example. */
import { onIncoming } from './incoming.ts'

await onIncoming({
  example: 'hasp',
  webhook: 'contact-form',
  entity: 'contact',
  base: '/api/hasp/v1/incoming/',
  loop: 'X-Hasp-Webhook-Id',
  foreignLoop: 'X-WorkApps-Webhook-Id',
  appId: 'X-Hasp-AppId',
})
