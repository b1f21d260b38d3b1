import type { Preset } from '../settings.ts'

// Five seconds is the tolerance of their own libraries; a queue before the gateway needs more.
export default {
  page: 'https://developer.paddle.com/webhooks/about/signature-verification',
  signature: { from: 'header:paddle-signature', list: ';', kv: '=', key: 'h1' },
  timestamp: { from: 'sig:ts', tolerance: 5_000 },
  signed: '{timestamp}:{body}',
  id: 'json:event_id',
} satisfies Preset
