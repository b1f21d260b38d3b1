import type { Preset } from '../settings.ts'

// The query is signed as it was sent.
export default {
  page: 'https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation',
  encoding: 'base64',
  signature: { from: 'header:x-hubspot-signature-v3' },
  timestamp: { from: 'header:x-hubspot-request-timestamp', format: 'unix_ms' },
  signed: '{method}{url}{body}{timestamp}',
} satisfies Preset
