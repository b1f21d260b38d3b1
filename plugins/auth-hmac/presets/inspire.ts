import type { Preset } from '../settings.ts'

export default {
  page: 'Inspire, "Webhook Ingestion", Signature Verification',
  signature: { from: 'header:x-webhook-signature', prefix: 'sha256=' },
  timestamp: { from: 'header:x-webhook-timestamp' },
  signed: '{timestamp}.{body}',
} satisfies Preset
