/** Every route of the admin API. */
import { audit } from './audit.ts'
import { config } from './config.ts'
import { deliveries } from './deliveries.ts'
import { destinations } from './destinations.ts'
import { events } from './events.ts'
import { infer } from './infer.ts'
import { records } from './records.ts'
import { replay } from './replay.ts'
import { requests } from './requests.ts'
import type { Route } from './route.ts'
import { secrets } from './secrets.ts'
import { subscriptions } from './subscriptions.ts'
import { tokens } from './tokens.ts'
import { webhooks } from './webhooks.ts'

export const routes: readonly Route[] = [
  ...webhooks,
  ...requests,
  ...replay,
  ...infer,
  ...tokens,
  ...records,
  ...events,
  ...deliveries,
  ...destinations,
  ...subscriptions,
  ...secrets,
  ...audit,
  ...config,
]
