/** What is sent, signed so that a Standard Webhooks library takes it, and the settings that are refused. */
import { expect, test } from 'bun:test'
import { Webhook } from 'standardwebhooks'
import { compileReach } from '#core/address.ts'
import { decodeSettings } from '#core/config/decode.ts'
import type { DestinationHost, HttpRequest } from '#core/destination.ts'
import { compileSign } from '#core/outbox/sign.ts'
import type { Message } from '#core/plugin.ts'
import http from './index.ts'

const NOW = Date.now()
const KEY = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const OLD = 'whsec_b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQ='

const message: Message = {
  id: '01JD0000000000000000000000',
  type: 'record.created',
  time: new Date(NOW).toISOString(),
  webhook: 'orders',
  record: 'order/1',
  attempt: 1,
  contentType: 'application/json',
  body: '{"data":{"name":"é"}}',
  headers: { 'x-postern-webhook-id': '01JD0000000000000000000000' },
  timeout: 5000,
}

/** Opens with these settings and sends the message; gives the request and what it was allowed to reach. */
async function sent(raw: Record<string, unknown>) {
  const { value, problems } = decodeSettings(http.config, { url: 'https://d.example/hooks?x=1', ...raw })
  expect(problems).toEqual([])
  const requests: HttpRequest[] = []
  let reach: { allowPrivate: boolean } | undefined
  let closed = 0
  const host: DestinationHost = {
    destination: 'd',
    now: () => NOW,
    sign: compileSign,
    http: given => {
      reach = given
      return {
        async send(request) {
          requests.push(request)
          return { ok: true, status: 200 }
        },
        close: () => void closed++,
      }
    },
    reachable: () => () => true,
    warn: () => {},
  }
  const sender = await http.open(value as never, host)
  expect(await sender.send(message)).toEqual({ ok: true, status: 200 })
  await sender.close?.()
  expect(closed).toBe(1)
  return { request: requests[0]!, reach }
}

test('an event as a request', async () => {
  const { request, reach } = await sent({})
  expect(reach).toEqual({ allowPrivate: false })
  expect(request).toEqual({
    url: 'https://d.example/hooks?x=1',
    method: 'POST',
    body: message.body,
    timeout: 5000,
    headers: {
      'user-agent': 'Postern',
      'content-type': 'application/json',
      'x-postern-webhook-id': message.id,
      'webhook-id': message.id,
      'webhook-timestamp': String(Math.floor(NOW / 1000)),
    },
  })
})

test('with a method and headers of its own, which come after ours', async () => {
  const { request, reach } = await sent({
    method: 'PUT',
    allowPrivate: true,
    headers: { Authorization: 'Bearer x', 'User-Agent': 'me', 'X-Postern-Webhook-Id': 'forged' },
  })
  expect([request.method, reach]).toEqual(['PUT', { allowPrivate: true }])
  expect(request.headers).toMatchObject({ authorization: 'Bearer x', 'user-agent': 'me', 'x-postern-webhook-id': message.id })
})

test.each([
  ['the new key', KEY],
  ['the old one, while both sign', OLD],
])('a Standard Webhooks library verifies it with %s', async (_, key) => {
  const { request } = await sent({ secrets: [KEY, OLD] })
  expect(request.headers['webhook-signature']!.split(' ')).toHaveLength(2)
  expect(new Webhook(key).verify(request.body, request.headers)).toEqual({ data: { name: 'é' } })
  expect(() => new Webhook(key).verify(`${request.body} `, request.headers)).toThrow()
})

test.each<[what: string, settings: Record<string, unknown>, path?: string]>([
  ['a public name', { url: 'https://d.example' }],
  ['a public address', { url: 'https://8.8.8.8' }],
  ['a private address', { url: 'https://10.0.0.1' }, '/url'],
  ['one that may be reached', { url: 'https://10.0.0.1', allowPrivate: true }],
  ['one that is listed', { url: 'https://10.9.0.1' }],
  ['this machine', { url: 'http://localhost:3000' }, '/url'],
  ['a header of ours', { headers: { 'webhook-id': 'x' } }, '/headers/webhook-id'],
  ['a header with a slash in its name', { headers: { 'a/b': 'x' } }, '/headers/a~1b'],
  ['a key cut short', { secrets: [KEY, 'whsec_*'] }, '/secrets/1'],
])('the check: %s', (_, settings, ...[path]) => {
  const { value } = decodeSettings(http.config, { url: 'https://d.example', ...settings })
  const reachable = ({ allowPrivate }: { allowPrivate: boolean }) => compileReach({ allowPrivate, allowed: ['10.9.0.0/16'] })
  expect(http.check!(value as never, { destination: 'd', reachable }).map(fault => fault.path)).toEqual(path ? [path] : [])
})
