import type { Preset } from '../settings.ts'

// The value of the header is the secret, whatever it begins with.
export default {
  page: 'https://developer.okta.com/docs/concepts/event-hooks/',
  kind: 'static',
  from: 'header:authorization',
  id: 'json:eventId',
} satisfies Preset
