/** Replicas whose files differ for a while, and lanes that take long to end. */
import { expect, test } from 'bun:test'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { available } from '../support/available.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { running, webhooks } from './fixture.ts'
import { hang, sink } from './sink.ts'

const onPostgres = await available('Postgres', postgres)

onPostgres('a rolling reload', () => {
  test('loses no event of a subscription that the other replica does not know yet', async () => {
    const seen = sink()
    const { url: database } = await freshDatabase()
    const file = join(mkdtempSync(join(tmpdir(), 'postern-rolling-')), 'postern.yaml')
    const of = (names: string[]) => `
subscriptions: { s: { webhooks: [things], to: [${names}] } }
destinations: { ${names.map(name => `${name}: { url: "${seen.url}/${name}", allowPrivate: true }`)} }\n`
    writeFileSync(file, webhooks + of(['old']))
    const one = await running('', { file, database })
    const two = await running(of(['old']), { database })
    writeFileSync(file, webhooks + of(['old', 'new']))
    one.kill('SIGHUP')
    await seen.until(() => one.log().includes('reloaded'))
    for (let i = 0; i < 40; i++) await Promise.all([one.send('things', { id: `one${i}` }), two.send('things', { id: `two${i}` })])
    await one.becomes(`select (select count(*) from outbox) + (select count(*) from deliveries where status <> 'delivered')`, 0)
    const ids = (path: string) => new Set(seen.at(path).map(r => r.body.data.record_id))
    for (let i = 0; i < 40; i++)
      expect([ids('old').has(`one${i}`), ids('old').has(`two${i}`), ids('new').has(`one${i}`)]).toEqual([true, true, true])
  })
})

onPostgres('a destination that hangs', () => {
  test('is left without losing the others, and its gateway ends in time', async () => {
    const seen = sink({ hangs: hang })
    const at = await running(
      `subscriptions: { s: { webhooks: [things], to: [hangs, good] } }
destinations:
  hangs: { url: "SINK/hangs", allowPrivate: true, timeout: 60s }
  good: { url: "SINK/good", allowPrivate: true }\n`,
      { sink: seen },
    )
    await at.send('things', { id: 'x1' })
    await seen.until(() => seen.at('hangs').length === 1 && seen.at('good').length === 1)
    await at.admin('destinations/hangs/pause', { method: 'POST' })
    await at.send('things', { id: 'x2' })
    await seen.until(() => seen.at('good').length === 2, 3000)
    const began = performance.now()
    expect(await at.stop()).toBe(0)
    expect(performance.now() - began).toBeLessThan(14_000)
  })
})

onPostgres('a receiver that echoes what it is sent', () => {
  test('puts no credential into what is kept of its answer', async () => {
    const seen = sink({ d: (_, { headers }) => new Response(JSON.stringify(Object.fromEntries(headers)), { status: 500 }) })
    const at = await running(
      `subscriptions: { s: { webhooks: [things], to: [d] } }
destinations: { d: { url: "SINK/d", allowPrivate: true, headers: { Authorization: "Bearer \${CRM_TOKEN}" }, retry: { attempts: 1 } } }\n`,
      { sink: seen, env: { CRM_TOKEN: 'a-token-of-the-crm' } },
    )
    await at.send('things', { id: 'x1' })
    await at.becomes('select status from deliveries', 'dead')
    const [row] = await at.rows('select response from attempts')
    expect(row?.response).toContain('[secret]')
    expect(row?.response).not.toContain('a-token-of-the-crm')
  })

  test('nor the half of one, where the answer is cut', async () => {
    const seen = sink({ d: (_, { headers }) => new Response(`${'x'.repeat(4090)}${headers.get('authorization')}`, { status: 500 }) })
    const at = await running(
      `subscriptions: { s: { webhooks: [things], to: [d] } }
destinations: { d: { url: "SINK/d", allowPrivate: true, headers: { Authorization: "Bearer \${CRM_TOKEN}" }, retry: { attempts: 1 } } }\n`,
      { sink: seen, env: { CRM_TOKEN: 'a-token-of-the-crm' } },
    )
    await at.send('things', { id: 'x1' })
    await at.becomes('select status from deliveries', 'dead')
    const [row] = await at.rows('select response from attempts')
    expect(row?.response).toBe(`${'x'.repeat(4090)}[secre`)
  })

  test('also none that a reload brought to another destination', async () => {
    const seen = sink({ d: () => new Response('the other one has a-token-of-the-erp', { status: 500 }) })
    const file = join(mkdtempSync(join(tmpdir(), 'postern-echo-')), 'postern.yaml')
    const write = (more: string) =>
      writeFileSync(
        file,
        `${webhooks}
subscriptions: { s: { webhooks: [things], to: [d] } }
destinations: { d: { url: "${seen.url}/d", allowPrivate: true, retry: { attempts: 1 } }${more} }\n`,
      )
    write('')
    const at = await running('', { file, sink: seen, env: { ERP_TOKEN: 'a-token-of-the-erp' } })
    await at.send('things', { id: 'x1' })
    await at.becomes('select count(*) from attempts', 1)
    write(`, erp: { url: "${seen.url}/erp", allowPrivate: true, headers: { Authorization: "Bearer \${ERP_TOKEN}" } }`)
    at.kill('SIGHUP')
    await seen.until(() => at.log().includes('reloaded'))
    await at.send('things', { id: 'x2' })
    await at.becomes('select count(*) from attempts', 2)
    const rows = await at.rows('select response from attempts order by at')
    expect(rows.map(row => row.response)).toEqual(['the other one has a-token-of-the-erp', 'the other one has [secret]'])
  })
})
