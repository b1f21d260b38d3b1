import type { Preset } from '../settings.ts'

// One header for each key of the account, of which there may be a hundred; more than 32 are refused like those of everybody else.
export default {
  page: 'https://developers.docusign.com/platform/webhooks/connect/hmac/',
  encoding: 'base64',
  signature: { from: 'header:x-docusign-signature-{1..100}' },
} satisfies Preset
