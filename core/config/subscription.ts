/** Subscriptions: the names in them must be declared, and their expressions and templates must fit the events that they take. */
import { compileExpression, type Vocabulary } from '../expression.ts'
import { agreement, dataPaths } from './agreement.ts'
import { characterAt } from './character.ts'
import type { Subscription, Webhook } from './config.ts'
import { source } from './expected.ts'
import { type Judge, judgeOf } from './judge.ts'
import { keyOf, type Node, plain, positionOf, reach } from './node.ts'
import type { Payload } from './payload.ts'
import { didYouMean, type Problems } from './problem.ts'
import type { Sections } from './schema.ts'
import { checkTemplate, EVENT_NAMES, templatePaths } from './template.ts'
import { checkNames, checkSources, itemPath, warnTwins } from './wiring.ts'

/** What `when` may name. */
export const SUBSCRIPTION_NAMES: Vocabulary = { objects: ['event', 'data', 'previous', 'custom_variables'], texts: ['webhook'] }

/** What a subscription may look at while it is read. */
export interface Around {
  webhooks: ReadonlyMap<string, Webhook>
  /** Of each webhook whose chain has no fault. */
  payloads: ReadonlyMap<string, Payload>
  /** False when a file could not be parsed: what is not found may well be in there. */
  complete: boolean
  problems: Problems
}

/** Reads every subscription; after a fault one may lack parts: the configuration is then never used. */
export function readSubscriptions(root: Node, decoded: Sections['subscriptions'], around: Around): Map<string, Subscription> {
  const { webhooks, payloads, complete, problems } = around
  const everyone = complete && payloads.size === webhooks.size ? [...payloads.values()] : undefined
  const all = new Map<string, Subscription>()
  for (const [name, raw] of Object.entries(decoded ?? {})) {
    const { webhooks, to, body, ...rest } = raw ?? {}
    const [from, into] = [[webhooks ?? []].flat(), [to ?? []].flat()]
    const at = keyOf(root, ['subscriptions', name])
    const subscription = { name, ...rest, webhooks: from, to: into, ...(body && { body: plain(body) }), at } as Subscription
    all.set(name, subscription)
    if (complete) checkNames(root, subscription, problems)
    checkSources(root, subscription, payloads, problems)
    const found = subscription.webhooks.map(other => payloads.get(other)).filter(payload => payload !== undefined)
    const known = found.length === subscription.webhooks.length ? found : []
    const judge = judgeOf(known, everyone)
    checkWhen(root, subscription, judge, problems)
    checkTemplate(body, EVENT_NAMES, ['subscriptions', name, 'body'], problems, (path, node) => {
      const fault = judge.fault(path)
      if (fault === undefined) return undefined
      return node.origin ? `${source(node.origin)} has a {{path}} that no event here can have` : `{{${path.join('.')}}}: ${fault}`
    })
    checkAgreement(root, subscription, known, problems)
  }
  warnTwins(root, [...all.values()], payloads, problems)
  return all
}

/** Every path that its `when` and its `body` read; none of a `when` that does not compile. */
export function pathsOf({ when, body }: Pick<Subscription, 'when' | 'body'>): (readonly string[])[] {
  const read = templatePaths(body)
  try {
    return when ? [...compileExpression(when, SUBSCRIPTION_NAMES).paths, ...read] : read
  } catch {
    return read
  }
}

function checkWhen(root: Node, { name, when }: Subscription, judge: Judge, problems: Problems): void {
  if (!when) return
  const path = ['subscriptions', name, 'when']
  const { node } = reach(root, path)
  const origin = node.kind === 'scalar' ? node.origin : undefined
  // What came from outside of the file is never quoted.
  const tell = (fault: string, index: number | undefined) =>
    origin
      ? problems.error(node.at, path, `${source(origin)} is no expression that fits the events here`)
      : problems.error(index === undefined ? node.at : characterAt(node, index), path, fault)
  /** Where a path that it reads stands. */
  const place = (read: readonly string[]) => {
    const text = read.join('.').replace(/[^\w]/g, '\\$&')
    return new RegExp(`(?<![\\w.])${text}(?!\\w)`).exec(when)?.index
  }
  try {
    const { paths, comparisons, conditions } = compileExpression(when, SUBSCRIPTION_NAMES)
    const faults = new Map(paths.map(read => [judge.fault(read), read]))
    for (const [fault, read] of faults) if (fault) tell(`${read.join('.')}: ${fault}`, place(read))
    const clash = (read: readonly string[], type: string, cure: (is: string) => string) => {
      const types = judge.types(read)
      const is = [...(types ?? [])].map(word).join(' or ')
      if (types && !types.has(type)) tell(`${read.join('.')} is ${is}${cure(is)}`, place(read))
    }
    for (const { path: read, type } of comparisons) clash(read, type, is => `: compare it with ${is}, not with ${word(type)}`)
    for (const read of conditions) clash(read, 'boolean', () => ', and has to be true or false here')
  } catch (error) {
    const { message, at } = error as Error & { at?: number }
    const unknown = /^Unknown variable: (\w+)/.exec(message)?.[1]
    const names = [...SUBSCRIPTION_NAMES.objects, ...SUBSCRIPTION_NAMES.texts]
    tell(unknown ? `${message}${didYouMean(unknown, names) || `; known are ${names.join(', ')}`}` : message, at)
  }
}

function checkAgreement(root: Node, subscription: Subscription, payloads: readonly Payload[], problems: Problems): void {
  const verdict = agreement(payloads, dataPaths(pathsOf(subscription)))
  if (verdict.kind === 'compatible' || !verdict.between) return
  const [earlier, later] = verdict.between
  const path = itemPath(root, subscription, 'webhooks', later.webhook)
  const at = positionOf(root, path)
  if (verdict.kind === 'breaking')
    problems.error(
      at,
      path,
      `'${earlier.webhook}' and '${later.webhook}' have no compatible payloads: ${verdict.reason}; give '${later.webhook}' a subscription of its own`,
    )
  else
    problems.warn(at, path, `whether '${earlier.webhook}' and '${later.webhook}' have compatible payloads is not known: ${verdict.reason}`)
}

const WORDS: Record<string, string> = { string: 'text', array: 'a list', object: 'an object', boolean: 'true or false' }
const word = (type: string) => WORDS[type] ?? (type === 'null' ? type : `a ${type}`)
