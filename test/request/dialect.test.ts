/** What a replay shows, under the dialect of the first answer and under another one, with the answers kept in a store. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from '#core/config/load.ts'
import { openKv } from '#core/kv/kv.ts'
import { openGateway } from '#core/request/gateway.ts'
import { guard, type Target } from '#core/request/guard.ts'
import { builtins } from '#plugins/index.ts'
import { type Opened, onEveryStore, T0 } from '../store/open.ts'
import { folder } from '../support/child.ts'

const config = (body: object) => `version: 1
dialects: { own: { success: { status: 201, body: ${JSON.stringify(body)} } } }
webhooks:
  one: { path: /one, dialect: own, chain: [{ auth-none: { reason: a test } }, idempotency, { upsert: { entity: thing } }, dispatch] }
`

onEveryStore('a replay', fresh => {
  let store: Opened
  beforeAll(async () => {
    store = await fresh()
  })
  afterAll(() => store.close())

  const log = { info() {}, warn() {}, error() {}, debug() {}, fatal() {} }
  /** A gateway whose answers have this body, on the one store. */
  async function answering(body: object) {
    const file = join(folder(), 'postern.yaml')
    writeFileSync(file, config(body))
    const loaded = await load(file, { env: {}, builtins, importPlugin: () => Promise.reject(new Error('none')) })
    const { commit, earlier } = store
    const own = {
      log,
      kv: openKv('', () => {}),
      now: () => T0,
      sent: async () => false,
      hopKey: () => '0'.repeat(64),
      noteSecretUse() {},
      relay() {},
    }
    const services = { ...own, commit, earlier }
    const gateway = await openGateway(loaded.config!, services as never)
    return async (key: string, payload: object) => {
      const headers = { host: 'localhost', 'content-type': 'application/json', 'x-idempotency-key': key }
      const request = new Request('http://localhost/one', { method: 'POST', headers, body: JSON.stringify(payload) })
      const answer = await gateway.handle(guard(request) as Target, '127.0.0.1')
      return `${answer.status} ${await answer.text()}`
    }
  }

  const ada = { id: 'a', name: 'Ada', mail: 'ada@example.com', place: { town: 'Turin', no: 5, at: [{ y: 1, x: 2 }] } }
  const first = { name: '{{data.name}}', mail: '{{data.mail}}' }

  test.each<[title: string, body: object]>([
    ['texts', first],
    ['a value that is not there', { a: '{{data.none}}', b: '{{data.mail}}', c: 'x{{data.none}}' }],
    ['an object, its keys in their order', { place: '{{data.place}}', text: 'at {{data.place}}' }],
    ['a list', { at: '{{data.place.at}}', no: '{{data.place.no}}' }],
    ['the whole data', { all: '{{data}}' }],
    ['the id of the event', { event: '{{event.id}}', name: '{{data.name}}' }],
    ['what only looks like something kept in another way', { odd: '{{data.odd}}', list: '{{data.list}}' }],
  ])('is the same bytes under the same dialect: %s', async (title, body) => {
    const payload = { ...ada, odd: '["[1]"]', list: ['[1]'] }
    const text = await (await answering(body))(title, payload)
    expect(text).toStartWith('201 ')
    expect(await (await answering(body))(title, payload)).toBe(text)
  })

  test.each<[title: string, body: object, shown: object]>([
    ['swapped', { mail: '{{data.mail}}', name: '{{data.name}}' }, { mail: ada.mail, name: ada.name }],
    ['under other names', { a: '{{data.mail}}', b: '{{data.name}}' }, { a: ada.mail, b: ada.name }],
    ['one less', { mail: '{{data.mail}}' }, { mail: ada.mail }],
    ['one more, before the others', { no: '{{data.place.no}}', ...first }, { no: null, name: ada.name, mail: ada.mail }],
    ['another in the place of one', { name: '{{data.place.town}}', mail: '{{data.mail}}' }, { name: null, mail: ada.mail }],
    ['none at all', { fixed: 1 }, { fixed: 1 }],
  ])('shows each value under its own name after a change of the dialect: %s', async (title, body, shown) => {
    await (await answering(first))(title, ada)
    expect(await (await answering(body))(title, ada)).toBe(`201 ${JSON.stringify(shown)}`)
  })

  test.each<[title: string, kept: unknown[], body: object, shown: object]>([
    ['as many values as there are names', ['Ada', null], first, { name: 'Ada', mail: null }],
    ['fewer values', ['Ada'], first, { name: null, mail: null }],
    ['more values', ['Ada', 'ada@example.com', 1], first, { name: null, mail: null }],
    ['an id of an event', ['evt_1', 'Ada'], { event: '{{event.id}}', name: '{{data.name}}' }, { event: 'evt_1', name: 'Ada' }],
    ['no id of an event in its place', ['Ada', 'evt_1'], { event: '{{event.id}}', name: '{{data.name}}' }, { event: null, name: null }],
  ])('of a row of the earlier version, a list by place, shows what can be known: %s', async (title, kept, body, shown) => {
    await (await answering(body))(title, ada)
    await store.rows('update idempotency_keys set shown = $2::jsonb where key = $1', [title, JSON.stringify(kept)])
    expect(await (await answering(body))(title, ada)).toBe(`201 ${JSON.stringify(shown)}`)
  })
})
