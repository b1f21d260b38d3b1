import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Retry } from '#core/config/config.ts'
import { type FailureCode, SendError } from '#core/outbox/failure.ts'
import { receiptOf, receiptOfFailure } from '#core/outbox/http.ts'
import { retryAfter } from '#core/outbox/retryAfter.ts'
import { compileSchedule, STANDARD } from '#core/outbox/schedule.ts'
import type { Receipt } from '#core/plugin.ts'

const NOW = Date.UTC(2026, 0, 15, 12)
const S = 1000
const H = 3_600_000
const calm = () => 0
const answer = (status: number, after?: string): Receipt =>
  receiptOf({ status, headers: after === undefined ? {} : { 'retry-after': after }, body: new Uint8Array() }, NOW)
const error = (code: FailureCode): Receipt => receiptOfFailure(new SendError(code, code))

test('the standard schedule', () => {
  expect(STANDARD.length).toBe(10)
  expect(STANDARD.reduce((a, b) => a + b)).toBe(75 * H + 35 * 60 * S + 5 * S)
})

describe('waits before each attempt', () => {
  const rows: [string, Retry | undefined, (number | undefined)[]][] = [
    ['nothing said', undefined, [...STANDARD, undefined]],
    ['nothing said', {}, [...STANDARD, undefined]],
    ['a list', { schedule: [0, 5 * S, 60 * S] }, [0, 5 * S, 60 * S, undefined]],
    ['a list that begins later', { schedule: [7 * S] }, [7 * S, undefined]],
    ['attempts', { attempts: 4 }, [0, 5 * S, 10 * S, 20 * S, undefined]],
    ['attempts and backoff', { attempts: 4, backoff: S }, [0, S, 2 * S, 4 * S, undefined]],
    ['attempts, backoff and max', { attempts: 5, backoff: S, max: 3 * S }, [0, S, 2 * S, 3 * S, 3 * S, undefined]],
    ['max alone', { max: 7 * S }, [0, 5 * S, 7 * S, 7 * S, 7 * S, 7 * S, 7 * S, 7 * S, 7 * S, 7 * S, undefined]],
    ['a backoff beyond a day', { attempts: 3, backoff: 48 * H }, [0, 48 * H, 48 * H, undefined]],
    ['one attempt', { attempts: 1 }, [0, undefined]],
  ]
  test.each(rows)('%s: %o', (_, retry, waits) => {
    const schedule = compileSchedule(retry, calm)
    expect(schedule.attempts).toBe(waits.length - 1)
    expect(waits.map((_, i) => schedule.wait(i + 1))).toEqual(waits)
  })

  test.each([
    [{ schedule: [] }, 'a retry schedule without an attempt delivers nothing'],
    [{ schedule: [0, -1] }, 'a wait of a retry schedule cannot be -1'],
    [{ schedule: [0, Number.NaN] }, 'a wait of a retry schedule cannot be NaN'],
    [{ schedule: [Number.POSITIVE_INFINITY] }, 'a wait of a retry schedule cannot be Infinity'],
    [{ attempts: 0 }, 'retry attempts cannot be 0'],
    [{ attempts: 2.5 }, 'retry attempts cannot be 2.5'],
    [{ attempts: 1001 }, 'retry attempts cannot be 1001'],
    [{ backoff: 0 }, 'retry backoff cannot be 0'],
    [{ backoff: 10, max: 9 }, 'retry max cannot be 9'],
    [{ schedule: [0], attempts: 3 }, 'either a schedule, or attempts, backoff and max'],
  ] as [Retry, string][])('%o is refused', (retry, message) => {
    expect(() => compileSchedule(retry)).toThrow(message)
  })
})

