import type { Preset } from '../settings.ts'

// X-Shopify-Triggered-At is not signed: it must not serve as the timestamp.
export default {
  page: 'https://shopify.dev/docs/apps/build/webhooks/subscribe/https',
  encoding: 'base64',
  signature: { from: 'header:x-shopify-hmac-sha256' },
  id: 'header:x-shopify-webhook-id',
} satisfies Preset
