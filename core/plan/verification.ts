/** Who is let in: steps that verify the sender, and how strong they are. */
import type { NestedStep } from '../plugin.ts'
import type { Found, Pair } from './change.ts'
import { heirs } from './heirs.ts'
import { same } from './said.ts'
import { type Placed, twins } from './steps.ts'

/** 3: the request itself is signed, or a token that ends. 2: a secret that the request carries. 0: nothing. */
const STRENGTH: Record<string, number> = {
  'auth-none': 0,
  'ip-allow': 1,
  'auth-url-token': 2,
  'auth-shared-secret': 2,
  'auth-bearer': 2,
  'auth-basic': 2,
  'auth-msgraph': 2,
  'auth-hmac': 3,
  'auth-jwt': 3,
  'auth-adyen': 3,
  'auth-plaid': 3,
  'auth-sns': 3,
  'auth-twilio': 3,
}
/** Of somebody's own plugin: what it does cannot be seen. */
const UNKNOWN = 2

/** Steps of this phase that look at what another one has verified, or at where a request comes from. */
const BESIDE = new Set(['replay-window', 'ip-allow', 'challenge'])

/** Whether a step decides who is let in. */
export const verifies = ({ plugin }: NestedStep): boolean =>
  plugin.phase === 'verify' && plugin.verifies !== false && !BESIDE.has(plugin.name)

/** The ways in that a step has: one, but for `auth-any`. */
const waysOf = (step: NestedStep): readonly NestedStep[] =>
  step.plugin.name === 'auth-any' && Array.isArray(step.settings.of) ? (step.settings.of as NestedStep[]) : [step]

/** Of several ways the weakest counts. */
const strength = (step: NestedStep): number => Math.min(...waysOf(step).map(({ plugin }) => STRENGTH[plugin.name] ?? UNKNOWN))

const isSame = (a: NestedStep, b: NestedStep): boolean => a.plugin.name === b.plugin.name && same(a.shown, b.shown)

/** What of some ways is in no others. */
const missing = (ways: readonly NestedStep[], from: readonly NestedStep[]) => ways.filter(way => !from.some(other => isSame(way, other)))

export function* verification(pair: Pair): Generator<Found> {
  for (const { steps } of twins(pair)) {
    const [lost, added] = [steps.lost, steps.added].map(list => list.filter(({ step }) => verifies(step)).sort(strongestFirst)) as [
      Placed[],
      Placed[],
    ]
    const rest = [...added]
    for (const old of lost) {
      const heir = rest.findIndex(({ step }) => strength(step) >= strength(old.step))
      // What is left over may stand in all the same: it is then weaker.
      const next = heir >= 0 ? rest.splice(heir, 1)[0] : rest.shift()
      if (heir >= 0) yield* replaced(old, next!)
      else if (strength(old.step) > 0) yield weakened(old, next)
    }
    for (const { step, path } of rest)
      if (strength(step) > 0)
        yield {
          severity: 'breaking',
          rule: 'verification-added',
          path,
          message: `requests need what '${step.plugin.name}' asks for, too`,
          cure: 'give senders their credentials, and tell them when they are wanted; `auth-any` takes the old way beside the new one',
        }
    for (const { old, new: now } of steps.kept) if (verifies(now.step)) yield* eased(old, now)
  }
  yield* open(pair)
}

const strongestFirst = (a: Placed, b: Placed) => strength(b.step) - strength(a.step)

function* replaced({ step: old }: Placed, { step, path }: Placed): Generator<Found> {
  const [lost, won] = [missing(waysOf(old), waysOf(step)), missing(waysOf(step), waysOf(old))]
  const change = { path, from: inWords(old), to: inWords(step) }
  if (lost.length)
    yield {
      ...change,
      severity: 'breaking',
      rule: 'verification-replaced',
      message: 'requests of senders that authenticate as before get 401',
      cure: 'put both into `auth-any` until every sender has changed',
    }
  else if (won.length)
    yield {
      ...change,
      severity: 'notice',
      rule: 'way-added',
      message: 'another way in stands beside the one that there was',
      cure: 'take the old one out when nobody uses it any more',
    }
}

const inWords = (step: NestedStep): string =>
  waysOf(step)
    .map(({ plugin }) => plugin.name)
    .join(' or ')

function weakened(old: Placed, next: Placed | undefined): Found {
  const name = old.step.plugin.name
  if (!next)
    return {
      severity: 'security',
      rule: 'verification-removed',
      path: old.path,
      message: `nobody has to pass '${name}' any more`,
      cure: 'put the step back, unless another one verifies the same',
      gone: true,
    }
  return {
    severity: 'security',
    rule: 'verification-weakened',
    path: next.path,
    message: strength(next.step) === 0 ? 'everybody is let in' : 'whoever sees one request can make others',
    from: inWords(old.step),
    to: inWords(next.step),
    cure: `keep '${name}'`,
  }
}

/** Other ways within `auth-any`. */
function* eased(old: Placed, now: Placed): Generator<Found> {
  if (now.step.plugin.name === 'auth-any') yield* replaced(old, now)
  if (strength(now.step) < strength(old.step))
    yield {
      severity: 'security',
      rule: 'verification-weakened',
      path: now.path,
      message: 'a weaker way in stands beside the others, and one is enough',
      from: inWords(old.step),
      to: inWords(now.step),
      cure: 'take it out, or move the senders that need it to a webhook of their own',
    }
}

/** A new address that everybody may call. */
function* open(pair: Pair): Generator<Found> {
  const known = new Set(heirs(pair).values())
  for (const { name, chain } of pair.new.config.webhooks.values()) {
    const index = chain.findIndex(({ plugin }) => plugin.name === 'auth-none')
    if (known.has(name) || index < 0 || chain.some(step => verifies(step) && strength(step) > 0)) continue
    yield {
      severity: 'security',
      rule: 'webhook-open',
      path: ['webhooks', name, 'chain', index, 'auth-none'],
      message: 'everybody is let in',
      cure: 'see that its reason is one',
    }
  }
}
