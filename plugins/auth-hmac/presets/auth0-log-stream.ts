import type { Preset } from '../settings.ts'

// The token of the stream is set as `Bearer <secret>`. A batch of several logs has no id of its own.
export default {
  page: 'https://auth0.com/docs/customize/log-streams/custom-log-streams',
  kind: 'static',
  from: 'header:authorization',
  prefix: 'Bearer ',
  id: 'json:[].log_id',
} satisfies Preset
