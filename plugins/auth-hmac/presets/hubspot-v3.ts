import type { Preset } from '../settings.ts'

// The URL is signed with its query. Their page has some of its escapes decoded first, and their library does not: either passes.
// There is no id of the delivery: an eventId is not guaranteed to be unique, so that by it an event could be lost.
export default {
  page: 'https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation',
  encoding: 'base64',
  signature: { from: 'header:x-hubspot-signature-v3' },
  timestamp: { from: 'header:x-hubspot-request-timestamp', format: 'unix_ms' },
  signed: '{method}{url}{body}{timestamp}',
  url: 'decoded',
} satisfies Preset
