/** Counters that replicas share when there is a Redis, and that this process keeps when there is none. */
import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel'
import { Redis } from 'ioredis'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { type Limiter, type LimiterRule, Unavailable } from '../plugin.ts'

export interface Kv {
  readonly kind: 'memory' | 'redis'
  limiter(rule: LimiterRule): Limiter
  close(): Promise<void>
}

/** Milliseconds; a Redis that is slower counts as away. */
const COMMAND_TIMEOUT = 250
/** Timeouts in a row after which it is not asked, and milliseconds until one command tries it again: each would cost its request the timeout. */
const TIMEOUTS = 3
const LEFT_ALONE = 3000

/** Opens the Redis at `url`, or memory when it is empty. A Redis that is away does not keep the gateway from starting. */
export function openKv(url: string, warn: (message: string, fields?: Record<string, unknown>) => void): Kv {
  if (url === '') {
    const asked: Asked = take => take()
    return { kind: 'memory', limiter: rule => limiterOf(new RateLimiterMemory(options(rule)), asked), close: async () => {} }
  }
  const redis = new Redis(url, {
    commandTimeout: COMMAND_TIMEOUT,
    connectTimeout: 2000,
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    retryStrategy: times => Math.min(100 * times, 2000),
  })
  let away = false
  redis.on('ready', () => (away = false))
  // Without a listener ioredis prints every failed attempt; one line per outage is enough.
  redis.on('error', error => {
    if (!away) warn('Redis does not answer', { error: error.message })
    away = true
  })
  // A connection that is gone says so at once, and is asked again as soon as it is back.
  const timedOut = handleWhen(error => (error as Error).message === 'Command timed out')
  const breaker = circuitBreaker(timedOut, { halfOpenAfter: LEFT_ALONE, breaker: new ConsecutiveBreaker(TIMEOUTS) })
  breaker.onBreak(() => {
    if (!away) warn('Redis does not answer in time', { leftAlone: `${LEFT_ALONE} ms` })
    away = true
  })
  breaker.onReset(() => (away = false))
  const asked: Asked = take =>
    // Whoever comes while one command tries would wait for it.
    breaker.state === CircuitState.HalfOpen ? Promise.reject(new Error('Redis is being tried again')) : breaker.execute(take)
  return {
    kind: 'redis',
    limiter: rule => limiterOf(new RateLimiterRedis({ ...options(rule), storeClient: redis, rejectIfRedisNotReady: true }), asked),
    close: async () => redis.disconnect(),
  }
}

/** Asks the counters, or rejects without asking. */
type Asked = (take: () => Promise<Taken>) => Promise<Taken>

interface Taken {
  allowed: boolean
  result: RateLimiterRes
}

/** The library counts whole seconds. */
function options(rule: LimiterRule) {
  return { keyPrefix: `postern:${rule.name}`, points: rule.limit, duration: Math.max(1, Math.ceil(rule.window / 1000)) }
}

function limiterOf(limiter: RateLimiterMemory | RateLimiterRedis, asked: Asked): Limiter {
  return {
    async take(key) {
      try {
        const { allowed, result } = await asked(() => consume(limiter, key))
        return { allowed, remaining: result.remainingPoints, resetAfter: result.msBeforeNext }
      } catch (cause) {
        throw new Unavailable('the counters do not answer', { cause })
      }
    },
  }
}

/** The library rejects with its result when the limit is reached, and with an Error when it could not count. */
function consume(limiter: RateLimiterMemory | RateLimiterRedis, key: string): Promise<Taken> {
  return limiter.consume(key).then(
    result => ({ allowed: true, result }),
    refusal => {
      if (refusal instanceof RateLimiterRes) return { allowed: false, result: refusal }
      throw refusal
    },
  )
}
