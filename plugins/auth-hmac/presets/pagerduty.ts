import type { Preset } from '../settings.ts'

export default {
  page: 'https://github.com/PagerDuty/developer-docs/blob/main/docs/webhooks/04-Signatures.md',
  signature: { from: 'header:x-pagerduty-signature', list: ',', kv: '=', key: 'v1' },
  id: 'json:event.id',
} satisfies Preset
