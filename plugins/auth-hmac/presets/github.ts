import type { Preset } from '../settings.ts'

// X-Hub-Signature, without -256, is SHA-1 and is not looked at.
export default {
  page: 'https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries',
  signature: { from: 'header:x-hub-signature-256', prefix: 'sha256=' },
  id: 'header:x-github-delivery',
} satisfies Preset
