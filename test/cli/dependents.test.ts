/** `postern check --dependents`: what depends on what, for people and for machines. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folder } from '../support/child.ts'
import { cli, runtimes } from '../support/process.ts'

setDefaultTimeout(30_000)

const YAML = `version: 1
entities:
  order: { schema: { type: object, properties: { id: {} } } }
  spare: {}
webhooks:
  orders: { path: /orders, chain: [{ auth-none: { reason: x } }, { validation: { entity: order } }, { upsert: { entity: order } }, dispatch] }
  raw: { path: /raw, chain: [{ auth-none: { reason: x } }, { upsert: { entity: undeclared } }, dispatch] }
  lonely: { path: /lonely, chain: [{ auth-none: { reason: x } }, { upsert: { entity: order } }] }
subscriptions:
  both: { webhooks: [raw, orders], to: [crm, mail] }
  one: { webhooks: orders, to: archive }
destinations:
  crm: { url: "https://crm.example.com" }
  mail: { url: "https://mail.example.com" }
  archive: { url: "https://archive.example.com" }
  idle: { url: "https://idle.example.com" }
`

const home = folder()
writeFileSync(join(home, 'postern.yaml'), YAML)
const run = (words: string[], options = {}) => cli(['check', '--config', 'postern.yaml', ...words], { cwd: home, ...options })

const REASON = "'raw' has no schema"
const whole = {
  webhooks: {
    orders: { entities: ['order'], subscriptions: ['both', 'one'], destinations: ['archive', 'crm', 'mail'] },
    raw: { entities: [], subscriptions: ['both'], destinations: ['crm', 'mail'] },
    lonely: { entities: ['order'], subscriptions: [], destinations: [] },
  },
  subscriptions: {
    both: { webhooks: ['orders', 'raw'], destinations: ['crm', 'mail'], compatibility: 'unknown', reason: REASON },
    one: { webhooks: ['orders'], destinations: ['archive'], compatibility: 'compatible' },
  },
  destinations: {
    crm: { subscriptions: ['both'], webhooks: ['orders', 'raw'] },
    mail: { subscriptions: ['both'], webhooks: ['orders', 'raw'] },
    archive: { subscriptions: ['one'], webhooks: ['orders'] },
    idle: { subscriptions: [], webhooks: [] },
  },
  entities: { order: { webhooks: ['lonely', 'orders'] }, spare: { webhooks: [] } },
}
const nothing = { webhooks: {}, subscriptions: {}, destinations: {}, entities: {} }

test.each(runtimes)('everything, as JSON (%s)', async runtime => {
  const { code, stdout } = await run(['--dependents', '--json'], { runtime })
  expect([code, JSON.parse(stdout)]).toEqual([0, { dependents: whole }])
})

describe('of one name', () => {
  test.each<[name: string, found: object]>([
    ['raw', { ...nothing, webhooks: { raw: whole.webhooks.raw } }],
    ['crm', { ...nothing, destinations: { crm: whole.destinations.crm } }],
    ['order', { ...nothing, entities: { order: whole.entities.order } }],
    ['one', { ...nothing, subscriptions: { one: whole.subscriptions.one } }],
  ])('%s', async (name, found) => {
    const { code, stdout } = await run(['--dependents', name, '--json'])
    expect([code, JSON.parse(stdout)]).toEqual([0, { dependents: found }])
  })

  test('for people', async () => {
    expect(await run(['--dependents', 'orders'])).toEqual({
      code: 0,
      stdout: 'webhook orders\n  entities: order\n  subscriptions: both, one\n  destinations: archive, crm, mail\n',
      stderr: '',
    })
  })

  test('that nothing bears', async () => {
    expect(await run(['--dependents', 'ordres'])).toEqual({
      code: 2,
      stdout: '',
      stderr: "nothing is named 'ordres' — did you mean 'orders'?\n",
    })
  })
})

test('a name without --dependents is a word too many', async () => {
  expect(await run(['orders'])).toEqual({ code: 2, stdout: '', stderr: "'orders' is a word too many: a file goes after --config\n" })
})

test('of a bad configuration only its problems are told', async () => {
  writeFileSync(join(home, 'bad.yaml'), YAML.replace('to: archive', 'to: archiv'))
  const { code, stdout } = await cli(['check', '--config', 'bad.yaml', '--dependents'], { cwd: home })
  expect([code, stdout]).toEqual([78, expect.stringContaining("which is not declared — did you mean 'archive'?")])
})
