import type { Preset } from '../settings.ts'

export default {
  page: 'https://razorpay.com/docs/webhooks/validate-test/',
  signature: { from: 'header:x-razorpay-signature' },
  id: 'header:x-razorpay-event-id',
} satisfies Preset
