/** Which events go where. */
import type { EventType, Subscription } from '../config/config.ts'
import type { Path } from '../config/problem.ts'
import type { Found, Pair } from './change.ts'
import { heirs } from './heirs.ts'
import { said, same, without } from './said.ts'

export function* subscriptions(pair: Pair): Generator<Found> {
  const [before, after] = [pair.old.config.subscriptions, pair.new.config.subscriptions]
  for (const [name, old] of before) {
    const path = ['subscriptions', name]
    const now = after.get(name)
    if (now) yield* compare(old, now, path, pair)
    else
      yield {
        severity: 'breaking',
        rule: 'subscription-removed',
        path,
        message: `${old.to.join(', ')} ${old.to.length > 1 ? 'get' : 'gets'} no event of ${old.webhooks.join(', ')} by it`,
        cure: 'tell the receivers; what waits in the queue ends as dead, with NO_SUBSCRIPTION',
        gone: true,
      }
  }
  for (const [name, { webhooks, to }] of after)
    if (!before.has(name))
      yield {
        severity: 'notice',
        rule: 'subscription-added',
        path: ['subscriptions', name],
        message: `events of ${webhooks.join(', ')} go to ${to.join(', ')}`,
        cure: 'see that the receiver is ready for them',
      }
}

function* compare(old: Subscription, now: Subscription, path: Path, pair: Pair): Generator<Found> {
  const names = heirs(pair)
  const webhooks = old.webhooks.map(name => names.get(name) ?? name)
  yield* list('webhooks', webhooks, now.webhooks, path, 'its events are not sent', 'its events are sent, too')
  yield* list<EventType>('events', old.events, now.events, path, 'is not sent any more', 'is sent, too')
  yield* list('to', old.to, now.to, path, 'gets nothing by it', 'gets these events, too')
  if (old.when !== now.when)
    yield {
      severity: now.when === undefined ? 'notice' : 'breaking',
      rule: now.when === undefined ? 'condition-removed' : 'condition-changed',
      path: [...path, 'when'],
      message: now.when === undefined ? 'every event is sent' : 'events that were sent may not be, and others may',
      from: old.when ?? 'every event',
      to: now.when ?? 'every event',
      cure: 'tell the receivers',
    }
  if (!same(old.body, now.body))
    yield {
      severity: 'breaking',
      rule: 'body-changed',
      path: [...path, 'body'],
      message: 'receivers get another body',
      from: said(old.body) ?? 'the whole event',
      to: said(now.body) ?? 'the whole event',
      cure: 'tell the receivers, or send the old body until they have changed',
    }
}

function* list<T extends string>(
  key: string,
  old: readonly T[],
  now: readonly T[],
  path: Path,
  lost: string,
  won: string,
): Generator<Found> {
  const [gone, fresh] = [without(old, now), without(now, old)]
  const change = { path: [...path, key], from: said(old), to: said(now) }
  if (gone.length)
    yield {
      ...change,
      severity: 'breaking',
      rule: `${key}-removed`,
      message: `${gone.join(', ')}: ${lost}`,
      cure: 'tell the receivers',
    }
  if (fresh.length)
    yield {
      ...change,
      severity: 'notice',
      rule: `${key}-added`,
      message: `${fresh.join(', ')}: ${won}`,
      cure: 'see that the receivers are ready for them',
    }
}
