/** The commit against bad plugins, lost connections, slow stores and other replicas. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import pg from 'pg'
import type { Effect, Refusal } from '#core/plugin.ts'
import type { Database } from '#core/store/database.ts'
import { openDatabase } from '#core/store/store.ts'
import type { Outcome, Unit } from '#core/store/unit.ts'
import { key, type Opened, onPostgres, open, quota, record, refusal, unit } from '../store/open.ts'
import { freshDatabase } from '../support/postgres.ts'

function brief(outcome: Outcome | Refusal): string {
  if ('kind' in outcome) return outcome.code
  const { record, replayed } = outcome
  return record ? `${record.id} ${record.created ? 'created' : 'updated'}${replayed ? ', replayed' : ''}` : 'accepted'
}

/** What came of each unit, committed together. */
const together = (store: Opened, ...units: Unit[]) =>
  Promise.all(units.map(u => store.commit(u).then(brief, (error: Error) => `failed: ${error.message}`)))
const count = async (store: Opened, table: string, where = 'true') =>
  (await store.rows(`select count(*)::int n from ${table} where ${where}`))[0]?.n

const effect = (name: string, apply: Effect<string>['apply'], stage: Effect<string>['stage'] = 'write'): Effect<string> => ({
  name,
  stage,
  key: arg => arg,
  apply,
})
const staged = (id: string, of: Effect<string>, webhook = 'hook') => unit({ webhook, ...record(id, {}), custom: [{ effect: of, arg: id }] })

onPostgres('an effect of a plugin', () => {
  let store: Opened
  beforeAll(async () => {
    store = await open(await openDatabase((await freshDatabase()).url))
  })
  afterAll(() => store.close())

  const bugs: [string, Effect<string>, string][] = [
    ['throws', effect('bug', () => Promise.reject(new Error('oops'))), 'oops'],
    [
      'throws at once',
      effect('bug', () => {
        throw new TypeError('oops')
      }),
      'oops',
    ],
    [
      'asks for a table that is not there',
      effect('bug', async tx => (await tx.query('select * from nowhere')) as never),
      'relation "nowhere" does not exist',
    ],
    ['writes bad SQL', effect('bug', async tx => (await tx.query('selekt')) as never), 'syntax error at or near "selekt"'],
    ['gives too few results', effect('bug', async () => []), '0 results for 1 items'],
    ['gives no results', effect('bug', async () => undefined as never), 'undefined results for 1 items'],
    [
      'has a key that throws',
      {
        ...effect('bug', async () => []),
        key: () => {
          throw new Error('oops')
        },
      },
      'oops',
    ],
  ]
  test.each(bugs)('that %s fails its own exchange alone', async (_, bad, why) => {
    const [a, b] = ['a', 'b'].map(side => crypto.randomUUID() + side) as [string, string]
    expect(await together(store, unit(record(a, {})), staged('bad', bad), unit(record(b, {})))).toEqual([
      `${a} created`,
      `failed: the effect 'bug' failed: ${why}`,
      `${b} created`,
    ])
    expect(await count(store, 'records', `id = 'bad'`)).toBe(0)
  })

  test('that swallows a failed query fails its own exchange alone', async () => {
    const bad = effect(
      'bug',
      async (tx, batch) => {
        await tx.query('select * from nowhere').catch(() => {})
        return batch.map(() => undefined)
      },
      'claim',
    )
    const [first, second] = await together(store, unit(record('good', {})), staged('bad', bad))
    expect(first).toBe('good created')
    expect(second).toStartWith('failed: current transaction is aborted')
  })

  test('of two webhooks by one name is two effects', async () => {
    const seen: string[] = []
    const own = (mark: string) => effect('marked', async (_, batch) => batch.map(b => seen.push(`${mark} ${b.arg}`) as never))
    await together(store, staged('one-1', own('one'), 'one'), staged('two-1', own('two'), 'two'))
    expect(seen).toEqual(['one one-1', 'two two-1'])
  })

  test('that refuses takes back its own exchange, and the others still go together', async () => {
    const sizes: number[] = []
    const picky = effect('picky', async (_, batch) => {
      sizes.push(batch.length)
      return batch.map(b => (b.arg === 'picky-7' ? (refusal('PICKY') as never) : undefined))
    })
    const outcomes = await together(store, ...Array.from({ length: 40 }, (_, i) => staged(`picky-${i}`, picky)))
    expect(outcomes.filter(o => o.endsWith('created'))).toHaveLength(39)
    expect(outcomes[7]).toBe('PICKY')
    // Once with it, once without, once alone, in whatever batches they came.
    expect(Math.max(...sizes)).toBeGreaterThan(30)
    expect(sizes.length).toBeLessThan(8)
  })

  test('that never answers gives its lane back, and cannot write into the transactions of others', async () => {
    let late: Promise<string> | undefined
    const stuck = effect('stuck', async tx => {
      await new Promise(done => setTimeout(done, 5500))
      late = tx.query('create table late (n int)').then(String, String)
      return [undefined]
    })
    const start = performance.now()
    const outcomes = await together(store, staged('stuck-1', stuck), staged('stuck-2', stuck))
    expect(outcomes.every(o => o.startsWith('failed') || o === 'UNAVAILABLE')).toBe(true)
    expect(performance.now() - start).toBeLessThan(9000)
    expect(await together(store, unit(record('after', {})))).toEqual(['after created'])
    while (!late) await Bun.sleep(20)
    expect(await late).toBe(`Error: the effect 'stuck' has answered: its transaction is over`)
    expect(await store.rows(`select to_regclass('late') as made`)).toEqual([{ made: null }])
  }, 20_000)
})

