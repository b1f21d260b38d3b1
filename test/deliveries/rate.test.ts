/** The rate of a destination, whoever sends for it. */
import { expect, test } from 'bun:test'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { available } from '../support/available.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { running, webhooks } from './fixture.ts'
import { type Sink, sink } from './sink.ts'

const onPostgres = await available('Postgres', postgres)
const sections = (seen: Sink, rate: string, more = '') => `
subscriptions: { s: { webhooks: [things], to: [d] } }
destinations: { d: { url: "${seen.url}/d", allowPrivate: true, concurrency: 4, rate: ${rate}${more} } }\n`
const DELIVERED = `select count(*) from deliveries where status = 'delivered'`

onPostgres('a rate', () => {
  test('holds for two replicas together', async () => {
    const seen = sink()
    const { url: database } = await freshDatabase()
    const config = sections(seen, '{ limit: 20, per: 1500ms }')
    const [one, two] = [await running(config, { database }), await running(config, { database })]
    await one.becomes('select count(*) from replicas', 2)
    for (let i = 0; i < 20; i++) await Promise.all([one, two].map((at, k) => at.send('things', { id: `x${i}-${k}` })))
    await one.becomes(DELIVERED, 40)
    expect(new Set(seen.at('d').map(r => r.body.data.record_id)).size).toBe(40)
    expect(seen.received.length).toBe(40)
    const times = seen
      .at('d')
      .map(r => r.from)
      .sort((a, b) => a - b)
    for (let i = 20; i < 40; i++) expect((times[i] as number) - (times[i - 20] as number)).toBeGreaterThanOrEqual(1300)
  })

  test('is not begun anew by the replica that takes over', async () => {
    const seen = sink()
    const { url: database } = await freshDatabase()
    const config = sections(seen, '{ limit: 5, per: 1h }')
    const one = await running(config, { database })
    for (let i = 0; i < 8; i++) await one.send('things', { id: `x${i}` })
    await one.becomes(DELIVERED, 5)
    const [first] = (await one.rows('select id from replicas')) as [{ id: string }]
    const two = await running(config, { database })
    one.kill()
    await one.exited
    await two.becomes(`select count(*) from destinations where owner <> '${first.id}'`, 1)
    await two.send('things', { id: 'x8' })
    // It has taken what was left, and would send it at once.
    await two.becomes(`select count(*) from postern_queue.job where state = 'active'`, 4)
    await new Promise(done => setTimeout(done, 300))
    expect(seen.received.length).toBe(5)
  })

  test('is not begun anew by a reload', async () => {
    const seen = sink()
    const file = join(mkdtempSync(join(tmpdir(), 'postern-rate-')), 'postern.yaml')
    const write = (more: string) => writeFileSync(file, webhooks + sections(seen, '{ limit: 5, per: 3s }', more))
    write('')
    const at = await running('', { file })
    for (let i = 0; i < 10; i++) await at.send('things', { id: `x${i}` })
    await at.becomes(DELIVERED, 5)
    write(', timeout: 9s')
    at.kill('SIGHUP')
    await seen.until(() => at.log().includes('reloaded'))
    await at.becomes(DELIVERED, 10)
    const times = seen.at('d').map(r => r.from)
    for (let i = 5; i < 10; i++) expect((times[i] as number) - (times[i - 5] as number)).toBeGreaterThanOrEqual(2700)
  })
})
