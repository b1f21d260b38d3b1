/** Steps that came, went or moved, but for those that verify the sender. */
import type { AnyPlugin } from '../plugin.ts'
import type { Found, Pair, Severity } from './change.ts'
import { twins } from './steps.ts'
import { verifies } from './verification.ts'

/** What it means that a step is gone. */
const LOST: Record<string, [severity: Severity, message: string]> = {
  'replay-window': ['security', 'whoever gets hold of one signed request can send it again for ever'],
  'ip-allow': ['security', 'requests come in from any address'],
  idempotency: ['security', 'a request that comes twice, by a retry or by somebody else, counts twice'],
  quota: ['security', 'nothing limits how many requests or records come'],
  validation: ['security', 'whatever is sent is written and told on, unjudged'],
  'loop-guard': ['security', 'a delivery of our own that comes back raises the next event'],
  challenge: ['breaking', 'the provider can no longer prove that the address is ours, and may turn the webhook off'],
  filter: ['breaking', 'requests that were left out make records and events'],
  mapping: ['breaking', 'records and events have the fields as senders name them'],
  upsert: ['breaking', 'no record is written'],
  dispatch: ['breaking', 'no event is raised, and subscriptions get nothing'],
}

/** What it means that a step is new. */
const ADDED: Record<string, [severity: Severity, message: string]> = {
  'replay-window': ['breaking', 'requests that come late, or of a clock that is wrong, get 401'],
  'ip-allow': ['breaking', 'requests from other addresses are refused'],
  quota: ['breaking', 'what is beyond the limit gets 429'],
  validation: ['breaking', 'payloads that do not fit get 422'],
  filter: ['breaking', 'requests that it is not true of make no record and no event'],
  mapping: ['breaking', 'records and events have other fields'],
}

export function* chain(pair: Pair): Generator<Found> {
  for (const { new: now, steps } of twins(pair)) {
    for (const { step, path } of steps.lost)
      if (!verifies(step))
        yield { ...told(step.plugin, LOST, 'removed'), path, cure: `put '${step.plugin.name}' back, unless that is meant`, gone: true }
    for (const { step, path } of steps.added)
      if (!verifies(step)) yield { ...told(step.plugin, ADDED, 'added'), path, cure: 'tell senders and receivers whom it may concern' }
    if (steps.moved)
      yield {
        severity: 'notice',
        rule: 'steps-moved',
        path: ['webhooks', now.name, 'chain'],
        message: 'its steps run in another order',
        cure: 'see that each finds what it needs; `postern requests replay` shows it',
      }
  }
}

function told({ name, phase }: AnyPlugin, known: typeof LOST, what: 'removed' | 'added'): Pick<Found, 'severity' | 'rule' | 'message'> {
  const [severity, message] = known[name] ?? [
    what === 'removed' && phase === 'verify' ? 'security' : 'notice',
    `the step '${name}' is ${what === 'removed' ? 'gone' : 'new'}`,
  ]
  return {
    severity,
    rule: `step-${what}`,
    message: known[name] ? `${message}: '${name}' is ${what === 'removed' ? 'gone' : 'new'}` : message,
  }
}