onPostgres('a record that no commit can write', () => {
  let store: Opened
  beforeAll(async () => {
    store = await open(await openDatabase((await freshDatabase()).url))
  })
  afterAll(() => store.close())

  const circle: Record<string, unknown> = {}
  circle.self = circle
  test.each<[string, Record<string, unknown>]>([
    ['a bigint', { n: 1n }],
    ['a circle', circle],
    [
      'a value that refuses to be JSON',
      {
        toJSON: () => {
          throw new TypeError('no')
        },
      },
    ],
  ])('%s fails alone', async (_, data) => {
    const [a, b] = ['a', 'b'].map(side => crypto.randomUUID() + side) as [string, string]
    const outcomes = await together(store, unit(record(a, {})), unit(record('bad', data)), unit(record(b, {})))
    expect([outcomes[0], outcomes[2]]).toEqual([`${a} created`, `${b} created`])
    expect(outcomes[1]).toStartWith('failed: ')
  })
})

/** A database that can be made to misbehave. */
async function faulty(faults: (real: Database) => Partial<Database>): Promise<Opened> {
  const real = await openDatabase((await freshDatabase()).url)
  const store = await open(real)
  await store.commit(unit(record('warm', {})))
  const sick = await open({ ...real, ...faults(real) })
  return { ...sick, rows: store.rows }
}

