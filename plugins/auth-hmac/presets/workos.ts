import type { Preset } from '../settings.ts'

export default {
  page: 'https://workos.com/docs/events/data-syncing/webhooks',
  signature: { from: 'header:workos-signature', list: ',', kv: '=', key: 'v1' },
  timestamp: { from: 'sig:t', format: 'unix_ms', tolerance: 180_000 },
  signed: '{timestamp}.{body}',
  id: 'json:id',
} satisfies Preset
