import type { Preset } from '../settings.ts'

// Nothing is signed: whoever sees one request can send any other. GitLab signs where it is told to, see gitlab-signing.
export default {
  page: 'https://docs.gitlab.com/user/project/integrations/webhooks/',
  kind: 'static',
  from: 'header:x-gitlab-token',
  id: 'header:idempotency-key',
} satisfies Preset
