/** A receiver of deliveries that does as it is told, and remembers everything. */
import { atEnd } from '../support/child.ts'

export interface Received {
  /** Path of the URL: which destination it was. */
  path: string
  method: string
  headers: Headers
  text: string
  body: any
  /** Epoch milliseconds at its beginning and its end. */
  from: number
  to: number
}

export interface Sink {
  readonly url: string
  readonly received: Received[]
  /** Most requests of a path that were there at once. */
  most(path: string): number
  /** Those of a path. */
  at(path: string): Received[]
  /** Waits until the condition holds, at most so many milliseconds. */
  until(holds: () => boolean, ms?: number): Promise<void>
  stop(): void
}

/** What a path answers: a status, a whole answer, or nothing for ever. `n` counts its requests from 0. */
export type Behaviour = (n: number, request: Received) => number | Response | Promise<number | Response>

export function sink(behave: Record<string, Behaviour> = {}): Sink {
  const received: Received[] = []
  const now = new Map<string, number>()
  const most = new Map<string, number>()
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    async fetch(request) {
      const path = new URL(request.url).pathname.slice(1)
      now.set(path, (now.get(path) ?? 0) + 1)
      most.set(path, Math.max(most.get(path) ?? 0, now.get(path) as number))
      const text = await request.text()
      const one: Received = {
        path,
        method: request.method,
        headers: request.headers,
        text,
        body: parsed(text),
        from: Date.now(),
        to: 0,
      }
      const n = received.filter(r => r.path === path).length
      received.push(one)
      const answer = (await behave[path]?.(n, one)) ?? 200
      one.to = Date.now()
      now.set(path, (now.get(path) as number) - 1)
      return typeof answer === 'number' ? new Response(answer === 204 ? null : `answer ${n}`, { status: answer }) : answer
    },
  })
  atEnd(async () => void server.stop(true))
  return {
    url: `http://127.0.0.1:${server.port}`,
    received,
    most: path => most.get(path) ?? 0,
    at: path => received.filter(r => r.path === path),
    async until(holds, ms = 15_000) {
      const deadline = Date.now() + ms
      while (!holds()) {
        if (Date.now() > deadline) throw new Error(`not within ${ms} ms; received: ${received.map(r => r.path).join(' ')}`)
        await new Promise(done => setTimeout(done, 10))
      }
    },
    stop: () => void server.stop(true),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Never answers. */
export const hang: Behaviour = () => new Promise(() => {})
