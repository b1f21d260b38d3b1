import type { Preset } from '../settings.ts'

export default {
  page: 'https://docs.slack.dev/authentication/verifying-requests-from-slack',
  signature: { from: 'header:x-slack-signature', prefix: 'v0=' },
  timestamp: { from: 'header:x-slack-request-timestamp' },
  signed: 'v0:{timestamp}:{body}',
  id: 'json:event_id',
} satisfies Preset
