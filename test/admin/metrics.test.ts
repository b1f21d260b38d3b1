/** `/metrics` and health on the operators' port. */

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { kept } from '#core/metrics/kept.ts'
import { openMetrics } from '#core/metrics/meter.ts'
import { type Running, running } from '../deliveries/fixture.ts'
import { type Sink, sink } from '../deliveries/sink.ts'
import { available } from '../support/available.ts'
import { postgres } from '../support/postgres.ts'
import { gateway, runtimes } from '../support/process.ts'
import { becomes, sample, scrape } from './scrape.ts'

const onPostgres = await available('Postgres', postgres)

for (const runtime of runtimes) {
  onPostgres(`metrics on ${runtime}`, () => {
    let served: Running
    let seen: Sink
    beforeAll(async () => {
      seen = sink({ crm: n => (n === 0 ? 500 : 200) })
      served = await running(
        'subscriptions: { all: { webhooks: [things], to: [crm] } }\ndestinations: { crm: { url: "SINK/crm", allowPrivate: true, retry: { schedule: [0s, 100ms] } } }',
        { sink: seen, runtime },
      )
    })
    afterAll(() => served.stop())
    const read = async () => {
      const response = await fetch(`${served.adminUrl}/metrics`)
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
      return response.text()
    }

    test('count requests by webhook, outcome and reason, and nothing that a sender chooses', async () => {
      await served.send('things', { id: 'a' })
      await served.send('things', { id: 'b' })
      await fetch(`${served.url}/things`, { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } })
      await fetch(`${served.url}/things`, { method: 'DELETE' })
      await fetch(`${served.url}/no-such-path-as-this`, { method: 'POST', body: '{}' })
      const text = await read()
      expect(sample(text, 'postern_requests_total', { webhook: 'things', outcome: 'accepted', reason: '' })).toBe(2)
      expect(sample(text, 'postern_requests_total', { webhook: 'things', outcome: 'refused', reason: 'INVALID_JSON' })).toBe(1)
      expect(sample(text, 'postern_requests_total', { webhook: '', outcome: 'refused', reason: 'METHOD_NOT_ALLOWED' })).toBe(1)
      expect(sample(text, 'postern_requests_total', { webhook: '', outcome: 'refused', reason: 'NOT_FOUND' })).toBe(1)
      expect(text).not.toMatch(/DELETE|no-such-path/)
      expect(sample(text, 'postern_request_duration_seconds_count', { outcome: 'accepted' })).toBe(2)
      expect(sample(text, 'postern_plugin_duration_seconds_count', { plugin: 'upsert' })).toBe(2)
      expect(sample(text, 'postern_commit_batch_size_sum')).toBe(2)
      expect(sample(text, 'postern_commit_queue_depth')).toBe(0)
      expect(sample(text, 'postern_config_last_reload_successful')).toBe(1)
      expect(text).toMatch(new RegExp(`postern_build_info\\{version="\\d[^"]*",runtime="${runtime} `, 'i'))
    })

    test('have what was counted until the very moment, however soon they are asked again', async () => {
      const total = async () =>
        [...(await read()).matchAll(/^postern_requests_total\{.*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0)
      const counts = [await total()]
      for (let n = 0; n < 3; n++) {
        await fetch(`${served.url}/nowhere`, { method: 'POST', body: '{}' })
        counts.push(await total())
      }
      expect(counts.map(count => count - (counts[0] as number))).toEqual([0, 1, 2, 3])
    })

    test('count attempts by destination and outcome', async () => {
      await seen.until(() => seen.at('crm').length === 3)
      await served.becomes(`select count(*) from deliveries where status = 'delivered'`, 2)
      expect(await becomes(served, 'postern_delivery_attempts_total', { destination: 'crm', outcome: 'delivered' }, 2)).toBe(2)
      const text = await read()
      expect(sample(text, 'postern_delivery_attempts_total', { destination: 'crm', outcome: 'failed' })).toBe(1)
      expect(await becomes(served, 'postern_outbox_oldest_age_seconds', {}, 0)).toBe(0)
    })

    test('health is here, too', async () => {
      for (const page of ['livez', 'readyz']) expect((await fetch(`${served.adminUrl}/${page}`)).status).toBe(200)
      expect((await fetch(`${served.adminUrl}/metrics`, { method: 'POST' })).status).toBe(405)
    })
  })
}

onPostgres('without a token', () => {
  test('metrics and health stay, and the admin API is off', async () => {
    const config = `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s, accessLog: true }
store: { url: pglite://memory }
webhooks: { a: { path: "/a/{id}", chain: [{ auth-none: { reason: a test } }, { upsert: { entity: a } }] } }
`
    const served = await gateway({ config })
    const status = async (path: string) => (await fetch(`${served.adminUrl}${path}`)).status
    expect([await status('/metrics'), await status('/readyz'), await status('/admin/v1/webhooks')]).toEqual([200, 200, 404])
    await fetch(`${served.url}/a/secret-token-in-the-path?key=secret-key`, { method: 'POST', body: '{"id":"x"}' })
    await fetch(`${served.url}/nowhere-secret`, { method: 'POST' })
    const lines = served
      .log()
      .split('\n')
      .filter(line => line.includes('"msg":"request"'))
      .map(line => JSON.parse(line))
    expect(lines).toMatchObject([
      { webhook: 'a', route: '/a/{id}', method: 'POST', status: 201, outcome: 'accepted' },
      { method: 'POST', status: 404, outcome: 'refused', code: 'NOT_FOUND' },
    ])
    expect(JSON.stringify(lines)).not.toMatch(/secret/)
    await served.stop()
  })
})

onPostgres('deploy/', () => {
  test('asks for nothing that a gateway does not tell: no other metric, label or outcome', async () => {
    const seen = sink()
    const served = await running(
      'subscriptions: { all: { webhooks: [things], to: [crm] } }\ndestinations: { crm: { url: "SINK/crm", allowPrivate: true } }',
      { sink: seen },
    )
    await served.send('things', { id: 'a' })
    await becomes(served, 'postern_delivery_attempt_duration_seconds_count', { destination: 'crm' }, 1)
    const text = await scrape(served)
    await served.stop()

    const known = new Set([...text.matchAll(/^# TYPE (postern_\w+) /gm)].map(match => match[1] as string))
    const labels = new Map<string, Set<string>>()
    for (const [, name = '', held = ''] of text.matchAll(/^(postern_\w+)\{(.*)\} /gm))
      labels.set(name, new Set([...(labels.get(name) ?? []), ...[...held.matchAll(/(\w+)="/g)].map(match => match[1] as string)]))
    // It has no line until a limit could not be checked, or a webhook has one.
    labels.set('postern_limiter_unavailable_total', new Set(['webhook']))
    const outcomes = (name: string) =>
      name === 'postern_requests_total' ? ['accepted', 'replayed', 'asked', 'read', 'refused', 'failed'] : ['delivered', 'failed', 'dead']

    const root = join(import.meta.dirname, '../..')
    for (const file of ['deploy/grafana/postern.json', 'deploy/prometheus/alerts.yaml']) {
      // A dashboard is JSON, in which a quote stands escaped.
      const asked = readFileSync(join(root, file), 'utf8').replaceAll('\\"', '"')
      const names = [...new Set([...asked.matchAll(/postern_\w+/g)].map(match => match[0].replace(/_(bucket|sum|count)$/, '')))]
      expect([file, names.length > 3, names.filter(name => !known.has(name))]).toEqual([file, true, []])
      const strange: string[] = []
      for (const [whole, name = '', selector = ''] of asked.matchAll(/(postern_\w+)\{([^}]*)\}/g))
        for (const [, label = '', values = ''] of selector.matchAll(/(\w+)\s*[!=]~?\s*"([^"]*)"/g)) {
          if (!labels.get(name)?.has(label)) strange.push(whole)
          if (label === 'outcome' && values.split('|').some(value => !outcomes(name).includes(value))) strange.push(whole)
        }
      expect([file, strange]).toEqual([file, []])
    }
  })
})

test('every alert says what is wrong and what to do', () => {
  const text = readFileSync(join(import.meta.dirname, '../../deploy/prometheus/alerts.yaml'), 'utf8')
  const { groups } = parse(text) as { groups: { rules: Record<string, any>[] }[] }
  const rules = groups.flatMap(group => group.rules)
  expect(rules.length).toBeGreaterThan(9)
  const fault = ({ alert, expr, annotations, labels }: Record<string, any>) =>
    [alert, expr, annotations?.summary, annotations?.action, labels?.severity].every(part => typeof part === 'string') ? undefined : alert
  expect([rules.map(fault).filter(Boolean), new Set(rules.map(rule => rule.alert)).size]).toEqual([[], rules.length])
})

/** A clock and a maker that is told when to be ready. */
function slow() {
  const clock = { now: 0 }
  const makings: PromiseWithResolvers<string>[] = []
  const ask = kept(
    () => {
      const making = Promise.withResolvers<string>()
      makings.push(making)
      return making.promise
    },
    1000,
    () => clock.now,
  )
  return { clock, makings, ask }
}

describe('what everybody may ask for is made', () => {
  test('once for all who ask meanwhile, and a second longer', async () => {
    const { clock, makings, ask } = slow()
    const all = [ask(), ask(), ask()]
    clock.now = 5000
    all.push(ask())
    makings[0]?.resolve('one')
    expect(await Promise.all(all)).toEqual(['one', 'one', 'one', 'one'])
    clock.now = 5999
    expect([await ask(), makings.length]).toEqual(['one', 1])
    clock.now = 6000
    const next = ask()
    makings[1]?.resolve('two')
    expect([await next, makings.length]).toEqual(['two', 2])
  })

  test('anew after a failure, which is told', async () => {
    const { makings, ask } = slow()
    const all = [ask(), ask()]
    makings[0]?.reject(new Error('away'))
    expect((await Promise.allSettled(all)).map(result => result.status)).toEqual(['rejected', 'rejected'])
    const next = ask()
    makings[1]?.resolve('two')
    expect(await next).toBe('two')
  })
})

test('however often they are asked within a quarter of a second, the store is not', async () => {
  const clock = { now: 0 }
  let asked = 0
  const store = async () => {
    asked++
    return undefined
  }
  const metrics = openMetrics({ version: '1', runtime: 'any' }, { commitQueue: () => 0, outboxAge: store, backlog: store }, () => clock.now)
  const counts: number[] = []
  for (const at of [0, 100, 249, 250, 499]) {
    clock.now = at
    await Promise.all([metrics.text(), metrics.text(), metrics.json()])
    counts.push(asked)
  }
  expect(counts).toEqual([2, 2, 2, 4, 4])
})

test('they cost no walk over all the memory, in which no request would be answered', async () => {
  const nothing = async () => undefined
  const metrics = openMetrics({ version: '1', runtime: 'any' }, { commitQueue: () => 0, outboxAge: nothing, backlog: nothing })
  expect(await metrics.text()).not.toContain('nodejs_heap_space')
})
