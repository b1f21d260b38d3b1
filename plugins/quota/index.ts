/** Limits how many records a webhook makes in all, and how fast requests come. */
import ipaddr from 'ipaddr.js'
import { countRecord, Duration, definePlugin, type Exchange, type Host, type Refusal, type Static, Type } from '#core/plugin.ts'

const config = Type.Object(
  {
    records: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Records that may be created in all; an update of an existing record is free.' }),
    ),
    rate: Type.Optional(
      Type.Object(
        {
          limit: Type.Integer({ minimum: 1, description: 'Requests allowed within `per`.' }),
          per: Duration({ description: 'Length of the window, in whole seconds.' }),
          headers: Type.Boolean({
            default: true,
            description: 'Tells senders what is left, in the fields `RateLimit-Policy` and `RateLimit` of the answer.',
          }),
          by: Type.Union([Type.Literal('webhook'), Type.Literal('ip')], {
            default: 'webhook',
            description: 'Whose requests are counted together: all of the webhook, or those of one address; of IPv6, of one /64.',
          }),
        },
        { additionalProperties: false, description: 'How fast requests may come.' },
      ),
    ),
    scope: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        description: 'Name under which is counted; webhooks with the same one share their limits. Default: the name of the webhook.',
      }),
    ),
    onUnavailable: Type.Union([Type.Literal('open'), Type.Literal('closed')], {
      default: 'closed',
      description: 'While the counters of `rate` cannot be reached: let requests through (open) or refuse them (closed).',
    }),
  },
  { additionalProperties: false },
)

type Rate = NonNullable<Static<typeof config>['rate']>
type Code = 'QUOTA_EXCEEDED' | 'RATE_LIMITED' | 'UNAVAILABLE'

export default definePlugin<typeof config, Code>({
  name: 'quota',
  phase: 'admit',
  summary: 'Limits how many records a webhook makes in all, and how fast requests come.',
  config,
  refusals: {
    QUOTA_EXCEEDED: { status: 429, summary: 'The record quota is used up.' },
    RATE_LIMITED: { status: 429, summary: 'Too many requests; try again later.' },
    UNAVAILABLE: { status: 503, summary: 'The rate limit cannot be checked right now; try again.' },
  },
  check: c => [
    ...(c.records === undefined && !c.rate
      ? [{ path: '', message: 'limits nothing; write `records: 10000` or `rate: { limit: 10, per: 1s }`' }]
      : []),
    // The counters, and the fields that tell of them, know whole seconds alone.
    ...(c.rate && !(c.rate.per > 0 && c.rate.per % 1000 === 0)
      ? [{ path: '/rate/per', message: 'must be whole seconds, and longer than 0; write 1s, say' }]
      : []),
  ],
  lint(c, { production, chain }) {
    const knows = chain.some(({ plugin }) => plugin.phase === 'verify' && plugin.name !== 'auth-none' && plugin.verifies !== false)
    const byAddress = chain.some(({ plugin, settings }) => plugin.name === 'quota' && (settings.rate as Rate | undefined)?.by === 'ip')
    if (!production || knows || byAddress) return []
    const message =
      'nobody is verified here, so that one stranger can use up what is meant for all: add a `rate` with `by: ip`, or a verify step'
    return [{ rule: 'limit-shared-with-strangers', path: c.rate ? '/rate' : '/records', message }]
  },
  sender: c => ({
    refusals: [...(c.records === undefined ? [] : ['QUOTA_EXCEEDED']), ...(c.rate ? ['RATE_LIMITED', 'UNAVAILABLE'] : [])],
    ...(c.rate?.headers && {
      answers: { RateLimit: { description: 'What is left of the rate, and in how many seconds it starts anew.' } },
    }),
  }),
  compile(c, host) {
    const scope = c.scope ?? host.webhook
    const count = c.records === undefined ? undefined : records(c.records, scope, host)
    const limited = c.rate && rate(c.rate, c.onUnavailable, scope, host)
    if (!limited) return count ?? (() => undefined)
    return async x => (await limited(x)) ?? count?.(x)
  },
})

/** Only stages: the count is taken in the commit, so that a refused request has used up nothing. */
function records(limit: number, scope: string, host: Host<Code>): (x: Exchange) => undefined {
  const arg = { scope, limit, exceeded: host.refuse('QUOTA_EXCEEDED', { _general: ['Record count quota exceeded.'] }) }
  return x => {
    x.stage(countRecord, arg)
  }
}

function rate(
  { limit, per, by, headers }: NonNullable<Static<typeof config>['rate']>,
  onUnavailable: 'open' | 'closed',
  scope: string,
  host: Host<Code>,
): (x: Exchange) => Promise<Refusal | undefined> {
  const limiter = host.limiter({ name: `quota/${scope}`, limit, window: per })
  const policy = `"${by}";q=${limit};w=${per / 1000}`
  let warned = Number.NEGATIVE_INFINITY
  return async x => {
    try {
      const { allowed, remaining, resetAfter } = await limiter.take(by === 'ip' ? sender(x.ip) : '')
      const seconds = Math.max(1, Math.ceil(resetAfter / 1000))
      if (headers) {
        x.tell('RateLimit-Policy', policy)
        x.tell('RateLimit', `"${by}";r=${Math.max(0, remaining)};t=${seconds}`)
      }
      return allowed ? undefined : host.refuse('RATE_LIMITED', undefined, { retryAfter: seconds })
    } catch (error) {
      const reason = `the rate limit could not be checked: ${error instanceof Error ? error.message : error}`
      if (onUnavailable === 'closed') return host.refuse('UNAVAILABLE', undefined, { reason, retryAfter: 1 })
      // Once a minute: an outage at 20,000 requests a second must not fill the disk too.
      if (host.now() - warned >= 60_000) {
        warned = host.now()
        host.warn(`${reason}; requests go through uncounted`)
      }
    }
  }
}

/** An IPv6 sender by its /64, since that is the least that one gets: it has 2^64 addresses to come from. */
function sender(ip: string): string {
  if (!ipaddr.isValid(ip)) return ip
  const address = ipaddr.process(ip)
  if (address.kind() === 'ipv4') return address.toString()
  const { parts } = address as ipaddr.IPv6
  return `${parts
    .slice(0, 4)
    .map(part => part.toString(16))
    .join(':')}::/64`
}
