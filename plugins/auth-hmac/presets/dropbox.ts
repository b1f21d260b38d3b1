import type { Preset } from '../settings.ts'

export default {
  page: 'https://www.dropbox.com/developers/reference/webhooks',
  signature: { from: 'header:x-dropbox-signature' },
} satisfies Preset
