import type { Preset } from '../settings.ts'

export default {
  page: 'https://www.typeform.com/developers/webhooks/secure-your-webhooks/',
  encoding: 'base64',
  signature: { from: 'header:typeform-signature', prefix: 'sha256=' },
  id: 'json:event_id',
} satisfies Preset
