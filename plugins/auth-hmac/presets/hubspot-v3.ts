import type { Preset } from '../settings.ts'

// The URL is signed with its query. A query that needs escapes may have been signed in another spelling, and is then refused.
export default {
  page: 'https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation',
  encoding: 'base64',
  signature: { from: 'header:x-hubspot-signature-v3' },
  timestamp: { from: 'header:x-hubspot-request-timestamp', format: 'unix_ms' },
  signed: '{method}{url}{body}{timestamp}',
} satisfies Preset
