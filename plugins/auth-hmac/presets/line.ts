import type { Preset } from '../settings.ts'

export default {
  page: 'https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/',
  encoding: 'base64',
  signature: { from: 'header:x-line-signature' },
} satisfies Preset
