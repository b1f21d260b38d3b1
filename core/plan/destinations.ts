/** Where events go, how they are sent, and how long they are tried. */
import type { Destination } from '../config/config.ts'
import type { Path } from '../config/problem.ts'
import { compileSchedule } from '../outbox/schedule.ts'
import type { Found, Pair, Severity } from './change.ts'
import { duration, said, same } from './said.ts'
import { secretSettings, secrets } from './secrets.ts'

export function* destinations({ old, new: now }: Pair): Generator<Found> {
  const [before, after] = [old.config.destinations, now.config.destinations]
  for (const [name, was] of before) {
    const path = ['destinations', name]
    const is = after.get(name)
    if (is) yield* compare(was, is, path)
    else {
      const used = [...old.config.subscriptions.values()].some(({ to }) => to.includes(name))
      yield {
        severity: used ? 'breaking' : 'notice',
        rule: 'destination-removed',
        path,
        message: used ? 'gets nothing more, and what waits for it is not sent' : 'is gone; no subscription named it',
        cure: used ? `tell the receiver, and end what waits: \`postern deliveries cancel --destination ${name}\`` : 'nothing to do',
        gone: true,
      }
      for (const { name: subscription, to } of now.config.subscriptions.values())
        if (to.includes(name))
          yield {
            severity: 'breaking',
            rule: 'destination-still-subscribed',
            path: ['subscriptions', subscription, 'to', to.indexOf(name)],
            message: `names the destination '${name}', which is gone: this configuration does not load`,
            cure: `take '${name}' out of the subscription, or keep the destination`,
          }
    }
  }
  for (const [name, { kind, shown }] of after)
    if (!before.has(name))
      yield {
        severity: 'notice',
        rule: 'destination-added',
        path: ['destinations', name],
        message: `a destination of the kind ${kind.name}${shown.url === undefined ? '' : `: ${said(shown.url)}`}`,
        cure: 'see that the receiver is ready',
      }
}

function* compare(old: Destination, now: Destination, path: Path): Generator<Found> {
  if (old.kind.name !== now.kind.name) {
    yield {
      severity: 'breaking',
      rule: 'kind-changed',
      path: [...path, 'type'],
      message: 'events go another way',
      from: old.kind.name,
      to: now.kind.name,
      cure: 'tell the receiver',
    }
    return
  }
  yield* settings(old, now, path)
  yield* pace(old, now, path)
}

/** Settings of the kind whose change means more than that receivers see something else. */
const MEANS: Record<string, { when: (old: any, now: any) => boolean; severity: Severity; rule: string; message: string; cure: string }[]> =
  {
    allowPrivate: [
      {
        when: (_, now) => now === true,
        severity: 'security',
        rule: 'reach-widened',
        message: 'it may reach private addresses, this machine and the metadata service of a cloud',
        cure: 'list the address of the receiver under `server.allowedCidrs` instead',
      },
      {
        when: (_, now) => now !== true,
        severity: 'notice',
        rule: 'reach-narrowed',
        message: 'it reaches public addresses alone',
        cure: 'see that the receiver has one',
      },
    ],
    url: [
      {
        when: () => true,
        severity: 'breaking',
        rule: 'url-changed',
        message: 'events go to another address, and so does what is waiting',
        cure: 'see that the new receiver knows the key that signs, and takes events twice',
      },
    ],
  }

function* settings(old: Destination, now: Destination, path: Path): Generator<Found> {
  const { config } = now.kind
  const side = ({ settings, shown }: Destination) => ({ config, settings, shown })
  const signs = (destination: Destination) => Array.isArray(destination.shown.secrets) && destination.shown.secrets.length > 0
  if (signs(old) && !signs(now))
    yield {
      severity: 'security',
      rule: 'signature-removed',
      path: [...path, 'secrets'],
      message: 'events are sent unsigned: the receiver cannot tell them from those of others',
      from: said(old.shown.secrets),
      to: 'none',
      cure: 'keep a secret',
    }
  else yield* secrets(side(old), side(now), path, 'receivers that check what is signed or sent')
  const secret = secretSettings(config)
  for (const key of new Set([...Object.keys(old.shown), ...Object.keys(now.shown)])) {
    const [before, after] = [old.shown[key], now.shown[key]]
    if (secret.includes(key) || same(before, after)) continue
    const means = MEANS[key]?.find(({ when }) => when(before, after))
    const { when: _, ...told } = means ?? {
      when: undefined,
      severity: 'breaking' as const,
      rule: 'setting-changed',
      message: `events are sent with another ${key}`,
      cure: 'tell the receiver',
    }
    const text = (value: unknown) => said(value, config.properties[key]) ?? 'left out'
    yield { ...told, path: [...path, key], from: text(before), to: text(after) }
  }
}

function* pace(old: Destination, now: Destination, path: Path): Generator<Found> {
  const [before, after] = [retries(old), retries(now)]
  if (after.attempts < before.attempts || after.time < before.time)
    yield {
      severity: 'breaking',
      rule: 'retry-shortened',
      path: [...path, 'retry'],
      message: 'what fails is given up sooner',
      from: before.words,
      to: after.words,
      cure: 'see that the receiver is never down for that long',
    }
  if (old.ordered !== now.ordered)
    yield {
      severity: old.ordered ? 'breaking' : 'notice',
      rule: old.ordered ? 'order-lost' : 'order-kept',
      path: [...path, 'ordered'],
      message: old.ordered ? 'events of one record may overtake each other' : 'a dead letter holds up those of its record behind it',
      from: `${old.ordered}`,
      to: `${now.ordered}`,
      cure: old.ordered ? 'see that the receiver goes by their time' : 'look at dead letters with `postern deliveries list --status dead`',
    }
  if (old.cloudEvents !== now.cloudEvents)
    yield {
      severity: 'breaking',
      rule: 'format-changed',
      path: [...path, 'cloudEvents'],
      message: 'events have another form',
      from: old.cloudEvents ?? 'none',
      to: now.cloudEvents ?? 'none',
      cure: 'tell the receiver',
    }
  for (const [key, message] of [
    ['timeout', 'a slow receiver has less time for an answer'],
    ['disableAfter', 'it is disabled sooner when it fails'],
  ] as const) {
    const [was, is] = [old[key], now[key]]
    // For `disableAfter`, 0 is never.
    if (is > 0 && is < (was || Number.POSITIVE_INFINITY))
      yield {
        severity: 'notice',
        rule: `${key === 'timeout' ? 'timeout' : 'patience'}-shortened`,
        path: [...path, key],
        message,
        from: was ? duration(was) : 'never',
        to: duration(is),
        cure: 'see that the receiver is quick enough',
      }
  }
}

function retries({ retry }: Destination): { attempts: number; time: number; words: string } {
  const schedule = compileSchedule(retry, () => 0)
  let time = 0
  for (let attempt = 1; attempt <= schedule.attempts; attempt++) time += schedule.wait(attempt) ?? 0
  return { attempts: schedule.attempts, time, words: `${schedule.attempts} attempts within ${duration(time)}` }
}
