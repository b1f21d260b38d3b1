import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Effect, Refusal } from '#core/plugin.ts'
import { openDatabase } from '#core/store/store.ts'
import type { Outcome, Unit } from '#core/store/unit.ts'
import { freshDatabase } from '../support/postgres.ts'
import { key, type Opened, onEveryStore, onPostgres, open, quota, record, refusal, T0, unit } from './open.ts'

onEveryStore('a commit', fresh => {
  let store: Opened
  beforeAll(async () => {
    store = await fresh()
  })
  afterAll(() => store.close())

  const commit = (...units: Unit[]) => Promise.all(units.map(u => store.commit(u)))
  const brief = (o: Outcome | Refusal) =>
    'kind' in o ? o.code : [o.record?.id, o.record?.created ? 'created' : 'updated', o.record?.fieldsUpdated, o.replayed].join(' ')
  const dataOf = async (id: string) => (await store.rows('select data, previous from records where id = $1', [id]))[0]
  const eventsOf = (id: string) => store.rows('select type, data, previous, variables from events where record_id = $1 order by id', [id])

  test('creates, then merges into the record, each with its event', async () => {
    expect((await commit(unit(record('a', { x: 1 })))).map(brief)).toEqual(['a created 1 false'])
    expect((await commit(unit(record('a', { y: 2, z: null })))).map(brief)).toEqual(['a updated 2 false'])
    expect(await dataOf('a')).toEqual({ data: { x: 1, y: 2, z: null }, previous: { x: 1 } })
    expect(await eventsOf('a')).toEqual([
      { type: 'record.created', data: { x: 1 }, previous: null, variables: { plan: 'pro' } },
      { type: 'record.updated', data: { x: 1, y: 2, z: null }, previous: { x: 1 }, variables: { plan: 'pro' } },
    ])
  })

  test('replaces the record when the upsert says so', async () => {
    await commit(unit(record('r', { x: 1, y: 1 })))
    await commit(unit(record('r', { y: 2 }, { mode: 'replace' })))
    expect(await dataOf('r')).toEqual({ data: { y: 2 }, previous: { x: 1, y: 1 } })
    await commit(unit(record('r', { z: 3 })))
    expect((await dataOf('r'))?.data).toEqual({ y: 2, z: 3 })
  })

  test('folds upserts of one id in the order in which they came', async () => {
    const outcomes = await commit(...[1, 2, 3, 4].map(n => unit(record('fold', { last: n, [`n${n}`]: true }))))
    expect(outcomes.map(brief)).toEqual(['fold created 2 false', 'fold updated 2 false', 'fold updated 2 false', 'fold updated 2 false'])
    expect((await dataOf('fold'))?.data).toEqual({ last: 4, n1: true, n2: true, n3: true, n4: true })
    expect((await eventsOf('fold')).map(e => e.data.last)).toEqual([1, 2, 3, 4])
  })

  test('an event without a record carries the payload', async () => {
    const only = unit()
    await commit(only)
    expect(await store.rows('select type, data, entity from events where id = $1', [`evt_${only.exchange.id}`])).toEqual([
      { type: 'webhook.received', data: { seen: true }, entity: null },
    ])
  })

  test('with no time left, it does not begin', async () => {
    expect(await store.commit(unit(record('late', {})), -1)).toMatchObject({ code: 'UNAVAILABLE', retryAfter: 1 })
    expect(await dataOf('late')).toBeUndefined()
    expect(brief(await store.commit(unit(record('late', {})), 5000))).toBe('late created 0 false')
  })

  test('no event when none is staged', async () => {
    await commit(unit({ ...record('silent', {}), event: false }))
    expect(await eventsOf('silent')).toEqual([])
  })

  test('of two equal keys the first wins and the other sees its outcome, together or one after the other', async () => {
    const together = await commit(unit({ ...record('k1', { a: 1 }), ...key('K') }), unit({ ...record('k2', { a: 1, b: 2 }), ...key('K') }))
    expect(together.map(brief)).toEqual(['k1 created 1 false', 'k1 created 1 true'])
    expect((await commit(unit({ ...record('k3', {}), ...key('K') }))).map(brief)).toEqual(['k1 created 1 true'])
    expect(await store.rows(`select id from records where id like 'k_'`)).toEqual([{ id: 'k1' }])
  })

  test('a replay tells what the first request did, not what the record is now', async () => {
    await commit(unit(record('seen', {})))
    const first = await commit(unit({ ...record('seen', { a: 1 }), ...key('update', { shown: { 'data.a': 'x' } }) }))
    expect(first.map(brief)).toEqual(['seen updated 1 false'])
    const [again] = await commit(unit({ ...record('seen', { a: 1 }), ...key('update') }))
    expect(again).toEqual({ record: { id: 'seen', created: false, fieldsUpdated: 1 }, replayed: true, shown: { 'data.a': 'x' } })
  })

  test('a key of another fingerprint is refused or replayed, as it says', async () => {
    const mismatch = refusal('IDEMPOTENCY_KEY_REUSED')
    await commit(unit({ ...record('m1', {}), ...key('M') }))
    const other = { fingerprint: 'other' }
    expect((await commit(unit({ ...record('m2', {}), ...key('M', { ...other, mismatch }) }))).map(brief)).toEqual([
      'IDEMPOTENCY_KEY_REUSED',
    ])
    expect((await commit(unit({ ...record('m2', {}), ...key('M', other) }))).map(brief)).toEqual(['m1 created 0 true'])
  })

  test('a key is one of its webhook, and is free again when its time is over', async () => {
    await commit(unit({ ...record('t1', {}), ...key('T', { ttl: 60_000 }) }))
    expect((await commit(unit({ webhook: 'other', ...record('t2', {}), ...key('T') }))).map(brief)).toEqual(['t2 created 0 false'])
    store.clock.now = T0 + 59_999
    expect((await commit(unit({ at: store.clock.now, ...record('t3', {}), ...key('T') }))).map(brief)).toEqual(['t1 created 0 true'])
    store.clock.now = T0 + 60_000
    expect((await commit(unit({ at: store.clock.now, ...record('t4', {}), ...key('T') }))).map(brief)).toEqual(['t4 created 0 false'])
    store.clock.now = T0
  })

  test('a poisonous row fails alone', async () => {
    const outcomes = await commit(unit(record('p1', { ok: 1 })), unit(record('p2', { bad: 'a\u0000b' })), unit(record('p3', { ok: 3 })))
    expect(outcomes.map(brief)).toEqual(['p1 created 1 false', 'VALIDATION_FAILED', 'p3 created 1 false'])
    expect(await store.rows(`select id from records where id like 'p_' order by id`)).toEqual([{ id: 'p1' }, { id: 'p3' }])
  })

  test('a record that merges made too large is refused, and nobody else of the batch', async () => {
    const store = await fresh()
    const grow = (key: string, by: number) => unit({ record: { entity: 'e', id: 'fat', data: { [key]: 'x'.repeat(by) }, mode: 'merge' } })
    expect(await store.commit(grow('a', 1e6))).toMatchObject({ record: { id: 'fat' } })
    // Up to just below the bound: as a payload it would take the embedded store seconds.
    await store.rows(`update records set data = data || jsonb_build_object('b', repeat('x', 32000000))`)
    const thin = unit({ record: { entity: 'e', id: 'thin', data: {}, mode: 'merge' } })
    const [fat, other] = await Promise.all([store.commit(grow('c', 1e6)), store.commit(thin)])
    expect(fat).toMatchObject({ code: 'VALIDATION_FAILED', details: { _general: ['With this, the record would have more than 32 MiB.'] } })
    expect(other).toMatchObject({ record: { created: true } })
    expect(await store.rows(`select id, array(select jsonb_object_keys(data) order by 1) as keys from records order by id`)).toEqual([
      { id: 'fat', keys: ['a', 'b'] },
      { id: 'thin', keys: [] },
    ])
    await store.close()
  }, 30_000)

  test('a quota counts created records alone, exactly, and a refused request spends neither it nor its key', async () => {
    const q = (id: string, more = {}) => unit({ webhook: 'limited', ...record(id, {}, { entity: 'q' }), ...quota(3, 'limited'), ...more })
    const first = await commit(...['q1', 'q2', 'q1', 'q3', 'q4', 'q5'].map(id => q(id)))
    expect(first.map(brief)).toEqual([
      'q1 created 0 false',
      'q2 created 0 false',
      'q1 updated 0 false',
      'q3 created 0 false',
      'QUOTA_EXCEEDED',
      'QUOTA_EXCEEDED',
    ])
    expect((await commit(q('q6', key('Q')), q('q2'), unit(record('free', {})))).map(brief)).toEqual([
      'QUOTA_EXCEEDED',
      'q2 updated 0 false',
      'free created 0 false',
    ])
    expect(await store.rows(`select used from quotas where scope = 'limited'`)).toEqual([{ used: 3 }])
    expect(await store.rows(`select key from idempotency_keys where key = 'Q'`)).toEqual([])
    const wider = unit({ webhook: 'limited', ...record('q6', {}, { entity: 'q' }), ...quota(4, 'limited'), ...key('Q') })
    expect((await commit(wider)).map(brief)).toEqual(['q6 created 0 false'])
    expect((await commit(q('q9', key('Q')))).map(brief)).toEqual(['q6 created 0 true'])
  })

  test('a new quota counts what its webhook made before', async () => {
    await commit(
      unit({ webhook: 'old', ...record('o1', {}, { entity: 'o' }) }),
      unit({ webhook: 'old', ...record('o2', {}, { entity: 'o' }) }),
    )
    const more = (id: string) => unit({ webhook: 'old', ...record(id, {}, { entity: 'o' }), ...quota(3, 'old') })
    expect((await commit(more('o3'), more('o4'))).map(brief)).toEqual(['o3 created 0 false', 'QUOTA_EXCEEDED'])
  })

  test('matching finds one record by any of several fields, also within a batch', async () => {
    const person = (id: string, email: string | undefined, phone: string | undefined) => {
      const data = { ...(email && { email }), ...(phone && { phone }) }
      const match = Object.entries(data).map(([field, value]) => ({ field, value }))
      return unit(record(id, data, { entity: 'person', match, ignoreCase: true }))
    }
    const outcomes = await commit(
      person('1', 'Ann@x.org', undefined),
      person('2', 'ann@X.org', '555'),
      person('3', undefined, '555'),
      person('4', 'bob@x.org', undefined),
    )
    expect(outcomes.map(brief)).toEqual(['1 created 1 false', '1 updated 2 false', '1 updated 1 false', '4 created 1 false'])
    // Two records match: the field that `match` names first decides.
    expect((await commit(person('5', 'bob@x.org', '555'))).map(brief)).toEqual(['4 updated 2 false'])
    // The present value counts, not a former one.
    await commit(unit(record('1', { email: 'new@x.org' }, { entity: 'person' })))
    expect((await commit(person('6', 'ann@x.org', undefined))).map(brief)).toEqual(['6 created 1 false'])
  })

  test("a plugin's own effects commit with the rest, sorted by key, or not at all", async () => {
    await store.rows('create table ledger (entry text primary key)')
    const seen: string[][] = []
    const ledger = (stage: Effect<string>['stage']): Effect<string, void> => ({
      name: `ledger-${stage}`,
      stage,
      key: arg => arg,
      async apply(tx, batch) {
        seen.push(batch.map(b => b.arg))
        const good = batch.filter(b => !b.arg.includes('bad'))
        for (const { arg } of good) await tx.query('insert into ledger values ($1)', [arg])
        return batch.map(b => (b.arg.includes('bad') ? (refusal('LEDGER_BAD') as never) : undefined))
      },
    })
    const own = (id: string, arg: string, stage: Effect<string>['stage'], more = {}) =>
      unit({ ...record(id, {}), custom: [{ effect: ledger(stage), arg }], ...more })
    expect((await commit(own('c1', 'b', 'claim'), own('c2', 'a', 'claim'))).map(brief)).toEqual([
      'c1 created 0 false',
      'c2 created 0 false',
    ])
    expect(seen[0]).toEqual(['a', 'b'])
    // A refusal after something was written takes back all of its exchange, and nothing of the others.
    const late = await commit(own('c3', 'c', 'seal'), own('c4', 'bad-1', 'seal'), own('c5', 'bad-2', 'claim'))
    expect(late.map(brief)).toEqual(['c3 created 0 false', 'LEDGER_BAD', 'LEDGER_BAD'])
    // A held key is found out after the claim: the claim is taken back.
    await commit(unit({ ...record('c6', {}), ...key('C') }))
    expect((await commit(own('c7', 'd', 'claim', key('C')), own('c8', 'e', 'claim'))).map(brief)).toEqual([
      'c6 created 0 true',
      'c8 created 0 false',
    ])
    expect((await store.rows('select entry from ledger order by entry')).map(r => r.entry)).toEqual(['a', 'b', 'c', 'e'])
    expect((await store.rows(`select id from records where id in ('c4', 'c5', 'c7')`)).length).toBe(0)
  })

  test('whatever the batch, keys and records come out as one after the other would make them', async () => {
    let run = 0
    const step = fc.record({ id: fc.constantFrom('1', '2', '3'), key: fc.option(fc.constantFrom('x', 'y')), value: fc.nat(9) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async steps => {
        const entity = `model${++run}`
        const records = new Map<string, Record<string, unknown>>()
        const claimed = new Map<string, string>()
        const expected = steps.map(s => {
          const holder = s.key === null ? undefined : claimed.get(s.key)
          if (holder) return `${holder} true`
          const created = !records.has(s.id)
          records.set(s.id, { ...records.get(s.id), [`v${s.value}`]: s.value })
          const line = `${s.id} ${created ? 'created' : 'updated'} 1`
          if (s.key !== null) claimed.set(s.key, line)
          return `${line} false`
        })
        const units = steps.map(s =>
          unit({ webhook: entity, ...record(s.id, { [`v${s.value}`]: s.value }, { entity }), ...(s.key === null ? {} : key(s.key)) }),
        )
        expect((await commit(...units)).map(brief)).toEqual(expected)
        const rows = await store.rows('select id, data from records where entity = $1 order by id', [entity])
        expect(rows).toEqual([...records].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, data]) => ({ id, data })))
      }),
      { numRuns: 60 },
    )
  })

  test('a full queue refuses with a time to try again', async () => {
    const many = await commit(...Array.from({ length: 10_300 }, (_, i) => unit(record(`many${i}`, {}, { entity: 'many' }))))
    const busy = many.filter(o => 'kind' in o)
    expect(busy.length).toBeGreaterThan(0)
    expect(busy[0]).toMatchObject({ code: 'UNAVAILABLE', status: 503, retryAfter: 1 })
    expect((await store.rows(`select count(*)::int n from records where entity = 'many'`))[0]?.n).toBe(many.length - busy.length)
  }, 60_000)
})

