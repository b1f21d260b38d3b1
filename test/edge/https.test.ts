import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { available } from '../support/available.ts'
import { folder } from '../support/child.ts'
import { freshDatabase, postgres } from '../support/postgres.ts'
import { type Gateway, gateway, runtimes } from '../support/process.ts'

const webhook = `
webhooks:
  hook:
    path: /hook/{name}
    chain:
      - auth-none: { reason: a test }
      - upsert: { entity: thing }
`
const KEY = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"id":"1"}' }
const onPostgres = await available('Postgres', postgres)

for (const runtime of runtimes) {
  onPostgres(`HTTPS on ${runtime}`, () => {
    describe('of its own', () => {
      let served: Gateway
      beforeAll(async () => {
        const home = folder()
        const [cert, key] = [join(home, 'cert.pem'), join(home, 'key.pem')]
        const subject = ['-subj', '/CN=127.0.0.1', '-days', '2']
        execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject], {
          stdio: 'ignore',
        })
        const { url } = await freshDatabase()
        const config = `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s, requireHttps: true, tls: { cert: ${cert}, key: ${key} } }
store: { url: "\${DATABASE_URL}" }
${webhook}`
        served = await gateway({ runtime, config, env: { DATABASE_URL: url }, tls: true })
      })
      afterAll(() => served.stop())

      test('takes a webhook, with the path that was sent', async () => {
        const answer = await fetch(`${served.url}/hook/a`, { ...KEY, tls: { rejectUnauthorized: false } })
        expect([answer.status, await answer.json()]).toEqual([201, { id: '1', created: true }])
      })

      test('a HTTP/2 client is served as well', () => {
        const out = execFileSync('curl', [
          '-sk',
          '--http2',
          '-X',
          'POST',
          '-H',
          'content-type: application/json',
          '-d',
          '{"id":"2"}',
          `${served.url}/hook/a`,
        ])
        expect(JSON.parse(out.toString())).toEqual({ id: '2', created: true })
      })
    })

    describe('of a proxy', () => {
      const start = async (trusted: string) => {
        const { url } = await freshDatabase()
        const config = `version: 1
server: { port: "\${PORT}", host: 127.0.0.1, drainDelay: 0s, requireHttps: true, trustedProxies: [${trusted}] }
store: { url: "\${DATABASE_URL}" }
${webhook}`
        return gateway({ runtime, config, env: { DATABASE_URL: url } })
      }
      let trusting: Gateway
      let wary: Gateway
      beforeAll(async () => {
        ;[trusting, wary] = await Promise.all([start('127.0.0.1'), start('10.0.0.0/8')])
      })
      afterAll(() => Promise.all([trusting.stop(), wary.stop()]))
      const proto = (value: string) => ({ ...KEY, headers: { ...KEY.headers, 'x-forwarded-proto': value } })

      const rows: [string, () => Gateway, RequestInit, number][] = [
        ['plain HTTP is refused', () => trusting, KEY, 403],
        ['a trusted proxy says https', () => trusting, proto('https'), 201],
        ['a trusted proxy says http', () => trusting, proto('http'), 403],
        ['one of two proxies says http', () => trusting, proto('https, http'), 403],
        ['somebody else says https', () => wary, proto('https'), 403],
      ]
      test.each(rows)('%s', async (_title, to, request, status) => {
        const answer = await fetch(`${to().url}/hook/a`, request)
        expect(answer.status).toBe(status)
        if (status === 403) expect(await answer.json()).toMatchObject({ code: 'HTTPS_REQUIRED' })
      })
    })
  })
}
