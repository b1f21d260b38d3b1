import type { Preset } from '../settings.ts'

export default {
  page: 'https://developers.facebook.com/docs/graph-api/webhooks/getting-started',
  signature: { from: 'header:x-hub-signature-256', prefix: 'sha256=' },
  bodyVariants: ['raw', 'escapedUnicode'],
  id: 'json:entry[].changes[].value.messages[].id',
} satisfies Preset
