import type { Preset } from '../settings.ts'
import standardWebhooks from './standard-webhooks.ts'

export default { ...standardWebhooks, page: 'https://platform.openai.com/docs/guides/webhooks' } satisfies Preset
