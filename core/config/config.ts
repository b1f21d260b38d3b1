/** The checked configuration: what `load` gives and everything else reads. Durations are milliseconds, sizes bytes. */
import type { AnyPlugin, Entity } from '../plugin.ts'

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
  /** Name of a dialect; `problem` is the built-in one. */
  readonly dialect: string
  /** A payload to show and to try. */
  readonly example?: Record<string, unknown>
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

export interface Config {
  readonly server: {
    readonly port: number
    readonly host: string
    /** Without a trailing slash. */
    readonly publicUrl?: string
    readonly trustedProxies: readonly string[]
    readonly requireHttps: boolean
    readonly tls?: { readonly cert: string; readonly key: string }
    readonly brand: string
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
  readonly retention: { readonly events: number; readonly deliveries: number; readonly requests: number }
  readonly entities: ReadonlyMap<string, Entity>
  readonly webhooks: ReadonlyMap<string, Webhook>
  readonly dialects: ReadonlyMap<string, Dialect>
  /** Every value that came from a secret setting; the logger blanks them. */
  readonly secretValues: readonly string[]
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