onPostgres('a connection that is lost', () => {
  /** Each commit is carried out `times` times with its answer lost, before one comes through. */
  const losing = (times: number, error: () => Error) =>
    faulty(real => {
      let left = times
      const lose = async <T>(work: Promise<T>): Promise<T> => {
        const result = await work
        if (left-- > 0) throw error()
        return result
      }
      return {
        prepared: (name, text, values) => lose(real.prepared(name, text, values)) as never,
        transaction: body => lose(real.transaction(body)),
      }
    })
  let rows = 0
  const lost = [
    () => new Error('Connection terminated unexpectedly'),
    () => Object.assign(new Error('terminating connection due to administrator command'), { code: '57P01' }),
    () => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
  ]

  test.each<[string, () => Unit[], string[]]>([
    ['a new record', () => [unit(record('a', { n: 1 }))], ['a created']],
    ['several at once', () => ['a', 'b', 'c'].map(id => unit(record(id, {}))), ['a created', 'b created', 'c created']],
    ['an update', () => [unit(record('warm', { n: 1 }))], ['warm updated']],
    ['a key', () => [unit({ ...record('a', {}), ...key('K') })], ['a created']],
    ['a key without an event', () => [unit({ ...record('a', {}), ...key('K'), event: false })], ['a created']],
    [
      'a key twice',
      () => [unit({ ...record('a', {}), ...key('K') }), unit({ ...record('b', {}), ...key('K') })],
      ['a created', 'a created, replayed'],
    ],
    ['the last record of a quota', () => [unit({ ...record('a', {}), ...quota(2) })], ['a created']],
    [
      'the last record of a quota, and one too many',
      () => ['a', 'b'].map(id => unit({ ...record(id, {}), ...quota(2) })),
      ['a created', 'QUOTA_EXCEEDED'],
    ],
    ['a match', () => [unit(record('a', { e: 1 }, { match: [{ field: 'e', value: '1' }] }))], ['a created']],
    [
      'a match within a batch',
      () => ['a', 'b'].map(id => unit(record(id, { e: 1 }, { match: [{ field: 'e', value: '1' }] }))),
      ['a created', 'a updated'],
    ],
    ['a record twice', () => [1, 2].map(n => unit(record('a', { n }))), ['a created', 'a updated']],
    ['an event alone', () => [unit()], ['accepted']],
  ])('%s: written once, and answered as if nothing had happened', async (_, units, outcomes) => {
    const n = ++rows
    const store = await losing(1 + (n % 3), lost[n % lost.length] as () => Error)
    const all = units()
    expect(await together(store, ...all)).toEqual(outcomes)
    const good = outcomes.filter(o => o !== 'QUOTA_EXCEEDED' && !o.endsWith('replayed'))
    expect(await count(store, 'events', `record_id is distinct from 'warm' or type = 'record.updated'`)).toBe(
      all[0]?.event ? good.length : 0,
    )
    expect(await count(store, 'records', `id <> 'warm'`)).toBe(new Set(good.filter(o => o.endsWith('created'))).size)
    for (const { used } of await store.rows('select used::int from quotas')) expect(used).toBe(2)
    await store.close()
  })

  test('what leaves no trace of its own is refused: nobody can tell', async () => {
    const store = await losing(1, lost[0] as () => Error)
    expect(await together(store, unit({ ...record('a', {}), event: false }))).toEqual(['UNAVAILABLE'])
    await store.close()
  })

  test('for good is told after a while', async () => {
    const store = await faulty(() => ({ prepared: () => Promise.reject(new Error('Connection terminated unexpectedly')) }))
    const start = performance.now()
    expect(await together(store, unit(record('a', {})))).toEqual(['UNAVAILABLE'])
    expect(performance.now() - start).toBeLessThan(5000)
    await store.close()
  })

  test('after the statement, while others ask for their replays: what is written is answered', async () => {
    let times = 1
    const store = await faulty(real => ({
      query: (text, values) =>
        (text.includes('left join records') && times-- > 0 ? Promise.reject(lost[0]?.()) : real.query(text, values)) as never,
    }))
    await store.commit(unit({ ...record('a', {}), ...key('K') }))
    expect(await together(store, unit(record('b', {})), unit({ ...record('c', {}), ...key('K') }))).toEqual([
      'b created',
      'a created, replayed',
    ])
    await store.close()
  })
})

