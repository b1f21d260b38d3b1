/** `postern events`, `deliveries` and `destinations`: against a running gateway that delivers to a receiver of ours. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { openDatabase } from '#core/store/store.ts'
import { until } from '../cli/running.ts'
import { open } from '../store/open.ts'
import { available } from '../support/available.ts'
import { folder, freePort } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { cli, type Gateway, gateway, type Runtime } from '../support/process.ts'
import { idAt, insert, T0, TOKEN } from './world.ts'

setDefaultTimeout(60_000)
const onPostgres = await available('Postgres', postgres)

const config = (receiver: number) => `
version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}", token: "\${ADMIN_TOKEN}" }
webhooks:
  contact-form:
    path: /in/{token}
    chain: [auth-url-token, { upsert: { entity: contact } }]
  form:
    path: /form
    chain: [{ auth-none: { reason: for the test } }, { upsert: { entity: contact, idField: id } }, dispatch]
subscriptions:
  all: { webhooks: [form], events: [record.created, record.updated], to: [crm] }
destinations:
  crm: { url: "http://127.0.0.1:${receiver}/", allowPrivate: true, retry: { attempts: 1 } }
`

onPostgres('the commands that ask a running gateway', () => {
  let receiver: Server
  let status = 500
  let running: Gateway
  let file: string
  let env: Record<string, string | undefined>

  const postern = (words: string[], more: Record<string, string | undefined> = {}, runtime: Runtime = 'bun') =>
    cli([...words, '--config', file], { runtime, env: { ...env, ...more } })
  async function json(...words: string[]): Promise<any> {
    const { code, stdout, stderr } = await postern([...words, '--json'])
    expect([words, code, stderr]).toEqual([words, 0, ''])
    return JSON.parse(stdout)
  }
  const fails = async (code: number, says: RegExp, words: string[], more = {}) => {
    const ended = await postern(words, more)
    expect([ended.code, ended.stdout, ended.stderr]).toEqual([code, '', expect.stringMatching(says)])
  }
  const send = async (body: object) => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${running.url}/form`, { method: 'POST', headers, body: JSON.stringify(body) })
    expect(response.status).toBe(201)
  }
  const statuses = async (...filters: string[]) => (await json('deliveries', 'list', ...filters)).data.map((d: any) => d.status)

  beforeAll(async () => {
    receiver = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(status).end('seen'))
    })
    await new Promise<void>(done => receiver.listen(0, '127.0.0.1', done))
    file = join(folder(), 'postern.yaml')
    writeFileSync(file, config((receiver.address() as AddressInfo).port))
    env = {
      DATABASE_URL: (await freshDatabase()).url,
      REDIS_URL: undefined,
      POSTERN_ADMIN_TOKEN: undefined,
      POSTERN_ADMIN_URL: undefined,
      ADMIN_TOKEN: TOKEN,
      PORT: `${await freePort()}`,
      ADMIN_PORT: `${await freePort()}`,
    }
    running = await gateway({ config: file, env })
    await send({ id: 'ada', name: '\u001b[31mAda' })
  })
  afterAll(async () => {
    receiver.closeAllConnections()
    receiver.close()
    running.kill()
    await running.exited
  })

  test('events are listed and shown', async () => {
    const { data, next } = await json('events', 'list', '--webhook', 'form', '--since', '1h')
    expect([data.length, next, data[0].record_id]).toEqual([1, null, 'ada'])
    expect((await json('events', 'list', '--until', '1h')).data).toEqual([])
    const list = await postern(['events', 'list'])
    expect(list.stdout).toMatch(
      /^ID +TIME +TYPE +WEBHOOK +RECORD\nevt_\w{26} {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}record\.created {2}form +contact\/ada\n$/,
    )
    await until(
      () => statuses(),
      all => all[0] === 'dead',
    )
    const shown = await postern(['events', 'show', data[0].id])
    expect(shown.stdout).toMatch(/^id +evt_/)
    expect(shown.stdout).toContain('\nID ')
    expect(shown.stdout).toMatch(/\ndlv_\S+ +dead +crm +record\.created +contact\/ada +1 /)
    expect(shown.stdout).not.toContain('\u001b')
    const { data: whole } = await json('events', 'show', data[0].id)
    expect([whole.data.name, whole.deliveries[0].destination]).toEqual(['\u001b[31mAda', 'crm'])
  })

  test('on Deno, too', async () => {
    const { code, stdout, stderr } = await postern(['events', 'list', '--record', 'ada', '--json'], {}, 'deno')
    expect([code, stderr, JSON.parse(stdout).data.length]).toEqual([0, '', 1])
  })

  test('a delivery that is dead is shown with its attempts, and arrives when it is sent again', async () => {
    await until(
      () => statuses('--record', 'ada'),
      all => all[0] === 'dead',
    )
    const [dead] = (await json('deliveries', 'list', '--status', 'dead', '--destination', 'crm')).data
    const shown = await postern(['deliveries', 'show', dead.id])
    expect(shown.stdout).toMatch(/\nATTEMPT +TIME +MS +STATUS +ERROR +MESSAGE\n1 +\S+ \S+ +\d+ +500 /)
    status = 200
    expect((await postern(['deliveries', 'retry', dead.id])).stdout).toBe('1 delivery to be sent again\n')
    expect(
      await until(
        () => statuses('--record', 'ada'),
        all => all[0] === 'delivered',
      ),
    ).toEqual(['delivered'])
    expect((await json('deliveries', 'show', dead.id)).data.history.map((a: any) => a.status)).toEqual([500, 200])
    await fails(1, /^the delivery '\S+' is delivered: there is nothing to give up\n$/, ['deliveries', 'cancel', dead.id])
  })

  test('the dead deliveries of an event are sent again', async () => {
    status = 500
    await send({ id: 'bob' })
    await until(
      () => statuses('--record', 'bob'),
      all => all[0] === 'dead',
    )
    const [{ id }] = (await json('events', 'list', '--record', 'bob')).data
    status = 200
    expect(await json('events', 'retry', id, '--destination', 'crm')).toEqual({ data: { redriven: 1, left: 0 } })
    expect(
      await until(
        () => statuses('--record', 'bob'),
        all => all[0] === 'delivered',
      ),
    ).toEqual(['delivered'])
    expect((await postern(['events', 'retry', id])).stdout).toBe('no deliveries to be sent again\n')
  })

  test('a paused destination is sent nothing until it is resumed, and what waits can be given up', async () => {
    expect((await postern(['destinations', 'pause', 'crm'])).stdout).toBe('paused crm\n')
    expect((await postern(['destinations', 'list'])).stdout).toMatch(
      /^NAME +STATE +SINCE +CIRCUIT +PENDING +WAITING +DEAD\ncrm +paused \(operator\) +\d{4}-\S+ \S+ +\w+ +0 +0 +\d+\n$/,
    )
    await send({ id: 'cy' })
    await until(
      () => statuses('--record', 'cy'),
      all => all.length === 1,
    )
    const [{ id }] = (await json('deliveries', 'list', '--record', 'cy')).data
    expect((await postern(['deliveries', 'cancel', id])).stdout).toBe(`cancelled ${id}\n`)
    expect(await statuses('--record', 'cy')).toEqual(['cancelled'])
    expect(await json('destinations', 'resume', 'crm')).toEqual({ data: { name: 'crm', paused: false } })
    await fails(1, /^there is no destination 'cmr' — did you mean 'crm'\?\n$/, ['destinations', 'pause', 'cmr'])
  })

  test('many are sent again in pages, and it says how many', async () => {
    const store = await open(await openDatabase(env.DATABASE_URL as string))
    const all = Array.from({ length: 450 }, (_, n) => idAt(T0, n))
    await insert(
      store,
      'events',
      all.map(id => ({ id: `evt_${id}`, webhook: 'form', record_id: id })),
    )
    await insert(
      store,
      'deliveries',
      all.map((id, n) => ({ id: `dlv_${id}_x`, event: `evt_${id}`, webhook: 'old', subscription: 'all', record_id: id, seq: 1000 + n })),
    )
    await store.close()
    expect((await json('deliveries', 'list', '--webhook', 'old', '--limit', '430')).data.length).toBe(430)
    const { code, stdout, stderr } = await postern(['deliveries', 'retry', '--status', 'dead', '--webhook', 'old'])
    expect([code, stdout, stderr]).toEqual([0, '450 deliveries to be sent again\n', ''])
    expect((await json('deliveries', 'list', '--webhook', 'old', '--status', 'dead')).data).toEqual([])
  })

  test('what the command line does to tokens is in the audit, too', async () => {
    const { id } = await json('token', 'create', 'contact-form')
    const next = await json('token', 'rotate', id)
    await json('token', 'revoke', id)
    const response = await fetch(`${running.adminUrl}/admin/v1/audit?actor=cli`, { headers: { authorization: `Bearer ${TOKEN}` } })
    const { data } = (await response.json()) as any
    expect(data.map((row: any) => [row.action, row.target, row.ip, row.details])).toEqual([
      ['token.revoke', id, null, {}],
      ['token.rotate', id, null, { webhook: 'contact-form', by: next.id, ended: next.old.expires_at }],
      ['token.create', id, null, { webhook: 'contact-form' }],
    ])
  })

  test('all of it is in the audit', async () => {
    const response = await fetch(`${running.adminUrl}/admin/v1/audit?actor=admin&limit=200`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    })
    const actions = new Set(((await response.json()) as any).data.map((row: any) => row.action))
    const wanted = ['delivery.cancel', 'delivery.retry', 'destination.pause', 'destination.resume', 'event.retry']
    expect([...actions].sort()).toEqual(wanted)
  })

  describe('where and who:', () => {
    const nowhere = 'http://127.0.0.1:1'
    test('the address and the token of the environment count more than the configuration', async () => {
      const wrong = { ADMIN_PORT: '1', ADMIN_TOKEN: 'another-token-0123456789' }
      const given = { POSTERN_ADMIN_URL: `${running.adminUrl}/`, POSTERN_ADMIN_TOKEN: TOKEN }
      expect((await postern(['events', 'list'], { ...wrong, ...given })).code).toBe(0)
      const none = await cli(['events', 'list', '--url', running.adminUrl, '--config', '/nowhere.yaml'], { env: { ...env, ...given } })
      expect([none.code, none.stderr]).toEqual([0, ''])
    })

    const rows: [what: string, code: number, says: RegExp, words: string[], env: Record<string, string>][] = [
      [
        'no gateway',
        69,
        /^no gateway answers at http:\/\/127\.0\.0\.1:1: start it with postern serve, or/,
        ['events', 'list', '--url', nowhere],
        {},
      ],
      ['a wrong token', 1, /does not accept the token: set POSTERN_ADMIN_TOKEN/, ['events', 'list'], { POSTERN_ADMIN_TOKEN: 'x' }],
      ['no token', 1, /admin\.token is empty/, ['events', 'list'], { ADMIN_TOKEN: '' }],
      ['a bad address', 2, /^--url .* takes an address such as/, ['events', 'list', '--url', 'ftp://x', '--webhook', 'a'], {}],
      ['an address with a password', 2, /^--url .* takes an address such as/, ['events', 'list', '--url', 'http://a:b@127.0.0.1'], {}],
      ['no such event', 1, /^there is no event 'evt_x'\n$/, ['events', 'show', 'evt_x'], {}],
      ['no such delivery', 1, /^there is no delivery 'a\/b'\n$/, ['deliveries', 'retry', 'a/b'], {}],
      ['a bad time', 2, /^--since takes a time such as .*, or how long ago, such as 2h\n$/, ['events', 'list', '--since', 'monday'], {}],
      ['a bad count', 2, /^--limit takes a whole number from 1 to 10000\n$/, ['events', 'list', '--limit', '0'], {}],
      [
        'a bad status',
        2,
        /^--status takes one of pending, waiting, delivered, dead, cancelled\n$/,
        ['deliveries', 'list', '--status', 'ded'],
        {},
      ],
      [
        'a destination that is none',
        2,
        /^there is no destination 'crmm', .* — did you mean 'crm'\?\n$/,
        ['deliveries', 'list', '--destination', 'crmm'],
        {},
      ],
      [
        'a webhook that is none',
        2,
        /^there is no webhook 'x', .*; there are contact-form, form\n$/,
        ['events', 'list', '--webhook', 'x'],
        {},
      ],
      ['a cursor that is none', 2, /^cursor is not a cursor that this list gave/, ['events', 'list', '--cursor', 'x'], {}],
      ['nothing to send again', 2, /^say which: an id, or filters/, ['deliveries', 'retry'], {}],
      ['an id and a filter', 2, /but not both\n$/, ['deliveries', 'retry', 'dlv_x', '--status', 'dead'], {}],
      ['a word too many', 2, /'b' is a word too many/, ['events', 'show', 'a', 'b'], {}],
      ['an unknown option', 2, /no option --statsu — did you mean '--status'\?/, ['deliveries', 'list', '--statsu', 'dead'], {}],
    ]
    test.concurrent.each(rows)('%s ends with %i', async (_what, code, says, words, more) => {
      await fails(code, says, words, more)
    })

    test('something else that answers there is told apart', async () => {
      status = 200
      const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
      await fails(1, /is no admin API of Postern \(status 200\)/, ['events', 'list', '--url', url])
    })
  })
})
