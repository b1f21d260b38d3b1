import type { Preset } from '../settings.ts'

export default {
  page: 'https://developer.atlassian.com/cloud/jira/platform/webhooks/',
  signature: { from: 'header:x-hub-signature', prefix: 'sha256=' },
  id: 'header:x-atlassian-webhook-identifier',
} satisfies Preset
