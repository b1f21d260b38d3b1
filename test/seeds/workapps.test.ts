/** WorkApps, "Inbound Webhooks": every sentence of its page against the shipped example. */
import { onIncoming } from './incoming.ts'

await onIncoming({
  example: 'workapps',
  webhook: 'lead-form',
  entity: 'lead',
  base: '/api/workapps/v1/incoming/',
  loop: 'X-WorkApps-Webhook-Id',
  foreignLoop: 'X-Hasp-Webhook-Id',
  replayed: 'X-Idempotent-Replayed',
  appId: 'X-WorkApps-AppId',
})
