import type { Preset } from '../settings.ts'

export default {
  page: 'https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/',
  signature: { from: 'header:x-hub-signature', prefix: 'sha256=' },
  id: 'header:x-request-uuid',
} satisfies Preset
