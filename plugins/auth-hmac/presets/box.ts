import type { Preset } from '../settings.ts'

// While a key is being changed either of the two headers may be the right one. Box-Delivery-Id is another one for each try; the id
// in the body stays: https://developer.box.com/guides/webhooks/v2/
export default {
  page: 'https://developer.box.com/guides/webhooks/v2/signatures-v2/',
  encoding: 'base64',
  require: { 'box-signature-version': '1', 'box-signature-algorithm': 'HmacSHA256' },
  signature: { from: ['header:box-signature-primary', 'header:box-signature-secondary'] },
  timestamp: { from: 'header:box-delivery-timestamp', format: 'rfc3339', tolerance: 600_000 },
  signed: '{body}{timestamp}',
  bodyVariants: ['raw', 'escapedUnicode'],
  id: 'json:id',
} satisfies Preset
