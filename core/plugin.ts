/**
 * The plugin contract: the one file that a plugin author reads.
 *
 * A plugin turns its YAML settings into a step, once per webhook. A step looks at the exchange and returns nothing (go on)
 * or a reply (stop). It may read, but it never writes: what must last is staged as an effect, and the core commits the
 * effects of many exchanges in one transaction after the whole chain has agreed.
 */
import { type Static, type TObject, Type } from '@sinclair/typebox'
import type { Draft, Finding, SenderPart, Signer } from './sender.ts'

export { credentialFindings, plainHttp } from './credential.ts'
export {
  type AnyDestinationKind,
  type DestinationHost,
  type DestinationKind,
  defineDestination,
  type Message,
  type Receipt,
  type Sender,
} from './destination.ts'
export { compileExpression, type Expression } from './expression.ts'
export { exactNumbers, type IsExact } from './numeral.ts'
export { headerFault, signingKey, urlFault } from './outgoing.ts'
export { type Ask, fetchText, type Keeping, type Kept, keep, type Send, Unavailable } from './remote.ts'
export type { Draft, Finding, Handshake, SenderField, SenderPart, Signer } from './sender.ts'
export { Duration, Secret, Size, Steps } from './settings.ts'
export { type Static, type TObject, Type }

/** Where in a chain a plugin belongs: `verify`, then `admit` and `shape` in any order, then `write`, then `emit`. YAML order is what runs; the phase only checks it. */
export type Phase = 'verify' | 'admit' | 'shape' | 'write' | 'emit'

/** A typed value that one plugin gives and a later one needs. Slots are the same when their names are. */
export interface Slot<T> {
  readonly name: string
  /** Never set: it carries the type. */
  readonly type?: T
}

export function slot<T>(name: string): Slot<T> {
  return { name }
}

/** When the sender signed the request, as the signature covers it, and how far off the scheme lets it be: all in milliseconds. */
export const signedAt: Slot<{ time: number; tolerance?: number; future?: number }> = slot('signed-at')

/** The id under which the sender delivers, the same each time it tries: what `idempotency: { from: preset }` goes by. */
export const deliveryId: Slot<string> = slot('delivery-id')

/** Set when the request is an echo of an event of our own: `dispatch` then writes no event. */
export const echo: Slot<true> = slot('echo')

/** Why and how a step says no: field (or `_general`) to sentences for the sender. */
export type Details = Record<string, string[]>

/** The end of a chain. The dialect of the webhook turns it into bytes. */
export type Reply = Refusal | Acceptance | Answer

export interface Refusal {
  kind: 'refusal'
  code: string
  status: number
  summary: string
  details?: Details
  /** For the operator's log, never for the sender. */
  reason?: string
  /** Seconds until the sender should try again; becomes `Retry-After`. */
  retryAfter?: number
}

/** A success without a record: the request was understood and there is nothing to keep. */
export interface Acceptance {
  kind: 'accepted'
}

/** Exact bytes, past the dialect: a handshake, say. */
export interface Answer {
  kind: 'answer'
  status: number
  headers: Record<string, string>
  body: string
}

/** A step returns nothing to go on, or a reply to stop. It never throws for a bad request: a throw is a bug and answers 500. */
export type Step = (x: Exchange) => undefined | Reply | Promise<undefined | Reply>