onPostgres('chance', () => {
  test('whatever fails, and however often: an outcome is written whole, and a refusal not at all', async () => {
    let state = 20_261_121
    const roll = (sides: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return (state >>> 16) % sides
    }
    /** Faults in a hundred calls. */
    let rate = 0
    const errors = ['57P01', 'ECONNRESET', '40P01'].map(code => () => Object.assign(new Error('fault'), { code }))
    const perhaps = async <T>(work: () => Promise<T>): Promise<T> => {
      if (roll(100) < rate) throw errors[roll(3)]?.()
      const result = await work()
      // Carried out, and nobody hears of it.
      if (roll(100) < rate) throw errors[roll(2)]?.()
      return result
    }
    const store = await faulty(real => ({
      prepared: (name, text, values) => perhaps(() => real.prepared(name, text, values)) as never,
      transaction: body => perhaps(() => real.transaction(body)),
      query: (text, values) => (roll(200) < rate ? Promise.reject(errors[0]?.()) : real.query(text, values)) as never,
    }))
    await store.rows('create table ledger (entry text primary key)')
    const ledger = (stage: Effect<string>['stage']) =>
      effect(
        `ledger-${stage}`,
        async (tx, batch) => {
          const no = (arg: string) => arg.endsWith('7')
          for (const { arg } of batch) if (!no(arg)) await tx.query('insert into ledger values ($1)', [arg])
          return batch.map(({ arg }) => (no(arg) ? (refusal('NO') as never) : undefined))
        },
        stage,
      )
    const ledgers = [ledger('claim'), ledger('write'), ledger('seal')]

    let n = 0
    const make = (round: number) => {
      const data = { email: `e${roll(8)}`, phone: `p${roll(8)}` }
      const match = Object.entries(data).map(([field, value]) => ({ field, value }))
      const made = record(roll(2) ? `id${roll(12)}` : `own${++n}`, data, { entity: `entity${roll(2)}`, ...(roll(4) === 0 && { match }) })
      const fingerprint = { fingerprint: `f${roll(2)}`, ...(roll(3) === 0 && { mismatch: refusal('REUSED') }) }
      const one = unit({ webhook: `hook${roll(2)}`, ...made, ...(roll(2) && key(`${round}-${roll(12)}`, fingerprint)) })
      if (roll(3) === 0) Object.assign(one, quota(25, `scope${roll(2)}`))
      if (roll(6) === 0) one.custom.push({ effect: ledgers[roll(3)] as Effect<string>, arg: one.exchange.id + roll(10) })
      return one
    }
    const seen = new Set<string>()
    for (let round = 0; round < 40; round++) {
      const units = Array.from({ length: 1 + roll(40) }, () => make(round))
      rate = [0, 5, 10, 20][roll(4)] as number
      const outcomes = await Promise.all(units.map(u => store.commit(u)))
      rate = 0
      const ids = units.map(u => u.exchange.id)
      const events = new Map(
        (await store.rows(`select substr(id, 5) as id, type, record_id from events where substr(id, 5) = any($1)`, [ids])).map(e => [
          e.id,
          e,
        ]),
      )
      const keys = new Set((await store.rows('select exchange from idempotency_keys where exchange = any($1)', [ids])).map(k => k.exchange))
      const entries = new Set((await store.rows('select left(entry, 26) as id from ledger')).map(l => l.id))
      for (const [i, u] of units.entries()) {
        const outcome = outcomes[i] as Outcome | Refusal
        const { id } = u.exchange
        const written = !('kind' in outcome) && !outcome.replayed
        seen.add('kind' in outcome ? outcome.code : outcome.replayed ? 'replayed' : brief(outcome).replace(/.* /, ''))
        // On a slow machine the time for new attempts may run out, and then nobody can tell.
        if ('kind' in outcome && outcome.code === 'UNAVAILABLE') continue
        const wanted = written && { id, type: `record.${outcome.record?.created ? 'created' : 'updated'}`, record_id: outcome.record?.id }
        expect(events.get(id)).toEqual((wanted || undefined) as never)
        expect(keys.has(id)).toBe(written && u.key !== undefined)
        expect(entries.has(id)).toBe(written && u.custom.length > 0)
      }
    }
    expect([...seen]).toContainValues(['NO', 'QUOTA_EXCEEDED', 'REUSED', 'created', 'replayed', 'updated'])
    for (const { used } of await store.rows('select used::int from quotas')) expect(used).toBe(25)
    await store.close()
  }, 60_000)
})

