import type { Preset } from '../settings.ts'
import standardWebhooks from './standard-webhooks.ts'

export default { ...standardWebhooks, page: 'https://replicate.com/docs/topics/webhooks/verify-webhook' } satisfies Preset