/** One request on its way through a chain. */
export interface Exchange {
  /** A ULID; names the exchange in logs and in the tables. */
  readonly id: string
  readonly webhook: string
  readonly method: string
  /** Path as received, without the query. */
  readonly path: string
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** The query exactly as it came, without the question mark. */
  readonly search: string
  readonly headers: Headers
  /** Address of the sender, after the trusted proxies. */
  readonly ip: string
  /** Epoch milliseconds. */
  readonly receivedAt: number
  /** The body's bytes exactly as they came. */
  readonly raw: Uint8Array
  /**
   * The `traceparent` for calls that follow from the request (W3C Trace Context): the trace that it came with, under a parent id made
   * for this exchange, or what `belongTo` was given. Undefined when it came with none that is valid.
   */
  readonly trace?: string | undefined
  /** From here on the event of this exchange belongs to this `traceparent`, and its deliveries carry it: they hang below that span. One that is not valid changes nothing. */
  belongTo(traceparent: string): void
  /** Runs when the answer is made, whatever it is: the webhook, its outcome and status, and the code of a refusal. It must not throw. */
  atEnd(listener: (end: { outcome: 'accepted' | 'replayed' | 'refused' | 'failed'; status: number; code?: string }) => void): void
  /** The payload before it is judged, for a `verify` or `admit` step that must look inside; undefined when the body is not JSON (or a form). Never trust it. */
  peek(): unknown
  /** The payload as parsed; readable from the first `shape` step on, so `verify` and `admit` steps have only `peek`. */
  readonly payload: Record<string, unknown>
  /** How the payload came: values of a query or a form are all text. */
  readonly format: 'json' | 'form' | 'query'
  /** What becomes the record: starts as the payload, and `shape` steps replace it. */
  data: Record<string, unknown>
  /** Values set aside for subscriptions and answers: `custom_variables.*`. */
  variables: Record<string, unknown>
  get<T>(slot: Slot<T>): T | undefined
  set<T>(slot: Slot<T>, value: T): void
  /** Adds a header to the answer, whatever that will be; one of the same name is added to, after a comma. */
  tell(header: string, value: string): void
  /** Adds a durable write to the commit of this exchange; nothing is written until the whole chain has agreed. */
  stage<Arg, Result>(effect: Effect<Arg, Result>, arg: Arg): void
}

/** A transaction; `query` takes Postgres SQL with `$1` parameters and returns its rows. */
export interface Tx {
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row[]>
}

/** One kind of durable write, always for a batch of exchanges. */
export interface Effect<Arg, Result = void> {
  readonly name: string
  /** Commit order is claim, write, seal. A refused claim takes its exchange out of the later stages. */
  readonly stage: 'claim' | 'write' | 'seal'
  /** What `apply` locks. The core sorts a batch by it, so that two batches cannot deadlock. */
  key(arg: Arg): string
  /** Writes the batch and returns one result for each item, in order. A refusal takes the whole exchange back: it is as if it had never come. A claim that refuses has written nothing for its item. */
  apply(tx: Tx, batch: readonly { x: Exchange; arg: Arg }[]): Promise<readonly (Result | Refusal)[]>
}

/** An effect that the core's one commit statement carries out itself; `apply` is never called. */
function builtin<Arg>(name: string, stage: Effect<Arg>['stage'], key: (arg: Arg) => string): Effect<Arg> {
  const apply = () => Promise.reject(new Error(`the effect '${name}' is part of the commit statement`))
  return { name, stage, key, apply }
}

/** Claims an idempotency key of this webhook. An earlier holder of the key is answered from its stored outcome. */
export const claimKey = builtin<{
  /** At most 255 characters. */
  key: string
  /** Tells two requests apart that use one key. */
  fingerprint: string
  /** Milliseconds for which the key is remembered. */
  ttl: number
  /** Answer when the key was used with another fingerprint; without it, the first outcome is replayed all the same. */
  mismatch?: Refusal
  /** Header that says `true` on a replayed answer. */
  replayedHeader?: string
}>('key', 'claim', a => a.key)

/** Counts a created record against a limit; an updated one is free. */
export const countRecord = builtin<{ scope: string; limit: number; exceeded: Refusal }>('quota', 'claim', a => a.scope)

/** Creates or updates one record. */
export const upsertRecord = builtin<{
  entity: string
  /** The id to create or update; with `match`, the id to create if none matches. At most 255 characters. */
  id: string
  /** Fields of which any one, in this order, may find an existing record by its present value. */
  match?: readonly { field: string; value: string }[]
  /** Compares `match` without regard to case. */
  ignoreCase?: boolean
  data: Record<string, unknown>
  /** `merge` keeps the fields that the data does not name; `replace` does not. */
  mode: 'merge' | 'replace'
}>('record', 'write', a => `${a.entity}/${a.id}`)

/** Writes the event of this exchange into the outbox: `record.created` or `record.updated`, or `webhook.received` when no record is written. */
export const emitEvent = builtin<{
  /** How often the event has gone round already; 0 unless told. */
  hops?: number
}>('event', 'seal', () => '')

