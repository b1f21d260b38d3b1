import type { Preset } from '../settings.ts'

// While a key is being changed either of the two headers may be the right one.
export default {
  page: 'https://developer.box.com/guides/webhooks/v2/signatures-v2/',
  encoding: 'base64',
  require: { 'box-signature-version': '1', 'box-signature-algorithm': 'HmacSHA256' },
  signature: { from: ['header:box-signature-primary', 'header:box-signature-secondary'] },
  timestamp: { from: 'header:box-delivery-timestamp', format: 'rfc3339', tolerance: 600_000 },
  signed: '{body}{timestamp}',
} satisfies Preset
