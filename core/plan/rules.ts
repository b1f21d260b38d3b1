/** What it means that a setting of a built-in step has changed, as a table. */
import type { Severity } from './change.ts'
import { widened } from './ranges.ts'
import { same } from './said.ts'

/** Settings as they may be shown. */
export type Settings = Readonly<Record<string, any>>

/** The first setting of a rule that has changed is where it is told. */
export interface Rule {
  readonly plugin: string
  readonly settings: readonly string[]
  readonly severity: Severity
  readonly rule: string
  readonly message: string
  readonly cure: string
  /** Left out: any change. */
  when?(old: Settings, now: Settings): boolean
}

const FIVE_MINUTES = 5 * 60_000
const ALGORITHMS = ['sha1', 'sha256', 'sha512']
const algorithm = ({ algorithm, preset }: Settings) => ALGORITHMS.indexOf(algorithm ?? (preset === undefined ? 'sha256' : ''))
const pace = ({ rate }: Settings): number => (rate ? rate.limit / rate.per : Number.POSITIVE_INFINITY)
const most = ({ records }: Settings): number => records ?? Number.POSITIVE_INFINITY
const past = ({ tolerance = FIVE_MINUTES }: Settings): number => tolerance
const ahead = ({ future, tolerance = FIVE_MINUTES }: Settings): number => future ?? tolerance
const mismatch = ({ onMismatch, from }: Settings): string => onMismatch ?? (from === undefined ? 'refuse' : 'replay')
const tell = 'tell senders first'

