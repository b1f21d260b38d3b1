import type { Preset } from '../settings.ts'

export default {
  page: 'https://cal.com/docs/developing/guides/automation/webhooks',
  signature: { from: 'header:x-cal-signature-256' },
} satisfies Preset