onPostgres('two gateways on one postgres', () => {
  let here: Opened
  let there: Opened
  beforeEach(async () => {
    const { url } = await freshDatabase()
    const both = await Promise.all([openDatabase(url), openDatabase(url)].map(async db => open(await db)))
    here = both[0] as Opened
    there = both[1] as Opened
  })
  afterEach(() => Promise.all([here.close(), there.close()]))
  const count = async (table: string) => (await here.rows(`select count(*)::int n from ${table}`))[0]?.n

  test('give one answer to one key at the same moment', async () => {
    const keys = Array.from({ length: 500 }, (_, i) => `k${i}`)
    const send = (s: Opened, side: string) => Promise.all(keys.map(k => s.commit(unit({ ...record(`${side}-${k}`, {}), ...key(k) }))))
    const [a, b] = await Promise.all([send(here, 'here'), send(there, 'there')])
    const idOf = (o: Outcome | Refusal) => ('kind' in o ? o.code : o.record?.id)
    expect(a.map(idOf)).toEqual(b.map(idOf))
    expect([await count('records'), await count('events')]).toEqual([500, 500])
  })

  test('make one record of one matched value', async () => {
    const person = (id: string, i: number) => unit(record(id, { email: `e${i}` }, { match: [{ field: 'email', value: `e${i}` }] }))
    const send = (s: Opened, side: string) => Promise.all(Array.from({ length: 100 }, (_, i) => s.commit(person(`${side}${i}`, i))))
    await Promise.all([send(here, 'a'), send(there, 'b')])
    expect(await count('records')).toBe(100)
    const indexes = () => here.rows(`select indisvalid as valid from pg_index where indexrelid::regclass::text like 'records_match_%'`)
    while ((await indexes())[0]?.valid !== true) await Bun.sleep(20)
    expect(await indexes()).toEqual([{ valid: true }])
  })

  test('count one quota together, to the record', async () => {
    const send = (s: Opened, side: string) =>
      Promise.all(Array.from({ length: 60 }, (_, i) => s.commit(unit({ ...record(`${side}${i}`, {}), ...quota(50) }))))
    const outcomes = (await Promise.all([send(here, 'a'), send(there, 'b')])).flat()
    expect(outcomes.filter(o => !('kind' in o)).length).toBe(50)
    expect([await count('records'), (await here.rows('select used from quotas'))[0]?.used]).toEqual([50, 50])
  })
})
