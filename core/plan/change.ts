/** One difference between two configurations, and what it means for whom. */
import type { Config, Position } from '../config/config.ts'
import type { Path } from '../config/problem.ts'

/** `breaking`: senders or receivers notice. `security`: something is guarded less than before. `notice`: good to know. */
export type Severity = 'breaking' | 'security' | 'notice'

/** Parts of a configuration that have changes of their own. */
export type Section = 'webhooks' | 'subscriptions' | 'destinations' | 'gateway'

export interface Change {
  readonly severity: Severity
  /** Name of what has happened, in kebab case: `method-removed`. */
  readonly rule: string
  readonly section: Section
  /** Of the webhook, subscription or destination; undefined for the gateway itself. */
  readonly name?: string
  /** `webhooks.orders.chain[1].quota.rate` */
  readonly path: string
  readonly message: string
  /** Before and after, in words: never the value of a secret. */
  readonly from?: string
  readonly to?: string
  /** What to do about it, or what to tell senders. */
  readonly cure: string
  readonly at: Position
  /** Which configuration `at` is in: what is gone stands in the old one alone. */
  readonly in: 'old' | 'new'
}

/** A change as a comparer finds it. */
export interface Found {
  severity: Severity
  rule: string
  /** From the top of the configuration. */
  path: Path
  /** The webhook that it is about, where the path does not say so. */
  webhook?: string
  message: string
  from?: string | undefined
  to?: string | undefined
  cure: string
  /** It stands in the old configuration alone. */
  gone?: boolean
}

/** One of the two configurations. */
export interface Side {
  readonly config: Config
  /** Where a setting stands. */
  at(path: Path): Position
}

export interface Pair {
  readonly old: Side
  readonly new: Side
}

/** Tells what has changed in a part of two configurations. */
export type Comparer = (pair: Pair) => Iterable<Found>
