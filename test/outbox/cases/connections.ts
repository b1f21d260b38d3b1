/** Connections that are kept, shared and ended. */
import { createClient } from '#core/outbox/request.ts'
import { ANY, detail, names, outcome, to } from '../attempt.ts'
import { type Case, report, sleep, until } from '../program.ts'
import { always, answer, receiver } from '../receiver.ts'

export const cases: readonly Case[] = [
  [
    'a connection is used again',
    async () => {
      const at = await receiver(always(answer()))
      const resolve = names('127.0.0.1')
      const client = createClient({ allowPrivate: true, resolve })
      const url = `http://a.test:${at.port}/`
      for (let n = 0; n < 5; n++) await outcome(client, { url }).then(() => sleep(20))
      return { connections: at.connections, requests: at.requests.length, looked: resolve.calls }
    },
    { connections: 1, requests: 5, looked: 1 },
  ],
  [
    'a kept connection that the server ends is replaced once',
    async () => {
      const at = await receiver((socket, { nth }) => void (nth === 1 ? socket.write(answer()) : socket.destroy()))
      const client = createClient(ANY)
      const url = `http://127.0.0.1:${at.port}/`
      const statuses = []
      for (let n = 0; n < 3; n++) statuses.push(await outcome(client, { url }).then(status => sleep(20).then(() => status)))
      return { statuses, connections: at.connections, requests: at.requests.length }
    },
    // The third finds no kept connection: that of the repetition was for it alone.
    { statuses: [200, 200, 200], connections: 3, requests: 4 },
  ],
  [
    'a kept connection that answers nonsense is not replaced',
    async () => {
      const at = await receiver((socket, { nth }) => void socket.write(nth === 1 ? answer() : 'nonsense'))
      const client = createClient(ANY)
      const url = `http://127.0.0.1:${at.port}/`
      const first = await outcome(client, { url })
      await sleep(20)
      return { outcomes: [first, await outcome(client, { url })], requests: at.requests.length }
    },
    { outcomes: [200, 'CONNECTION_FAILED'], requests: 2 },
  ],
  [
    'a kept connection that the server ended while it was quiet does no harm',
    async () => {
      const at = await receiver(socket => {
        socket.write(answer())
        setTimeout(() => socket.end(), 30)
      })
      const client = createClient(ANY)
      const url = `http://127.0.0.1:${at.port}/`
      const first = await outcome(client, { url })
      await sleep(200)
      return [first, await outcome(client, { url })]
    },
    [200, 200],
  ],
  [
    'an answer that comes unasked ends the connection',
    async () => {
      const at = await receiver(always(`${answer(200, 'ok')}${answer(500, 'smuggled')}`))
      const client = createClient(ANY)
      const url = `http://127.0.0.1:${at.port}/`
      const bodies = []
      for (let n = 0; n < 3; n++) bodies.push((await detail(client, { url }).then(got => sleep(20).then(() => got))).body)
      return { bodies, connections: at.connections }
    },
    { bodies: ['ok', 'ok', 'ok'], connections: 3 },
  ],
  [
    'a quiet connection is kept for a while, and then closed',
    async () => {
      const at = await receiver(always(answer()))
      const client = createClient(ANY)
      await outcome(client, { url: `http://127.0.0.1:${at.port}/` })
      const started = performance.now()
      const gone = await until(() => at.open === 0, 10_000)
      return { gone, kept: performance.now() - started > 3500 }
    },
    { gone: true, kept: true },
  ],
  [
    'an answer may take longer than a connection may be quiet',
    async () => (await to(socket => void setTimeout(() => socket.write(answer()), 4600), { timeout: 8000 })).status,
    200,
  ],
  [
    '100 at once, over 10 connections',
    async () => {
      const at = await receiver(socket => void setTimeout(() => socket.write(answer()), 5))
      const client = createClient({ allowPrivate: true, sockets: 10 })
      const all = Array.from({ length: 100 }, () => outcome(client, { url: `http://127.0.0.1:${at.port}/`, timeout: 10_000 }))
      const statuses = new Set(await Promise.all(all))
      return { statuses: [...statuses], requests: at.requests.length, most: at.most }
    },
    { statuses: [200], requests: 100, most: 10 },
  ],
  [
    '100 that hang do not hold up another host',
    async () => {
      const hangs = await receiver(() => {})
      const at = await receiver(always(answer()))
      const client = createClient({ allowPrivate: true, sockets: 4, resolve: names('127.0.0.1') })
      const hung = Array.from({ length: 100 }, () => outcome(client, { url: `http://hangs.test:${hangs.port}/`, timeout: 2000 }))
      await sleep(50)
      const { status, duration } = await detail(client, { url: `http://a.test:${at.port}/` })
      const codes = new Set(await Promise.all(hung))
      return { status, quick: duration < 1500, codes: [...codes], gone: await until(() => hangs.open === 0, 5000) }
    },
    { status: 200, quick: true, codes: ['TIMEOUT'], gone: true },
  ],
  [
    'closing ends requests under way',
    async () => {
      const at = await receiver((socket, { nth }) => nth === 1 && socket.write(answer()))
      const client = createClient(ANY)
      const url = `http://127.0.0.1:${at.port}/`
      await outcome(client, { url })
      const under = Promise.all([outcome(client, { url }), outcome(client, { url })])
      await sleep(100)
      client.close()
      return { codes: new Set(await under).size, gone: await until(() => at.open === 0) }
    },
    { codes: 1, gone: true },
  ],
]

await report(cases)
