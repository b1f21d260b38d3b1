import type { Preset } from '../settings.ts'

export default {
  page: 'https://developers.notion.com/reference/webhooks',
  signature: { from: 'header:x-notion-signature', prefix: 'sha256=' },
} satisfies Preset