/** Tokens that `postern token create` made, known by their hash alone. */
export interface Tokens {
  /** The webhook that a live token belongs to. Rejects with `Unavailable` when the store does not answer. */
  webhookOf(token: string): string | undefined | Promise<string | undefined>
}

/** What this gateway has sent, and how to know it when it comes back. */
export interface Outgoing {
  /** Whether an event of this id was raised here. Rejects with `Unavailable` when the store does not answer. */
  knows(event: string): Promise<boolean>
  /** How often the event behind a request has gone round, as the signed header of our own deliveries says; 0 for anything else. */
  hops(headers: Headers): number
}

/** A named kind of record, as the configuration declares it. */
export interface Entity {
  readonly name: string
  /** JSON Schema 2020-12; `{}` when none is given. */
  readonly schema: Record<string, unknown>
  /** What becomes of keys that the schema does not name. */
  readonly unknown: 'drop' | 'keep' | 'reject'
}

export interface LimiterRule {
  /** Prefix of the counters; the same name counts together, also between replicas. */
  name: string
  /** Takes allowed within the window. */
  limit: number
  /** Milliseconds. */
  window: number
}

export interface Limiter {
  /** Takes one; `resetAfter` is milliseconds until the window starts anew. Rejects with `Unavailable` when the counters cannot be reached. */
  take(key: string): Promise<{ allowed: boolean; remaining: number; resetAfter: number }>
}

/** What the core lends to a plugin while it compiles, and to its step. */
export interface Host<Code extends string = string> {
  readonly webhook: string
  /** `server.publicUrl` without a trailing slash; URL-signed schemes use it, never the Host header. */
  readonly publicUrl: string | undefined
  /** Epoch milliseconds; tests own the clock. */
  now(): number
  /** Says no by a code of the plugin's `refusals`. `reason` goes to the operator's log alone; details of a 401 never reach the sender. */
  refuse(code: Code, details?: Details, more?: { reason?: string; retryAfter?: number }): Refusal
  /** Ends the chain with a success that writes nothing more. */
  accept(): Acceptance
  /** An entity of the configuration; undefined when it is not declared. */
  entity(name: string): Entity | undefined
  /** Counts per key within a window, in memory or in Redis. A call rejects when Redis does not answer. */
  limiter(rule: LimiterRule): Limiter
  readonly tokens: Tokens
  readonly outgoing: Outgoing
  /** Tells which of the credentials in the settings matched, so that the operator sees when an old one can go; `value` is as the settings have it. */
  used(value: string): void
  /** For the operator. Never log a credential, a body or a header. */
  warn(message: string, fields?: Record<string, unknown>): void
  /** The host of a step that stands in the settings of this one. */
  within(step: NestedStep): Host<any>
  /** Runs when the webhook is unloaded, also after a load that failed half-way. */
  onClose(release: () => void | Promise<void>): void
}

/** What a step leaves behind, as far as its settings tell: subscriptions are checked by it when the configuration is loaded. */
export interface Leaves {
  /** What the data is like from here on; `anything` when the step changes it. Left out: it is as before. */
  data?: Shape | 'anything'
  /** Names under `custom_variables` that it may set. */
  variables?: readonly string[]
  /** Entity of the record that it writes. */
  record?: string
}

/** Data that a JSON Schema has judged. */
export interface Shape {
  schema: Record<string, unknown>
  /** There are no keys but those that the schema names, wherever it names some: the others were dropped or refused. */
  closed: boolean
  /** The entity whose schema it is. */
  entity?: string
}

/** What a plugin may look at while its settings are checked. */
export interface CheckHost extends Pick<Host, 'entity' | 'publicUrl' | 'webhook'> {
  /** Methods that the webhook takes. */
  readonly methods: readonly string[]
  /** An earlier step of the chain has verified who sends. */
  readonly verified: boolean
}

/** What a plugin may look at while a chain is judged. */
export interface LintHost extends CheckHost {
  /** The whole chain, in order. */
  readonly chain: readonly NestedStep[]
  /** Which of the chain's steps this one is. */
  readonly index: number
  /** The configuration looks like one that strangers reach: it has a `publicUrl`, or its store is a server. */
  readonly production: boolean
  /** Nothing comes over plain HTTP, as far as the configuration tells. */
  readonly https: boolean
}

