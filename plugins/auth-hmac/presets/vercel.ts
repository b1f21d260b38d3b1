import type { Preset } from '../settings.ts'

// SHA-1 is all that they offer.
export default {
  page: 'https://vercel.com/docs/webhooks/webhooks-api',
  algorithm: 'sha1',
  signature: { from: 'header:x-vercel-signature' },
  id: 'json:id',
} satisfies Preset