describe('what becomes of a delivery', () => {
  const delivered = { kind: 'delivered' }
  const dead = { kind: 'dead' }
  const retry = (after: number) => ({ kind: 'retry', after })
  const rows: [string, number, Receipt, object][] = [
    ['200', 1, answer(200), delivered],
    ['204', 10, answer(204), delivered],
    ['299', 1, answer(299), delivered],
    ['410', 1, answer(410), { kind: 'disable' }],
    ['410 on the last', 10, answer(410), { kind: 'disable' }],
    ['101', 1, answer(101), retry(5 * S)],
    ['301', 1, answer(301), retry(5 * S)],
    ['304', 2, answer(304), retry(300 * S)],
    ['400', 1, answer(400), retry(5 * S)],
    ['404', 9, answer(404), retry(24 * H)],
    ['500 on the last', 10, answer(500), dead],
    ['500 beyond the last', 11, answer(500), dead],
    ['a timeout', 1, error('TIMEOUT'), retry(5 * S)],
    ['no connection', 2, error('CONNECTION_FAILED'), retry(300 * S)],
    ['no TLS', 1, error('TLS_FAILED'), retry(5 * S)],
    ['a forbidden address: the name may come to resolve to another', 1, error('BLOCKED_ADDRESS'), retry(5 * S)],
    ['a timeout on the last', 10, error('TIMEOUT'), dead],
    ['a bad URL stays bad', 1, error('BAD_URL'), dead],
    ['a bad header stays bad', 1, error('BAD_HEADER'), dead],
    ['Retry-After in seconds', 1, answer(429, '60'), retry(60 * S)],
    ['Retry-After as a date', 1, answer(503, 'Thu, 15 Jan 2026 12:02:00 GMT'), retry(120 * S)],
    ['Retry-After on a redirect', 1, answer(302, '60'), retry(60 * S)],
    ['Retry-After before its time', 2, answer(429, '1'), retry(300 * S)],
    ['Retry-After of 0', 1, answer(503, '0'), retry(5 * S)],
    ['Retry-After in the past', 1, answer(503, 'Thu, 15 Jan 2026 11:00:00 GMT'), retry(5 * S)],
    ['Retry-After beyond a day', 1, answer(503, '999999'), retry(24 * H)],
    ['Retry-After beyond all bounds', 1, answer(503, '9'.repeat(400)), retry(24 * H)],
    ['Retry-After that is none', 1, answer(503, 'soon'), retry(5 * S)],
    ['Retry-After on the last', 10, answer(429, '60'), dead],
    ['Retry-After on a success', 1, answer(202, '60'), delivered],
  ]
  test.each(rows)('%s', (_, attempt, outcome, want) => {
    expect(compileSchedule(undefined, calm).judge(attempt, outcome)).toEqual(want as never)
  })

  test('a schedule with longer waits than a day keeps them', () => {
    expect(compileSchedule({ schedule: [0, 48 * H] }, calm).judge(1, answer(503, '5'))).toEqual({ kind: 'retry', after: 48 * H })
  })
})

describe('for any schedule', () => {
  const wait = fc.integer({ min: 0, max: 7 * 24 * H })
  const retry: fc.Arbitrary<Retry> = fc.oneof(
    fc.record({ schedule: fc.array(wait, { minLength: 1, maxLength: 30 }) }),
    fc
      .record({ attempts: fc.integer({ min: 1, max: 1000 }), backoff: fc.integer({ min: 1, max: H }), more: wait })
      .map(({ more, ...rest }) => ({ ...rest, max: rest.backoff + more })),
  )
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  const failure = fc.oneof(
    fc.constantFrom<Receipt>(error('TIMEOUT'), error('CONNECTION_FAILED'), error('TLS_FAILED'), error('BLOCKED_ADDRESS')),
    fc
      .tuple(
        fc.integer({ min: 100, max: 999 }).filter(s => (s < 200 || s > 299) && s !== 410),
        fc.option(
          fc.oneof(
            fc.nat().map(String),
            fc.date({ noInvalidDate: true }).map(d => d.toUTCString()),
            fc.string(),
          ),
          { nil: undefined },
        ),
      )
      .map(([status, after]) => answer(status, after)),
  )

  test('a failed attempt is followed by the next, in its time or later, until there is none', () => {
    fc.assert(
      fc.property(retry, chance, fc.array(failure, { minLength: 1 }), (settings, r, failures) => {
        const bases = compileSchedule(settings, calm)
        const schedule = compileSchedule(settings, () => r)
        for (let attempt = 1; attempt <= schedule.attempts; attempt++) {
          const outcome = failures[attempt % failures.length] as Receipt
          const verdict = schedule.judge(attempt, outcome)
          const base = bases.wait(attempt + 1)
          if (base === undefined) {
            expect(verdict).toEqual({ kind: 'dead' })
            continue
          }
          if (verdict.kind !== 'retry') throw new Error(verdict.kind)
          expect(Number.isSafeInteger(verdict.after)).toBe(true)
          expect(verdict.after).toBeGreaterThanOrEqual(base)
          expect(verdict.after).toBeLessThanOrEqual(Math.ceil(Math.max(base, 24 * H) * 1.2))
        }
      }),
    )
  })

  test('chance adds up to a fifth and never takes away', () => {
    fc.assert(
      fc.property(retry, chance, (settings, r) => {
        const bases = compileSchedule(settings, calm)
        const schedule = compileSchedule(settings, () => r)
        for (let attempt = 1; attempt <= schedule.attempts; attempt++) {
          const base = bases.wait(attempt) as number
          expect(Math.abs((schedule.wait(attempt) as number) - base * (1 + r / 5))).toBeLessThanOrEqual(0.5)
        }
      }),
    )
  })

  test('waits that double never shrink, and never exceed the most', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: H }), wait, (attempts, backoff, more) => {
        const schedule = compileSchedule({ attempts, backoff, max: backoff + more }, calm)
        const waits = Array.from({ length: attempts }, (_, i) => schedule.wait(i + 1) as number)
        expect(waits).toEqual([...waits].sort((a, b) => a - b))
        expect(Math.max(...waits)).toBeLessThanOrEqual(backoff + more)
        expect(schedule.wait(attempts + 1)).toBeUndefined()
      }),
    )
  })

  test('success and 410 do not depend on it', () => {
    fc.assert(
      fc.property(retry, fc.integer({ min: 200, max: 299 }), fc.nat({ max: 2000 }), (settings, status, attempt) => {
        const schedule = compileSchedule(settings)
        expect(schedule.judge(attempt, answer(status))).toEqual({ kind: 'delivered' })
        expect(schedule.judge(attempt, answer(410))).toEqual({ kind: 'disable' })
      }),
    )
  })
})

