import type { Preset } from '../settings.ts'

export default {
  page: 'https://woocommerce.com/document/webhooks/',
  encoding: 'base64',
  signature: { from: 'header:x-wc-webhook-signature' },
} satisfies Preset
