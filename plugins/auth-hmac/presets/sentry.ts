import type { Preset } from '../settings.ts'

// Sentry-Hook-Timestamp is not signed: it must not serve as the timestamp.
export default {
  page: 'https://docs.sentry.io/organization/integrations/integration-platform/webhooks/',
  signature: { from: 'header:sentry-hook-signature' },
  id: 'header:request-id',
} satisfies Preset
