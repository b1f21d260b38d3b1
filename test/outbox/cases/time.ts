/** The total time, wherever it is lost. */
import { createClient, type Outgoing } from '#core/outbox/request.ts'
import { ANY, detail, once, outcome, to } from '../attempt.ts'
import { type Case, report, sleep, until } from '../program.ts'
import { always, answer, CHUNKED, endless, HEAD, receiver } from '../receiver.ts'

/** A request that runs out of time, on a connection that must then be gone. */
function timesOut(phase: string, respond: Parameters<typeof receiver>[0], request: Partial<Outgoing> = {}, options = {}) {
  return async () => {
    const at = await receiver(respond, options)
    const client = createClient(ANY)
    const { code, message, duration } = await detail(client, { url: `http://127.0.0.1:${at.port}/`, timeout: 300, ...request })
    return {
      code,
      phase: message?.includes(phase) ? phase : message,
      inTime: duration >= 290 && duration < 5000,
      // A server that reads nothing does not see an end either.
      gone: 'pauseOnConnect' in options || (await until(() => at.open === 0)),
    }
  }
}

const outOfTime = (phase: string) => ({ code: 'TIMEOUT', phase, inTime: true, gone: true })

export const cases: readonly Case[] = [
  ['slow: the resolver', slowName, { code: 'TIMEOUT', inTime: true }],
  ['slow: no answer', timesOut('waiting for the answer', () => {}), outOfTime('waiting for the answer')],
  ['slow: a header at a time', timesOut('waiting for the answer', endless(HEAD, 'X-A: 1\r\n', 50)), outOfTime('waiting for the answer')],
  [
    'slow: a byte of the body at a time',
    timesOut('reading the answer', endless(`${HEAD}Content-Length: 1000\r\n\r\n`, 'c', 20)),
    outOfTime('reading the answer'),
  ],
  [
    'slow: a body that stops',
    timesOut('reading the answer', always(`${HEAD}Content-Length: 10\r\n\r\nabc`)),
    outOfTime('reading the answer'),
  ],
  ['slow: a body that does not end', timesOut('reading the answer', always(`${HEAD}\r\nabc`)), outOfTime('reading the answer')],
  ['slow: a chunk extension without an end', slowExtension, true],
  [
    'slow: a receiver that does not read',
    timesOut('waiting for the answer', undefined, { body: 'x'.repeat(20_000_000) }, { pauseOnConnect: true }),
    outOfTime('waiting for the answer'),
  ],
  ['slow: the queue for a connection', slowQueue, { codes: ['TIMEOUT', 'TIMEOUT', 'TIMEOUT'], phase: true, inTime: true, later: 200 }],
  [
    'time that is up is up on a kept connection too, and nothing is sent twice',
    async () => {
      const at = await receiver((socket, { nth }) => nth === 1 && socket.write(answer()))
      const client = createClient(ANY)
      const url = `http://127.0.0.1:${at.port}/`
      const first = await outcome(client, { url })
      await sleep(20)
      const second = await outcome(client, { url, timeout: 200 })
      const gone = await until(() => at.open === 0)
      await sleep(300)
      return { first, second, gone, connections: at.connections, requests: at.requests.length }
    },
    { first: 200, second: 'TIMEOUT', gone: true, connections: 1, requests: 2 },
  ],
  [
    'no time at all',
    async () => {
      const all = await Promise.all([0, -5, Number.NaN].map(timeout => to(always(answer()), { timeout })))
      return all.map(({ code, at }) => [code, at.connections])
    },
    [
      ['TIMEOUT', 0],
      ['TIMEOUT', 0],
      ['TIMEOUT', 0],
    ],
  ],
  [
    'slow: an answer on the connection of another request',
    async () => {
      const at = await receiver((socket, { nth }) => void (nth === 1 && setTimeout(() => socket.write(answer()), 100)))
      const client = createClient({ allowPrivate: true, sockets: 1 })
      const url = `http://127.0.0.1:${at.port}/`
      const [first, second] = await Promise.all([outcome(client, { url }), detail(client, { url, timeout: 400 })])
      return [first, second.code, second.message?.includes('waiting for the answer')]
    },
    [200, 'TIMEOUT', true],
  ],
  ['time without an end', async () => (await to(always(answer()), { timeout: Number.POSITIVE_INFINITY })).status, 200],
]

async function slowName() {
  const { code, duration } = await once({ resolve: () => {} }, { url: 'http://a.test/', timeout: 300 })
  return { code, inTime: duration >= 290 && duration < 5000 }
}

/** Bun refuses it at once; on Deno time runs out. */
async function slowExtension() {
  const { code, duration } = await to(endless(`${CHUNKED}5;`, 'b'.repeat(1000)), { timeout: 300 })
  return ['TIMEOUT', 'CONNECTION_FAILED'].includes(code ?? '') && duration < 5000
}

async function slowQueue() {
  let answering = false
  const at = await receiver(socket => answering && socket.write(answer()))
  const client = createClient({ allowPrivate: true, sockets: 1 })
  const url = `http://127.0.0.1:${at.port}/`
  const started = performance.now()
  const first = detail(client, { url, timeout: 2000 })
  const queued = await Promise.all([1, 2].map(() => detail(client, { url, timeout: 200 })))
  const inTime = performance.now() - started < 1500
  answering = true
  const codes = [...queued, await first].map(({ code }) => code)
  const phase = queued.every(({ message }) => message?.includes('waiting for a connection'))
  return { codes, phase, inTime, later: await outcome(client, { url }) }
}

await report(cases)