onPostgres('a slow store', () => {
  test('answers all that wait for one record within 9 seconds, and what it acknowledges is written', async () => {
    const store = await open(await openDatabase((await freshDatabase()).url))
    await store.rows(`create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.1); return new; end $$`)
    await store.rows('create trigger slow before insert or update on records for each row execute function slow()')
    const start = performance.now()
    const outcomes = await together(store, ...Array.from({ length: 300 }, (_, n) => unit(record('hot', { n }))))
    expect(performance.now() - start).toBeLessThan(9000)
    const good = outcomes.filter(o => o.startsWith('hot'))
    expect(good.length).toBeGreaterThan(10)
    expect(outcomes.filter(o => o === 'UNAVAILABLE')).toHaveLength(300 - good.length)
    expect(await count(store, 'events')).toBe(good.length)
    await store.close()
  })

  test('refuses what another session holds locked, and that alone', async () => {
    const { url } = await freshDatabase()
    const store = await open(await openDatabase(url))
    const ids = ['a', 'b', 'c', 'd']
    await together(store, ...ids.map(id => unit(record(id, {}))), unit({ ...record('q', {}), ...quota(9, 'held') }))
    const other = new pg.Client(url)
    await other.connect()
    await other.query('begin')
    await other.query(`update records set data = '{}' where id = any($1)`, [ids])
    await other.query(`update quotas set cap = cap where scope = 'held'`)
    const start = performance.now()
    let n = 0
    const slowest = { free: 0, locked: 0 }
    const sender = async (locked: string | undefined) => {
      while (performance.now() - start < 3000) {
        const begun = performance.now()
        const id = locked ?? `free${++n}`
        const unitOf = id === 'q' ? unit({ ...record(`q${++n}`, {}), ...quota(9, 'held') }) : unit(record(id, {}))
        const [outcome] = await together(store, unitOf)
        expect(outcome).toBe(locked === undefined ? `${id} created` : 'UNAVAILABLE')
        const kind = locked === undefined ? 'free' : 'locked'
        slowest[kind] = Math.max(slowest[kind], performance.now() - begun)
        if (locked) await Bun.sleep(50)
      }
    }
    await Promise.all([...ids, ...ids, 'q', undefined, undefined, undefined, undefined].map(sender))
    expect(slowest.free).toBeLessThan(2500)
    expect(slowest.locked).toBeLessThan(4000)
    expect(n).toBeGreaterThan(100)
    await other.query('rollback')
    await other.end()
    const deadline = performance.now() + 5000
    while (performance.now() < deadline && (await together(store, ...ids.map(id => unit(record(id, {}))))).includes('UNAVAILABLE'))
      await Bun.sleep(50)
    expect(await together(store, unit(record('a', {})), unit({ ...record('q2', {}), ...quota(9, 'held') }))).toEqual([
      'a updated',
      'q2 created',
    ])
    await store.close()
  })

  test('keeps only the webhook of a new quota waiting while its records are counted', async () => {
    const store = await faulty(real => ({
      exclusively: async (name, body) => {
        await Bun.sleep(1500)
        await real.exclusively(name, body)
      },
    }))
    const start = performance.now()
    expect(await together(store, unit({ ...record('a', {}), ...quota(9) }), unit(record('b', {})))).toEqual(['UNAVAILABLE', 'b created'])
    expect(await together(store, unit({ ...record('a', {}), ...quota(9) }), unit(record('c', {})))).toEqual(['UNAVAILABLE', 'c created'])
    expect(performance.now() - start).toBeLessThan(1400)
    while ((await together(store, unit({ ...record('a', {}), ...quota(9) })))[0] !== 'a created') await Bun.sleep(50)
    expect(await store.rows('select used::int from quotas')).toEqual([{ used: 4 }])
    await store.close()
  })
})

