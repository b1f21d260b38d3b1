import type { Preset } from '../settings.ts'

export default {
  page: 'https://cal.com/docs',
  signature: { from: 'header:x-cal-signature-256' },
} satisfies Preset
