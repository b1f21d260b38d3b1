/** Which subscriptions a configuration has, as a short text: two replicas with the same one send the same events to the same places. */
import { createHash } from 'node:crypto'
import type { Config } from './config.ts'

export function planOf({ subscriptions, destinations }: Pick<Config, 'subscriptions' | 'destinations'>): string {
  const all = [...subscriptions.values()].map(({ at: _, ...subscription }) => subscription)
  const order = [...destinations.values()].map(({ name, ordered }) => [name, ordered])
  return createHash('sha256')
    .update(JSON.stringify([all, order]))
    .digest('hex')
    .slice(0, 12)
}