describe('bounds', () => {
  onPostgres('of a batch and of the queue', () => {
    const MIB = 1_048_576
    /** As if its body had so many bytes. */
    const sized = (id: string, bytes: number) => {
      const made = unit(record(id, {}))
      Object.assign(made.exchange, { raw: { length: bytes } })
      return made
    }

    test('a batch holds some megabytes, and at least one exchange', async () => {
      const sizes: number[] = []
      const store = await faulty(real => ({
        prepared: (name, text, values) => {
          sizes.push(JSON.parse(values[0] as string).length)
          return real.prepared(name, text, values)
        },
      }))
      await together(store, ...Array.from({ length: 20 }, (_, i) => sized(`s${i}`, MIB)))
      expect(Math.max(...sizes)).toBeLessThanOrEqual(5)
      expect(await together(store, sized('huge', 100 * MIB))).toEqual(['huge created'])
      await store.close()
    })

    test('the queue holds some hundred megabytes, and is free again afterwards', async () => {
      const store = await open(await openDatabase((await freshDatabase()).url))
      for (let round = 0; round < 2; round++) {
        const outcomes = await together(store, ...Array.from({ length: 40 }, (_, i) => sized(`r${round}-${i}`, 20 * MIB)))
        const busy = outcomes.filter(o => o === 'UNAVAILABLE').length
        expect(busy).toBeGreaterThan(10)
        expect(await count(store, 'records', `id like 'r${round}-%'`)).toBe(40 - busy)
      }
      await store.close()
    })

    test('however many tokens are asked for, one statement at a time asks the store', async () => {
      let running = 0
      let most = 0
      const store = await faulty(real => ({
        query: async (text, values) => {
          if (!text.includes('from tokens')) return real.query(text, values)
          most = Math.max(most, ++running)
          return real.query(text, values).finally(() => running--) as never
        },
      }))
      const answers = await Promise.all(Array.from({ length: 5000 }, (_, i) => store.tokens.webhookOf(`token${i % 4000}`)))
      expect(answers.every(a => a === undefined)).toBe(true)
      expect(most).toBe(1)
      await store.close()
    })
  })
})

onPostgres('three gateways on one database', () => {
  let stores: Opened[]
  beforeAll(async () => {
    const { url } = await freshDatabase()
    stores = []
    for (let i = 0; i < 3; i++) stores.push(await open(await openDatabase(url)))
  })
  afterAll(() => Promise.all(stores.map(s => s.close())))
  const random = (n: number) => Math.floor(Math.random() * n)

  test('that match by any of three fields never wait for each other, and nobody is refused', async () => {
    const end = performance.now() + 3000
    let refused = 0
    let slowest = 0
    let n = 0
    const sender = async (store: Opened) => {
      while (performance.now() < end) {
        const data = { email: `e${random(30)}`, phone: `p${random(30)}`, code: `c${random(30)}` }
        const match = Object.entries(data).map(([field, value]) => ({ field, value }))
        const start = performance.now()
        const outcome = await store.commit(unit(record(`id${n++}`, data, { entity: 'person', match })))
        if ('kind' in outcome) refused++
        slowest = Math.max(slowest, performance.now() - start)
      }
    }
    await Promise.all(stores.flatMap(s => Array.from({ length: 12 }, () => sender(s))))
    expect(refused).toBe(0)
    expect(slowest).toBeLessThan(3000)
    expect(n).toBeGreaterThan(100)
    const [store] = stores as [Opened]
    // Every value found its record: no field's value stands in two of them without one of the two having been written by another field.
    expect(await count(store, 'events')).toBe(n)
    expect(await store.rows(`select deadlocks::int from pg_stat_database where datname = current_database()`)).toEqual([{ deadlocks: 0 }])
    const indexes = () => store.rows(`select indisvalid as valid from pg_index where indexrelid::regclass::text like 'records_match_%'`)
    const deadline = performance.now() + 10_000
    while ((await indexes()).filter(i => i.valid).length < 3 && performance.now() < deadline) await Bun.sleep(50)
    expect(await indexes()).toEqual([{ valid: true }, { valid: true }, { valid: true }])
    expect(stores.flatMap(s => s.warnings)).toEqual([])
  })

  test('a matched field may be long in other records', async () => {
    const [store] = stores as [Opened]
    const long = Array.from({ length: 9000 }, () => String.fromCharCode(33 + random(90))).join('')
    expect(await together(store, unit(record('long', { email: long, later: long }, { entity: 'person' })))).toEqual(['long created'])
    expect(
      await together(store, unit(record('short', { later: 'x' }, { entity: 'person', match: [{ field: 'later', value: 'x' }] }))),
    ).toEqual(['short created'])
    const deadline = performance.now() + 10_000
    const indexes = () => count(store, 'pg_index', `indisvalid and indexrelid::regclass::text like 'records_match_%'`)
    while ((await indexes()) < 4 && performance.now() < deadline) await Bun.sleep(50)
    expect(await indexes()).toBe(4)
    expect(store.warnings).toEqual([])
  })
})
