import type { Preset } from '../settings.ts'

export default {
  page: 'https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures',
  encoding: 'base64',
  secret: { encoding: 'hex' },
  signature: { from: 'header:hmacsignature' },
} satisfies Preset