export const RULES: readonly Rule[] = [
  {
    plugin: 'auth-hmac',
    settings: ['algorithm'],
    severity: 'security',
    rule: 'algorithm-weaker',
    message: 'the hash is a weaker one',
    cure: 'keep the stronger one',
    when: (old, now) => algorithm(now) >= 0 && algorithm(now) < algorithm(old),
  },
  {
    plugin: 'auth-hmac',
    settings: ['signed'],
    severity: 'security',
    rule: 'body-not-signed',
    message: 'the signature no longer covers the body, which anybody on the way can then change',
    cure: 'keep {body} in it',
    when: (old, now) => (old.signed ?? '{body}').includes('{body}') && now.signed !== undefined && !/\{(body|form:)/.test(now.signed),
  },
  {
    plugin: 'auth-hmac',
    settings: ['preset', 'kind', 'algorithm', 'encoding', 'secret', 'require', 'signature', 'signed', 'jsonFormField'],
    severity: 'breaking',
    rule: 'scheme-changed',
    message: 'requests have to be signed in another way',
    cure: 'put the old and the new scheme into `auth-any` until every sender has changed',
  },
  {
    plugin: 'auth-hmac',
    settings: ['timestamp'],
    severity: 'security',
    rule: 'window-widened',
    message: 'a captured request is good for longer',
    cure: 'keep the narrower tolerance',
    when: (old, now) => past(now.timestamp ?? {}) > past(old.timestamp ?? {}) || ahead(now.timestamp ?? {}) > ahead(old.timestamp ?? {}),
  },
  {
    plugin: 'auth-hmac',
    settings: ['timestamp'],
    severity: 'breaking',
    rule: 'scheme-changed',
    message: 'the time of signing is looked for elsewhere, in another form or in a narrower window',
    cure: tell,
    when: ({ timestamp: old = {} }, { timestamp: now = {} }) =>
      old.from !== now.from || old.format !== now.format || past(now) < past(old) || ahead(now) < ahead(old),
  },
  {
    plugin: 'auth-shared-secret',
    settings: ['query'],
    severity: 'security',
    rule: 'secret-in-url',
    message: 'the secret is part of the URL, which stays in the log of each proxy',
    cure: 'keep it in a header',
    when: (old, now) => old.query === undefined && now.query !== undefined,
  },
  {
    plugin: 'auth-shared-secret',
    settings: ['prefix'],
    severity: 'breaking',
    rule: 'scheme-changed',
    message: 'what stands before the secret is another text',
    cure: tell,
  },
  {
    plugin: 'replay-window',
    settings: ['tolerance', 'future'],
    severity: 'security',
    rule: 'window-widened',
    message: 'a captured request is good for longer',
    cure: 'keep the narrower window',
    when: (old, now) => past(now) > past(old) || ahead(now) > ahead(old),
  },
  {
    plugin: 'replay-window',
    settings: ['tolerance', 'future'],
    severity: 'breaking',
    rule: 'window-narrowed',
    message: 'requests that come late, or of a clock that is wrong, get 401',
    cure: tell,
    when: (old, now) => past(now) < past(old) || ahead(now) < ahead(old),
  },
  {
    plugin: 'ip-allow',
    settings: ['allow', 'deny'],
    severity: 'security',
    rule: 'addresses-widened',
    message: 'more addresses are let in',
    cure: 'see that each of them is a sender of yours',
    when: (old, now) => widened(old.allow, now.allow).length > 0 || widened(now.deny ?? [], old.deny ?? []).length > 0,
  },
  {
    plugin: 'ip-allow',
    settings: ['allow', 'deny'],
    severity: 'breaking',
    rule: 'addresses-narrowed',
    message: 'requests from some addresses are refused',
    cure: 'see that none of them is a sender of yours',
    when: (old, now) => widened(now.allow, old.allow).length > 0 || widened(old.deny ?? [], now.deny ?? []).length > 0,
  },
  {
    plugin: 'idempotency',
    settings: ['ttl'],
    severity: 'security',
    rule: 'keys-forgotten-sooner',
    message: 'a request that comes again after that counts twice',
    cure: 'keep it longer than senders go on trying',
    when: (old, now) => now.ttl < old.ttl,
  },
  {
    plugin: 'idempotency',
    settings: ['onMismatch'],
    severity: 'security',
    rule: 'mismatch-replayed',
    message: 'another request under a used key is dropped, and its sender told of success',
    cure: 'keep `refuse`',
    when: (old, now) => mismatch(old) === 'refuse' && mismatch(now) === 'replay' && now.from === undefined,
  },
  {
    plugin: 'idempotency',
    settings: ['onMismatch'],
    severity: 'breaking',
    rule: 'mismatch-refused',
    message: 'another request under a used key gets 422',
    cure: tell,
    when: (old, now) => mismatch(old) === 'replay' && mismatch(now) === 'refuse',
  },
  {
    plugin: 'idempotency',
    settings: ['required'],
    severity: 'security',
    rule: 'key-optional',
    message: 'a request without a key counts as new each time it comes',
    cure: 'keep the key required',
    when: (_, now) => now.required === false,
  },
  {
    plugin: 'idempotency',
    settings: ['required'],
    severity: 'breaking',
    rule: 'key-required',
    message: 'a request without a key gets 400',
    cure: tell,
    // By its header it is told as one.
    when: (_, now) => now.required === true && now.from !== undefined,
  },
  {
    plugin: 'idempotency',
    settings: ['header', 'from'],
    severity: 'breaking',
    rule: 'key-elsewhere',
    message: 'the key is looked for elsewhere: one that comes as before is not found, and its request counts as new',
    cure: 'tell senders first; for a while a retry may count twice',
  },
  {
    plugin: 'idempotency',
    settings: ['maxLength'],
    severity: 'breaking',
    rule: 'key-shorter',
    message: 'longer keys get 400',
    cure: tell,
    when: (old, now) => now.maxLength < old.maxLength,
  },
  {
    plugin: 'quota',
    settings: ['records', 'rate'],
    severity: 'breaking',
    rule: 'quota-lowered',
    message: 'what is beyond the limit gets 429, sooner than before',
    cure: 'look at what senders make of it now, and tell them',
    when: (old, now) => most(now) < most(old) || pace(now) < pace(old) || (old.rate && now.rate && now.rate.limit < old.rate.limit),
  },
  {
    plugin: 'quota',
    settings: ['records', 'rate'],
    severity: 'security',
    rule: 'quota-removed',
    message: 'one of the limits is gone',
    cure: 'keep it, high enough that nobody meets it',
    when: (old, now) => (old.rate && !now.rate) || (old.records !== undefined && now.records === undefined),
  },
  {
    plugin: 'quota',
    settings: ['onUnavailable'],
    severity: 'security',
    rule: 'quota-fails-open',
    message: 'while the counters cannot be reached nothing is limited',
    cure: 'keep `closed`, unless losing requests is worse',
    when: (_, now) => now.onUnavailable === 'open',
  },
  {
    plugin: 'loop-guard',
    settings: ['trust'],
    severity: 'security',
    rule: 'echo-forgeable',
    message: 'whoever sends the header, whatever is in it, keeps the event from being raised',
    cure: 'keep `known`',
    when: (_, now) => now.trust === 'any',
  },
  {
    plugin: 'filter',
    settings: ['when', 'otherwise'],
    severity: 'breaking',
    rule: 'filter-changed',
    message: 'other requests are taken, or the others get another answer',
    cure: 'run captured requests through it with `postern requests replay`',
  },
  {
    plugin: 'mapping',
    settings: ['fields'],
    severity: 'breaking',
    rule: 'fields-mapped-otherwise',
    message: 'fields of senders come into other fields of the record, or into none',
    cure: 'see that the schema, the subscriptions and the receivers know the new names',
    when: ({ fields: old = {} }, { fields: now = {} }) => Object.keys(old).some(name => !same(old[name], now[name])),
  },
  {
    plugin: 'mapping',
    settings: ['unmapped', 'nested'],
    severity: 'breaking',
    rule: 'fields-mapped-otherwise',
    message: 'records have other fields, or the same in another form',
    cure: 'see that the schema, the subscriptions and the receivers know them',
  },
  {
    plugin: 'mapping',
    settings: ['variables', 'defaults'],
    severity: 'breaking',
    rule: 'fields-mapped-otherwise',
    message: 'a value that was filled in or set aside is another one, or is not there',
    cure: 'see that no subscription and no receiver counts on it',
    when: (old, now) =>
      ['variables', 'defaults'].some(key => Object.keys(old[key] ?? {}).some(name => !same(old[key][name], now[key]?.[name]))),
  },
  {
    plugin: 'upsert',
    settings: ['entity'],
    severity: 'breaking',
    rule: 'entity-changed',
    message: 'records are of another kind: those of the old one stay as they are, and are found under it alone',
    cure: 'move what there is, and see that subscriptions and readers know the new name',
  },
  {
    plugin: 'upsert',
    settings: ['idField', 'idFieldQuery', 'match', 'ignoreCase'],
    severity: 'breaking',
    rule: 'records-told-apart-otherwise',
    message: 'what updated a record may now make another one, or update another',
    cure: 'see that the records which there are have what is now gone by',
  },
  {
    plugin: 'upsert',
    settings: ['merge'],
    severity: 'breaking',
    rule: 'update-changed',
    message: 'an update treats the fields that it does not name in another way',
    cure: 'tell senders that send only what has changed',
  },
  {
    plugin: 'auth-none',
    settings: ['reason'],
    severity: 'notice',
    rule: 'reason-changed',
    message: 'has another reason',
    cure: 'nothing to do',
  },
]
