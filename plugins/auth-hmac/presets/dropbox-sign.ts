import type { Preset } from '../settings.ts'

// Only the time and the type of the event are signed, the rest of the body is not: treat it as a hint, and ask the API.
export default {
  page: 'https://developers.hellosign.com/docs/events/walkthrough/',
  jsonFormField: 'json',
  signature: { from: 'json:event.event_hash' },
  signed: '{json:event.event_time}{json:event.event_type}',
} satisfies Preset
