/** Counters that replicas share when there is a Redis, and that this process keeps when there is none. */
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

/** Opens the Redis at `url`, or memory when it is empty. A Redis that is away does not keep the gateway from starting. */
export function openKv(url: string, warn: (message: string, fields?: Record<string, unknown>) => void): Kv {
  if (url === '') return { kind: 'memory', limiter: rule => limiterOf(new RateLimiterMemory(options(rule))), close: async () => {} }
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
  return {
    kind: 'redis',
    limiter: rule => limiterOf(new RateLimiterRedis({ ...options(rule), storeClient: redis, rejectIfRedisNotReady: true })),
    close: async () => redis.disconnect(),
  }
}

/** The library counts whole seconds. */
function options(rule: LimiterRule) {
  return { keyPrefix: `postern:${rule.name}`, points: rule.limit, duration: Math.max(1, Math.ceil(rule.window / 1000)) }
}

function limiterOf(limiter: RateLimiterMemory | RateLimiterRedis): Limiter {
  return {
    async take(key) {
      try {
        return verdict(true, await limiter.consume(key))
      } catch (refusal) {
        // The library rejects with its result when the limit is reached, and with an Error when it could not count.
        if (refusal instanceof RateLimiterRes) return verdict(false, refusal)
        throw new Unavailable('the counters do not answer', { cause: refusal })
      }
    },
  }
}

function verdict(allowed: boolean, result: RateLimiterRes) {
  return { allowed, remaining: result.remainingPoints, resetAfter: result.msBeforeNext }
}
