import type { Preset } from '../settings.ts'

export default {
  page: 'https://developers.zoom.us/docs/api/webhooks/',
  signature: { from: 'header:x-zm-signature', prefix: 'v0=' },
  timestamp: { from: 'header:x-zm-request-timestamp' },
  signed: 'v0:{timestamp}:{body}',
} satisfies Preset
