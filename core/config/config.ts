/** The checked configuration: what `load` gives and everything else reads. Durations are milliseconds, sizes bytes. */
import type { AnyDestinationKind, AnyPlugin, Entity } from '../plugin.ts'

/** Where something stands in the files; lines and columns count from 1. */
export interface Position {
  file: string
  line: number
  column: number
}

/** One step of a chain: a plugin and its decoded settings. */
export interface ChainItem {
  readonly plugin: AnyPlugin
  readonly settings: Record<string, unknown>
  /** The settings with each secret as the YAML wrote it (`${NAME}`), never its value: for docs and samples. */
  readonly shown: Record<string, unknown>
  /** Position of the item, or of the setting at a JSON Pointer within its settings (`/fields/a`). */
  at(pointer?: string): Position
}

export type Method = 'POST' | 'PUT' | 'PATCH' | 'GET'

export interface Webhook {
  readonly name: string
  /** For people: shown in documents. */
  readonly summary?: string
  /** `/a/{param}/b`; begins with a slash. */
  readonly path: string
  /** Lower case, without port; empty: any host. */
  readonly host: readonly string[]
  readonly methods: readonly Method[]
  /** Bytes. */
  readonly bodyLimit: number
  readonly active: boolean
  /** A body that is a bare JSON list becomes this field of the payload; left out, it is refused. */
  readonly listAs?: string
  /** `POST {path}/verify` tells whether a request would be let in, and stores nothing. */
  readonly verify: boolean
  /** Name of a dialect; `problem` is the built-in one. */
  readonly dialect: string
  /** A payload to show and to try. */
  readonly example?: Record<string, unknown>
  /** `last` samples of its requests are kept, each with `body` bytes of its body and without what is at the paths of `mask`. */
  readonly capture: { readonly last: number; readonly body: number; readonly mask: readonly string[] }
  readonly chain: readonly ChainItem[]
  /** Why the webhook answers 503 to everything: a secret that is empty or could not be read. */
  readonly closed?: string
  readonly at: Position
}

/** Templates of the answers of a webhook; `{{path}}` inside. */
export interface Dialect {
  readonly name: string
  readonly success: AnswerTemplate
  /** Instead of `success`, when an existing record was updated. */
  readonly updated?: Partial<AnswerTemplate>
  /** Instead of `success`, when no record was written. */
  readonly accepted?: Partial<AnswerTemplate>
  readonly error: { readonly contentType?: string; readonly body: unknown }
  /** Status, code and message instead of the defaults, by code. */
  readonly codes: Readonly<Record<string, { status?: number; code?: string; message?: string }>>
}

export interface AnswerTemplate {
  readonly status: number
  readonly body: unknown
}

export type EventType = 'record.created' | 'record.updated' | 'webhook.received'

/** Which events of which webhooks go where. */
export interface Subscription {
  readonly name: string
  readonly webhooks: readonly string[]
  readonly events: readonly EventType[]
  /** CEL, checked. */
  readonly when?: string
  /** Names of destinations. */
  readonly to: readonly string[]
  /** A template; without it the whole event is sent. */
  readonly body?: unknown
  readonly at: Position
}

/** An outgoing endpoint. */
export interface Destination {
  readonly name: string
  readonly kind: AnyDestinationKind
  /** Settings of its kind, decoded. */
  readonly settings: Record<string, unknown>
  /** The settings with each secret as the YAML wrote it, never its value. */
  readonly shown: Record<string, unknown>
  /** Milliseconds that one attempt may take. */
  readonly timeout: number
  /** Attempts at a time, of all replicas together. */
  readonly concurrency: number
  readonly rate?: { readonly limit: number; readonly per: number }
  readonly retry: Retry
  /** One event of a record at a time, in their order. */
  readonly ordered: boolean
  /** Milliseconds of nothing but failures after which it is disabled; 0: never. */
  readonly disableAfter: number
  readonly cloudEvents?: 'structured' | 'binary'
  /** Why nothing is sent: a secret that is empty or could not be read. Its events wait. */
  readonly closed?: string
  readonly at: Position
}

/** A list of waits, or a wait that doubles; with neither, the schedule of Standard Webhooks. Times are in milliseconds. */
export type Retry =
  /** The wait before each attempt, the first included: `[0, 5_000]` is one at once and one 5 s after it. */
  | { schedule: readonly number[]; attempts?: never; backoff?: never; max?: never }
  /** `attempts` in all (10), the first at once, the second after `backoff` (5 s), twice as long before each further one, up to `max` (24 h). */
  | { schedule?: never; attempts?: number; backoff?: number; max?: number }

export interface Config {
  readonly server: {
    readonly port: number
    readonly host: string
    /** Without a trailing slash. */
    readonly publicUrl?: string
    readonly trustedProxies: readonly string[]
    /** CIDRs that deliveries may reach although they are private. */
    readonly allowedCidrs: readonly string[]
    readonly requireHttps: boolean
    readonly tls?: { readonly cert: string; readonly key: string }
    readonly accessLog: boolean
    readonly brand: string
    /** `/openapi.json`, `/docs` and `/docs/{webhook}` are there. */
    readonly docs: boolean
    readonly drainDelay: number
    /** How long a sender may take for its body. */
    readonly bodyTimeout: number
    /** How long one request may take in all. */
    readonly requestTimeout: number
  }
  readonly store: { readonly url: string }
  /** Empty: no Redis. */
  readonly redis: { readonly url: string }
  /** `token` empty: the admin API is off. `shownToken` is the token's `${NAME}`. */
  readonly admin: { readonly port: number; readonly host: string; readonly token: string; readonly shownToken: string }
  readonly retention: { readonly events: number; readonly deliveries: number; readonly requests: number; readonly idempotency: number }
  /** Empty: none is written here. */
  readonly secrets: { readonly masterKey: string }
  readonly entities: ReadonlyMap<string, Entity>
  readonly webhooks: ReadonlyMap<string, Webhook>
  readonly dialects: ReadonlyMap<string, Dialect>
  readonly subscriptions: ReadonlyMap<string, Subscription>
  readonly destinations: ReadonlyMap<string, Destination>
  /** Every value that came from a secret setting; the logger blanks them. */
  readonly secretValues: readonly string[]
  /** Every NAME of a `${secret:NAME}`. */
  readonly secretNames: readonly string[]
  /** Of each secret whose default in the files is in effect: how it shows, and how the file says it. For the operator's terminal alone. */
  readonly secretPresets: ReadonlyMap<string, string>
  /** Every file that was read: what `--watch` watches. */
  readonly files: readonly string[]
}

/** A fault, or a warning, at its place. */
export interface Problem {
  readonly severity: 'error' | 'warning'
  readonly at: Position
  /** `webhooks.sales.chain[1].auth-hmac.secrets` */
  readonly path: string
  /** What is wrong and what to write instead. */
  readonly message: string
}
