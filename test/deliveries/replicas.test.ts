/** Several gateways on one store, and gateways that die. */
import { expect, test } from 'bun:test'
import { available } from '../support/available.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { running } from './fixture.ts'
import { sink } from './sink.ts'

const onPostgres = await available('Postgres', postgres)
const slow = async () => {
  await new Promise(done => setTimeout(done, 15))
  return 200
}

onPostgres('two replicas', () => {
  test('share the destinations, and together keep to the concurrency of each', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const seen = sink(Object.fromEntries(names.map(name => [name, slow])))
    const sections = `subscriptions: { s: { webhooks: [things], to: [${names}] } }
destinations: { ${names.map(name => `${name}: { url: "SINK/${name}", allowPrivate: true, concurrency: 2 }`)} }\n`
    const { url: database } = await freshDatabase()
    const [one, two] = [await running(sections, { sink: seen, database }), await running(sections, { sink: seen, database })]
    await one.becomes('select count(distinct owner) from destinations', 2)
    for (let i = 0; i < 20; i++) await Promise.all([one, two].map((at, k) => at.send('things', { id: `x${i}-${k}` })))
    await one.becomes(`select count(*) from deliveries where status = 'delivered'`, 40 * names.length)
    for (const name of names) {
      expect(seen.most(name)).toBeLessThanOrEqual(2)
      expect(new Set(seen.at(name).map(r => r.body.id)).size).toBe(40)
      expect(seen.at(name).length).toBe(40)
    }
  })

  test('when one is killed, the other takes over what it had, and nothing is lost', async () => {
    const names = ['a', 'b', 'c', 'd']
    const seen = sink(Object.fromEntries(names.map(name => [name, slow])))
    const sections = `subscriptions: { s: { webhooks: [things], to: [${names}] } }
destinations: { ${names.map(name => `${name}: { url: "SINK/${name}", allowPrivate: true, concurrency: 2 }`)} }\n`
    const { url: database } = await freshDatabase()
    const [one, two] = [await running(sections, { sink: seen, database }), await running(sections, { sink: seen, database })]
    await one.becomes('select count(distinct owner) from destinations', 2)
    for (let i = 0; i < 30; i++) await one.send('things', { id: `x${i}` })
    one.kill()
    await one.exited
    await two.becomes(`select count(*) from deliveries where status = 'delivered'`, 30 * names.length, 25_000)
    for (const name of names) expect(new Set(seen.at(name).map(r => r.body.id)).size).toBe(30)
  })
})

onPostgres('a gateway that is killed again and again while events flow', () => {
  test('delivers each acknowledged event at least once, and none of a refused request', async () => {
    const seen = sink()
    const sections = `subscriptions: { s: { webhooks: [things], to: [d] } }\ndestinations: { d: { url: "SINK/d", allowPrivate: true } }\n`
    const { url: database } = await freshDatabase()
    const acknowledged = new Set<string>()
    let sent = 0
    for (let round = 0; round < 4; round++) {
      const at = await running(sections, { sink: seen, database })
      const sender = async () => {
        for (;;) {
          const id = `x${sent++}`
          try {
            await at.send('things', { id })
            acknowledged.add(id)
          } catch {
            return
          }
        }
      }
      const senders = Array.from({ length: 8 }, sender)
      await new Promise(done => setTimeout(done, 700))
      at.kill()
      await Promise.all(senders)
    }
    const last = await running(sections, { sink: seen, database })
    await last.becomes(`select (select count(*) from outbox) + (select count(*) from deliveries where status <> 'delivered')`, 0, 25_000)
    const delivered = new Set(seen.at('d').map(r => r.body.data.record_id))
    expect(acknowledged.size).toBeGreaterThan(200)
    expect([...acknowledged].filter(id => !delivered.has(id))).toEqual([])
    const records = new Set((await last.rows('select id from records')).map(r => r.id))
    expect([...delivered].filter(id => !records.has(id as string))).toEqual([])
  })
})

onPostgres('a store whose sessions are ended again and again', () => {
  test('delivers everything, and leaves nothing behind', async () => {
    const seen = sink({ flaky: n => (n % 7 === 3 ? 500 : 200), ordered: n => (n % 11 === 5 ? 503 : 200) })
    const more = 'allowPrivate: true, retry: { attempts: 30, backoff: 50ms, max: 200ms }'
    const at = await running(
      `subscriptions: { s: { webhooks: [things], to: [flaky, ordered] } }
destinations:
  flaky: { url: "SINK/flaky", ${more} }
  ordered: { url: "SINK/ordered", ordered: true, ${more} }\n`,
      { sink: seen },
    )
    const acknowledged: [string, number][] = []
    for (let n = 0; n < 120; n++) {
      const id = `x${n % 10}`
      await at.send('things', { id, n }).then(
        () => acknowledged.push([id, n]),
        () => {},
      )
      if (n % 20 === 10)
        await at.rows(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'postern' and pid <> pg_backend_pid()`,
        )
    }
    await at.becomes(`select (select count(*) from outbox) + (select count(*) from deliveries where status <> 'delivered')`, 0, 25_000)
    expect(acknowledged.length).toBeGreaterThan(100)
    expect(await at.rows('select * from postern_queue.job')).toEqual([])
    for (const path of ['flaky', 'ordered']) {
      const got = new Set(seen.at(path).map(r => r.body.data.record.n))
      expect(acknowledged.filter(([, n]) => !got.has(n))).toEqual([])
    }
    for (let i = 0; i < 10; i++) {
      const order = seen
        .at('ordered')
        .filter(r => r.body.data.record_id === `x${i}`)
        .map(r => r.body.data.record.n)
      expect(order).toEqual([...order].sort((a, b) => a - b))
    }
  })
})

onPostgres('a reload', () => {
  test('changes subscriptions and destinations; what was on its way is delivered once', async () => {
    const { mkdtempSync, writeFileSync } = await import('node:fs')
    const { join } = await import('node:path')
    const { tmpdir } = await import('node:os')
    const { webhooks } = await import('./fixture.ts')
    const seen = sink({ old: slow })
    const folder = mkdtempSync(join(tmpdir(), 'postern-reload-'))
    const file = join(folder, 'postern.yaml')
    const write = (to: string) =>
      writeFileSync(
        file,
        `${webhooks}\nsubscriptions: { s: { webhooks: [things], to: [d] } }\ndestinations: { d: { url: "${seen.url}/${to}", allowPrivate: true } }\n`,
      )
    write('old')
    const at = await running('', { file, sink: seen })
    for (let i = 0; i < 10; i++) await at.send('things', { id: `x${i}` })
    write('new')
    at.kill('SIGHUP')
    await seen.until(() => at.log().includes('reloaded'))
    for (let i = 10; i < 20; i++) await at.send('things', { id: `x${i}` })
    await at.becomes(`select count(*) from deliveries where status = 'delivered'`, 20)
    expect(seen.received.length).toBe(20)
    expect(seen.at('new').length).toBeGreaterThanOrEqual(10)
  })
})
