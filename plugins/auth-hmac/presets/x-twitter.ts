import type { Preset } from '../settings.ts'

export default {
  page: 'https://docs.x.com/x-api/webhooks/quickstart',
  encoding: 'base64',
  signature: { from: 'header:x-twitter-webhooks-signature', prefix: 'sha256=' },
} satisfies Preset
