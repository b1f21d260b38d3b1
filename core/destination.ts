/**
 * The contract of destinations: how events leave. A kind of destination turns its YAML settings into a sender, once per destination;
 * when to send, how often again, in which order and how many at a time is the core's.
 */
import type { Static, TObject } from '@sinclair/typebox'

/** One attempt at delivering one event. */
export interface Message {
  /** Of the event: the same on every attempt, and what a receiver deduplicates by. */
  readonly id: string
  /** `record.created`, `record.updated` or `webhook.received`. */
  readonly type: string
  /** Of the event, ISO 8601. */
  readonly time: string
  /** Webhook that raised it. */
  readonly webhook: string
  /** `entity/id` of the record; undefined when none was written. */
  readonly record: string | undefined
  /** Counted from 1. */
  readonly attempt: number
  /** Media type of the body. */
  readonly contentType: string
  readonly body: string
  /** To be sent along: what the loop guard knows an echo by, and the attributes of a binary CloudEvent. */
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds that the attempt may take in all. */
  readonly timeout: number
}

/** How an attempt ended. */
export type Receipt = {
  /** HTTP status, or what stands for it. */
  status?: number
  /** The beginning of the answer, for the operator. */
  response?: string
} & (
  | { ok: true }
  | {
      ok: false
      /** A stable code, such as TIMEOUT. */
      code: string
      /** For the operator: names hosts, never a credential, a path or a header's value. */
      message: string
      /** Milliseconds that the receiver asks to be left alone. */
      retryAfter?: number
      /** The receiver wants nothing more: the destination is disabled. */
      gone?: boolean
      /** The same message can never succeed: it is not tried again. */
      hopeless?: boolean
    }
)

/** Sends for one destination. */
export interface Sender {
  /** Never rejects: what goes wrong is a receipt. Called by as many at a time as the destination's concurrency allows. */
  send(message: Message): Promise<Receipt>
  /** Ends its connections; called when nothing is being sent any more. */
  close?(): void | Promise<void>
}

/** Headers that sign one attempt as Standard Webhooks 1.0.0: `id` of the event, `now` of the attempt, the body to the last byte. */
export type SignMessage = (id: string, now: number, body: string) => Record<string, string>

/** An HTTP request that goes only where it may; see `DestinationHost.http`. */
export interface HttpRequest {
  /** `https:` or `http:`, without credentials. */
  url: string
  method: 'POST' | 'PUT' | 'PATCH'
  headers: Readonly<Record<string, string>>
  body: string
  /** Milliseconds for everything. */
  timeout: number
}

/** What the core lends to a destination. */
export interface DestinationHost {
  readonly destination: string
  /** Epoch milliseconds; tests own the clock. */
  now(): number
  /** Compiles signing keys, the newest first; throws a sentence that never shows a key. */
  sign(secrets: readonly string[]): SignMessage
  /** An HTTP client that refuses private addresses, follows no redirect and reads at most 64 KiB; its answer is a receipt. */
  http(reach: { allowPrivate: boolean }): { send(request: HttpRequest): Promise<Receipt>; close(): void }
  /** Whether an address may be reached, as `server.allowedCidrs` and `allowPrivate` say: for kinds with a protocol of their own. */
  reachable(reach: { allowPrivate: boolean }): (address: string) => boolean
  /** For the operator. Never log a credential or a body. */
  warn(message: string, fields?: Record<string, unknown>): void
}

/** A kind of destination; `name` is what YAML says under `type`, and the folder. */
export interface DestinationKind<C extends TObject = TObject> {
  readonly kind: 'destination'
  name: string
  summary: string
  /** Its own settings, a closed TypeBox object; they stand beside those that every destination has. */
  config: C
  /** Faults of settings that are each well-formed but make no sense together, or here; the path is within the settings, `/a/0` say. */
  check?(config: Static<C>, host: Pick<DestinationHost, 'destination' | 'reachable'>): readonly { path: string; message: string }[]
  /** Once per destination and load: everything that is slow or can fail. Connect on the first message, not here: a receiver that is away must not stop a start. */
  open(config: Static<C>, host: DestinationHost): Sender | Promise<Sender>
}

/** A kind of any settings. */
export type AnyDestinationKind = DestinationKind<any>

/** Infers the settings of a kind. */
export function defineDestination<C extends TObject>(kind: Omit<DestinationKind<C>, 'kind'>): DestinationKind<C> {
  return { kind: 'destination', ...kind }
}