describe('Retry-After', () => {
  test.each([
    ['120', 120 * S],
    [' 120 ', 120 * S],
    ['0', 0],
    ['Thu, 15 Jan 2026 12:00:30 GMT', 30 * S],
    ['Thursday, 15-Jan-26 12:00:30 GMT', 30 * S],
    ['Thu Jan 15 12:00:30 2026', 30 * S],
    ['Sun Nov  6 08:49:37 1994', 0],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
    [undefined, undefined],
    ['', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    ['5s', undefined],
    ['2026', 2026 * S],
    ['2026-01-15T12:00:30Z', undefined],
    ['Thu, 15 Jan 2026 12:00:60 GMT', 60 * S],
    ['Wed, 99 Foo 2026', undefined],
    ['Wed, 99 Jan 2026 12:00:30 GMT', undefined],
    ['Wed, 00 Jan 2027 12:00:30 GMT', undefined],
    ['Sat, 31 Apr 2027 12:00:30 GMT', undefined],
    ['Mon, 29 Feb 2027 12:00:30 GMT', undefined],
    ['Monday, 31-Apr-27 12:00:30 GMT', undefined],
    ['Thu Apr 31 12:00:30 2027', undefined],
    ['Thu, 15 Jan 2026 24:00:00 GMT', undefined],
    ['Thu, 15 Jan 2026 12:60:00 GMT', undefined],
    ['Thu, 15 Jan 2026 12:00:61 GMT', undefined],
    ['Thu, 15 Jan 2026 12:00:30', undefined],
    ['Thu, 15 Jan 2026 12:00:30 +0100', undefined],
    ['tomorrow', undefined],
  ] as [string | undefined, number | undefined][])('%p', (text, want) => {
    expect(retryAfter(text, NOW)).toBe(want)
  })

  test('every date of HTTP is read', () => {
    const min = new Date(Date.UTC(1970, 0, 1))
    const max = new Date(Date.UTC(9999, 11, 31))
    fc.assert(
      fc.property(fc.date({ min, max, noInvalidDate: true }), date => {
        const time = Math.floor(date.getTime() / 1000) * 1000
        expect(retryAfter(date.toUTCString(), NOW)).toBe(Math.max(0, time - NOW))
      }),
    )
  })

  test('what is none is not read, and nothing throws', () => {
    fc.assert(fc.property(fc.string(), text => expect(retryAfter(text, NOW) ?? 0).toBeGreaterThanOrEqual(0)))
  })
})
