import type { Preset } from '../settings.ts'

// SHA-1 is all that they offer.
export default {
  page: 'https://developers.intercom.com/docs/webhooks',
  algorithm: 'sha1',
  signature: { from: 'header:x-hub-signature', prefix: 'sha1=' },
  id: 'json:id',
} satisfies Preset
