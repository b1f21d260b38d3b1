/** What is true of all webhooks: the address, what is believed of it, who reaches the admin API, where things are kept. */
import type { Config } from '../config/config.ts'
import type { Path } from '../config/problem.ts'
import type { Found, Pair, Severity } from './change.ts'
import { widened } from './ranges.ts'
import { duration, said, same } from './said.ts'

interface Rule {
  readonly path: Path
  readonly value: (config: Config) => unknown
  readonly severity: Severity
  readonly rule: string
  readonly message: string
  readonly cure: string
  readonly when?: (old: any, now: any) => boolean
  readonly words?: (value: any) => string
}

const on = (old: boolean, now: boolean) => !old && now
const off = (old: boolean, now: boolean) => old && !now
const wider = (old: readonly string[], now: readonly string[]) => widened(old, now).length > 0
const narrower = (old: readonly string[], now: readonly string[]) => wider(now, old)
const less = (old: number, now: number) => now < old
const isLocal = (host: string) => /^(localhost|127\..*|::1|\[::1\])$/.test(host)
const opened = (old: string, now: string) => isLocal(old) && !isLocal(now)
const server = (key: keyof Config['server']) => ({ path: ['server', key], value: ({ server }: Config) => server[key] })
const kept = (key: keyof Config['retention'], what: string): Rule => ({
  path: ['retention', key],
  value: ({ retention }) => retention[key],
  severity: 'security',
  rule: 'retention-shortened',
  message: `${what} are deleted sooner, also those that there are now`,
  cure: 'see that nobody has to look at them later than that',
  when: less,
  words: duration,
})

/** What a database is, without who one is there. */
const place = (url: string) => (url.startsWith('pglite:') ? url : url.replace(/^(\w+:\/\/)[^@/]*@/, '$1').replace(/[?#].*$/, ''))

const RULES: readonly Rule[] = [
  {
    ...server('requireHttps'),
    severity: 'security',
    rule: 'https-optional',
    message: 'requests come in over plain HTTP, with their credentials',
    cure: 'keep it on',
    when: off,
  },
  {
    ...server('requireHttps'),
    severity: 'breaking',
    rule: 'https-required',
    message: 'requests over plain HTTP get 403',
    cure: 'tell senders, and see that the proxy is in `server.trustedProxies`',
    when: on,
  },
  {
    path: ['server', 'tls'],
    value: ({ server }) => server.tls !== undefined,
    severity: 'security',
    rule: 'tls-removed',
    message: 'the gateway itself serves plain HTTP',
    cure: 'see that a proxy before it serves HTTPS, and that nobody gets round it',
    when: off,
  },
  {
    ...server('trustedProxies'),
    severity: 'security',
    rule: 'proxies-widened',
    message: 'more addresses are believed when they say who sends, and over what',
    cure: 'list the addresses of your own proxies alone',
    when: wider,
  },
  {
    ...server('trustedProxies'),
    severity: 'breaking',
    rule: 'proxies-narrowed',
    message: 'behind a proxy that is no longer listed, all senders have one address, and HTTPS counts as plain HTTP',
    cure: 'see that no request comes through it',
    when: narrower,
  },
  {
    ...server('allowedCidrs'),
    severity: 'security',
    rule: 'reach-widened',
    message: 'every destination may reach further private addresses',
    cure: 'list the receivers alone, not their network',
    when: wider,
  },
  {
    ...server('allowedCidrs'),
    severity: 'breaking',
    rule: 'reach-narrowed',
    message: 'deliveries to some private addresses fail',
    cure: 'see that no destination is there',
    when: narrower,
  },
  {
    ...server('publicUrl'),
    severity: 'breaking',
    rule: 'public-url-changed',
    message: 'documents name another address, and requests whose URL is signed have to be signed for it',
    cure: 'give senders the new address',
  },
  {
    ...server('brand'),
    severity: 'breaking',
    rule: 'brand-changed',
    message: 'the headers of the gateway have another prefix',
    cure: 'tell whoever reads them',
  },
  ...(['bodyTimeout', 'requestTimeout'] as const).map(
    (key): Rule => ({
      ...server(key),
      severity: 'notice',
      rule: 'timeout-shortened',
      message: 'slow requests are given up sooner',
      cure: 'nothing to do, unless a sender has a slow line',
      when: less,
      words: duration,
    }),
  ),
  {
    path: ['admin', 'host'],
    value: ({ admin }) => admin.host,
    severity: 'security',
    rule: 'admin-opened',
    message: 'the admin API is reached from other machines',
    cure: 'keep 127.0.0.1, or see that only operators come there',
    when: opened,
  },
  {
    path: ['admin', 'token'],
    value: ({ admin }) => admin.shownToken,
    severity: 'security',
    rule: 'secret-inline',
    message: 'the admin token stands in the file itself, for everybody who reads it',
    cure: 'write $' + '{POSTERN_ADMIN_TOKEN} in its place, and take another one',
    when: (old, now) => old !== now && now === '$SECRET',
  },
  {
    path: ['store', 'url'],
    value: ({ store }) => place(store.url),
    severity: 'breaking',
    rule: 'store-changed',
    message: 'records, keys, tokens and deliveries are kept elsewhere, and what there is stays behind',
    cure: 'move the database first',
  },
  {
    path: ['redis', 'url'],
    value: ({ redis }) => redis.url !== '',
    severity: 'security',
    rule: 'redis-removed',
    message: 'each replica counts rate limits by itself, so that they allow that many times more',
    cure: 'keep it where several replicas run',
    when: off,
  },
  kept('events', 'events'),
  kept('deliveries', 'deliveries'),
  kept('requests', 'captured requests'),
  kept('idempotency', 'idempotency keys'),
]

export function* gateway({ old, new: now }: Pair): Generator<Found> {
  for (const { path, value, when, words = said, severity, rule, message, cure } of RULES) {
    const [before, after] = [value(old.config), value(now.config)]
    if (same(before, after) || (when && !when(before, after))) continue
    yield { severity, rule, path, message, cure, from: words(before) ?? 'left out', to: words(after) ?? 'left out' }
  }
}
