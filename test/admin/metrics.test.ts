/** `/metrics` and health on the operators' port. */

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, running } from '../deliveries/fixture.ts'
import { type Sink, sink } from '../deliveries/sink.ts'
import { available } from '../support/available.ts'
import { postgres } from '../support/postgres.ts'
import { gateway, runtimes } from '../support/process.ts'

const onPostgres = await available('Postgres', postgres)

/** The sum of the samples of a name whose labels hold all of these. */
function sample(text: string, name: string, labels: Record<string, string> = {}): number | undefined {
  const lines = text.split('\n').filter(line => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  const held = lines.filter(line => Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)))
  return held.length === 0 ? undefined : held.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

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

    test('count attempts by destination and outcome', async () => {
      await seen.until(() => seen.at('crm').length === 3)
      await served.becomes(`select count(*) from deliveries where status = 'delivered'`, 2)
      const text = await read()
      expect(sample(text, 'postern_delivery_attempts_total', { destination: 'crm', outcome: 'delivered' })).toBe(2)
      expect(sample(text, 'postern_delivery_attempts_total', { destination: 'crm', outcome: 'failed' })).toBe(1)
      expect(sample(text, 'postern_outbox_oldest_age_seconds')).toBe(0)
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

/** Names that the dashboard and the alerts ask for. */
test('every metric of deploy/ exists', () => {
  const root = join(import.meta.dirname, '../..')
  const meter = readFileSync(join(root, 'core/metrics/meter.ts'), 'utf8')
  const known = new Set([...meter.matchAll(/'(postern_\w+)'/g)].map(match => match[1] as string))
  for (const file of ['deploy/grafana/postern.json', 'deploy/prometheus/alerts.yaml']) {
    const text = readFileSync(join(root, file), 'utf8')
    const asked = [...new Set([...text.matchAll(/postern_\w+/g)].map(match => match[0].replace(/_(bucket|sum|count)$/, '')))]
    expect([file, asked.length > 3, asked.filter(name => !known.has(name))]).toEqual([file, true, []])
  }
})