/** What `check --strict` tells of a step. */
export interface Hint {
  /** Name of the rule in kebab case, the same for ever: `# allow RULE: why` beside the setting silences it. Left out, the plugin's name. */
  rule?: string
  /** Within the settings, `/a/0` say. */
  path: string
  message: string
}

/** A plugin with its settings: a step of a chain, or of a setting made by `Steps`. */
export interface NestedStep {
  readonly plugin: AnyPlugin
  readonly settings: Record<string, unknown>
  /** The settings with each secret as the YAML wrote it (`${NAME}`), never its value. */
  readonly shown: Record<string, unknown>
}

export interface Plugin<C extends TObject = TObject, Code extends string = string> {
  /** Name of the folder, of the YAML key and of the docs page. */
  name: string
  phase: Phase
  summary: string
  /** The one list of settings, a closed TypeBox object: types, defaults, YAML check, editor schema and docs come from it. */
  config: C
  /** The one list of ways in which it says no. */
  refusals: Record<Code, { status: number; summary: string }>
  /** May stand only once in a chain. */
  single?: boolean
  /**
   * Its step depends on nothing but the settings: webhooks with equal ones have it in common, and ten thousand of them are smaller and
   * quicker. Its host throws for `webhook`, `limiter`, `within` and `onClose`; the step takes `x.webhook`, and names it in what it warns of.
   */
  shared?: boolean
  /** False: a `verify` step that lets in whom it does not know, so that a chain with no other is a load error. */
  verifies?: boolean
  /** No earlier giver in the chain: a load error at the step's line. */
  needs?: readonly Slot<any>[] | ((config: Static<C>) => readonly Slot<any>[])
  gives?: readonly Slot<any>[] | ((config: Static<C>) => readonly Slot<any>[])
  /** Faults of settings that are each well-formed but make no sense together, or here; the path is within the settings, `/a/0` say. */
  check?(config: Static<C>, host: CheckHost): readonly { path: string; message: string }[]
  /** What makes no fault but no good chain either; `check --strict` tells it. The message names the danger, and then the cure. */
  lint?(config: Static<C>, host: LintHost): readonly Hint[]
  /** Media types beyond JSON's own of which the body is JSON all the same: Amazon SNS sends `text/plain`, say. */
  accepts?: readonly string[]
  /** Methods beyond the webhook's own of which this step answers some requests by itself; whatever it lets pass gets a 405. */
  methods?(config: Static<C>): readonly ('GET' | 'OPTIONS')[]
  sender?(config: Static<C>, host: Pick<Host, 'entity' | 'publicUrl' | 'webhook'>): SenderPart
  /** Adds to a request what the sender would: `postern send` and `sign: true` in `postern test`. A text says why it cannot. */
  sign?(config: Static<C>, draft: Draft, signer: Signer): undefined | string | Promise<undefined | string>
  /** Why a request that this step has refused did not pass, the likeliest first; `postern doctor` shows it to the operator alone. */
  diagnose?(
    config: Static<C>,
    x: Exchange,
    host: Pick<Host, 'now' | 'publicUrl' | 'webhook'>,
  ): readonly Finding[] | Promise<readonly Finding[]>
  /** Without it, a `shape` step may do anything to data and variables, and any other step leaves both alone. */
  leaves?(config: Static<C>, host: Pick<Host, 'entity'>): Leaves
  /** For a step that changes data: what it must be given so that it leaves data of this JSON Schema; undefined when that cannot be told. */
  expects?(config: Static<C>, schema: Record<string, unknown>): Record<string, unknown> | undefined
  /** Once per webhook: everything that is slow or can fail. */
  compile(config: Static<C>, host: Host<Code>): Step | Promise<Step>
}

/** A plugin of any settings and codes. */
export type AnyPlugin = Plugin<any, any>

/** Infers a plugin's settings and codes. */
export function definePlugin<C extends TObject, const Code extends string>(plugin: Plugin<C, Code>): Plugin<C, Code> {
  return plugin
}
