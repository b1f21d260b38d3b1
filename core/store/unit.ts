/** What one exchange asks of a commit, and what the commit answers. */
import type { claimKey, countRecord, Effect, Exchange, emitEvent, Refusal, upsertRecord } from '../plugin.ts'

type ArgOf<E> = E extends Effect<infer Arg, any> ? Arg : never

/** Values that an answer shows besides the record's own, by the path that the dialect has for each. */
export type Shown = Readonly<Record<string, unknown>>

/** The staged effects of one exchange: all of them are committed, or none. */
export interface Unit {
  readonly exchange: Exchange
  key?: ArgOf<typeof claimKey> & {
    /** Stored, so that a replay shows the same. */
    shown?: Shown
  }
  quota?: ArgOf<typeof countRecord>
  record?: ArgOf<typeof upsertRecord>
  event?: ArgOf<typeof emitEvent>
  /** Subscriptions cover the webhook, and this is their plan: the event goes into the outbox, too. */
  relay?: string
  /** Names of all that it locks; made once, when it is committed. */
  tokens?: readonly string[]
  /** Effects of plugins outside the commit statement. */
  custom: { effect: Effect<any, any>; arg: any }[]
}

/** What a committed (or earlier committed) exchange left behind; the dialect renders the answer from it alone. */
export interface Outcome {
  readonly record?: { readonly id: string; readonly created: boolean; readonly fieldsUpdated: number }
  /** An earlier exchange held the key, and this is its outcome. */
  readonly replayed: boolean
  /** A list has the values of an earlier version, which stored no paths, or none. */
  readonly shown: Shown | readonly unknown[]
}

/** `left` is milliseconds within which it must begin, or not at all; what has begun is waited for, since only its end tells what is true. */
export type Commit = (unit: Unit, left?: number) => Promise<Outcome | Refusal>

/** What a unit with a held key would be answered, without writing anything; undefined when nobody holds it. */
export type Earlier = (unit: Unit) => Promise<Outcome | Refusal | undefined>
