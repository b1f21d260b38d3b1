/** A thousand senders that dribble, in their headers or in their bodies: the others notice nothing, and the dribblers are ended. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { connect, type Socket } from 'node:net'
import { available } from '../support/available.ts'
import { postgres } from '../support/postgres.ts'
import { runtimes } from '../support/process.ts'
import { authorization, BODY_TIMEOUT, type Opened, open } from './fixture.ts'
import { until } from './oracle.ts'

const SENDERS = 1000
/** Milliseconds between two bytes of one sender. */
const PAUSE = 400
/** Milliseconds for 95 of 100 answers to those who ask for health, and for the slowest to anybody: a thousand senders share this machine with them. */
const QUICK = 200
const SLOWEST = 1500
/** Questions about health, and milliseconds between two of them: over several of the pauses, and over the end of all that are too slow. */
const ROUNDS = 100
const EVERY = 20
/** Bytes of memory that a sender may cost. */
const EACH = 100_000
/** Milliseconds after which Bun ends a connection whose headers do not come. */
const HEADERS_ON_BUN = 12_000

interface Dribbler {
  socket: Socket
  text: string
  closed: boolean
}

/** Opens connections that say the head at once, and then one more byte each pause; gives them, and a way to end it. */
async function dribble(port: number, head: string, drop: string): Promise<{ all: Dribbler[]; stop(): void }> {
  const all = await Promise.all(
    Array.from({ length: SENDERS }, async () => {
      const socket = connect(port, '127.0.0.1')
      const one: Dribbler = { socket, text: '', closed: false }
      const ended = () => {
        one.closed = true
      }
      socket.on('data', data => (one.text += data.toString('latin1')))
      socket.on('error', ended).on('end', ended).on('close', ended)
      await new Promise<void>((done, fail) => socket.once('connect', () => done()).once('error', fail))
      socket.write(head)
      return one
    }),
  )
  const timer = setInterval(() => {
    for (const { socket, closed } of all) if (!closed) socket.write(drop)
  }, PAUSE)
  return {
    all,
    stop() {
      clearInterval(timer)
      for (const { socket } of all) socket.destroy()
    },
  }
}

const memoryOf = (pid: number) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

/** Asks `/livez` over a connection of its own, as those who watch do; gives the milliseconds from before the connection was made. */
const healthOf = (port: number) =>
  new Promise<number>((done, fail) => {
    const start = performance.now()
    const request = get({ host: '127.0.0.1', port, path: '/livez', agent: false }, response => {
      response.resume()
      response.once('end', () => {
        if (response.statusCode === 200) done(performance.now() - start)
        else fail(new Error(`/livez answers ${response.statusCode}`))
      })
    })
    request.once('error', fail)
  })

const onPostgres = await available('Postgres', postgres)

for (const runtime of runtimes) {
  onPostgres(`${SENDERS} senders that dribble on ${runtime}`, () => {
    let gateway: Opened
    beforeAll(async () => {
      gateway = await open(runtime)
      // What a first request costs is not theirs.
      await others(20)
    }, 30_000)
    afterAll(() => gateway?.close())

    /** Asks for health, and sends a good request now and then; gives the times of either in order. */
    async function others(rounds: number) {
      const health: number[] = []
      const good: number[] = []
      for (let i = 0; i < rounds; i++) {
        await new Promise(done => setTimeout(done, EVERY))
        health.push(await healthOf(gateway.port))
        if (i % 10 > 0) continue
        const start = performance.now()
        const response = await fetch(`${gateway.url}/bearer`, { method: 'POST', headers: authorization, body: '{"a":1}' })
        expect(response.status).toBe(201)
        good.push(performance.now() - start)
      }
      return { health: health.sort((a, b) => a - b), slowest: Math.max(...good) }
    }
    function expectQuick({ health, slowest }: Awaited<ReturnType<typeof others>>) {
      expect(health[Math.ceil(health.length * 0.95) - 1]).toBeLessThan(QUICK)
      expect(Math.max(slowest, health.at(-1) as number)).toBeLessThan(SLOWEST)
    }

    test('bodies: each is told that it was too slow', async () => {
      const before = memoryOf(gateway.pid)
      const { all, stop } = await dribble(
        gateway.port,
        `POST /bearer HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization.authorization}\r\ncontent-length: 1000\r\n\r\n{`,
        ' ',
      )
      expectQuick(await others(ROUNDS))
      const answered = () => all.filter(d => d.text.startsWith('HTTP/1.1 408 ')).length
      const gone = () => all.filter(d => d.closed || d.text !== '').length
      // The deadline of the body, and as much again for so many on a busy machine.
      await until('all are ended', () => gone() === SENDERS, BODY_TIMEOUT + 5000)
      // A server that closes on bytes still to come may take its own answer back with them.
      expect(answered()).toBeGreaterThan(SENDERS / 2)
      expect(all.every(d => d.text === '' || d.text.startsWith('HTTP/1.1 408 '))).toBe(true)
      expect(memoryOf(gateway.pid) - before).toBeLessThan(SENDERS * EACH)
      stop()
      expectQuick(await others(20))
      expect(await gateway.rows(`select count(*)::int as n from records where data <> '{"a":1}'`)).toEqual([{ n: 0 }])
    }, 30_000)

    test('headers: nobody else notices them, and Bun ends them', async () => {
      const before = memoryOf(gateway.pid)
      const { all, stop } = await dribble(gateway.port, 'POST /bearer HTTP/1.1\r\nhost: x\r\nx-a: ', 'a')
      const start = performance.now()
      expectQuick(await others(ROUNDS))
      expect(memoryOf(gateway.pid) - before).toBeLessThan(SENDERS * EACH)
      const closed = () => all.filter(d => d.closed).length
      // Deno has no deadline for headers: what stands before it has one (docs/operations.md).
      if (runtime === 'bun') await until('all are ended', () => closed() === SENDERS, HEADERS_ON_BUN + 4000 - (performance.now() - start))
      else expect(closed()).toBe(0)
      stop()
      expectQuick(await others(20))
    }, 30_000)
  })
}
