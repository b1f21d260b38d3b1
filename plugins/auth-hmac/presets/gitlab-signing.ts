import type { Preset } from '../settings.ts'
import standardWebhooks from './standard-webhooks.ts'

export default { ...standardWebhooks, page: 'https://docs.gitlab.com/user/project/integrations/webhooks/' } satisfies Preset
