/** A gateway that a test may reload, drain and stop, and ways to talk to it while that happens. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { folder } from '../support/child.ts'
import type { Gateway } from '../support/process.ts'
import { parseResponses } from '../support/raw.ts'

const server = (settings = 'drainDelay: 0s') => `
server: { port: "\${PORT}", host: 127.0.0.1, ${settings} }
store: { url: "\${DATABASE_URL}" }
admin: { port: "\${ADMIN_PORT}" }
`
export const hook = (name: string, more = '') =>
  `  ${name}:\n    path: /${name}\n${more}    chain: [{ auth-none: { reason: for the test } }, { upsert: { entity: thing } }, dispatch]\n`
export const config = (hooks: string, settings?: string) => `version: 1\n${server(settings)}webhooks:\n${hooks}`

/** A configuration file that a test may write anew. */
export function file(text: string, name = 'postern.yaml') {
  const path = join(folder(), name)
  writeFileSync(path, text)
  return { path, write: (next: string) => writeFileSync(path, next) }
}

export async function until<T>(what: () => T | Promise<T>, good: (value: T) => boolean, ms = 15_000): Promise<T> {
  const deadline = Date.now() + ms
  for (;;) {
    const value = await what()
    if (good(value) || Date.now() > deadline) return value
    await new Promise(done => setTimeout(done, 20))
  }
}

export const post = async (running: { url: string }, path: string, body = '{"n":1}', headers = {}) => {
  const response = await fetch(running.url + path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
  return { status: response.status, text: await response.text(), headers: response.headers }
}
export const status = async (running: { url: string }, path: string) => (await fetch(running.url + path)).status

/** A request on a connection of its own, in as many parts as one likes. */
export function slowly(running: { port: number }, path: string, body: string) {
  const socket: Socket = connect(running.port, '127.0.0.1')
  socket.on('error', () => {})
  let text = ''
  socket.on('data', data => (text += data.toString('latin1')))
  const closed = once(socket, 'close')
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 3)}`,
  )
  return {
    socket,
    closed,
    async rest() {
      socket.write(body.slice(3))
      return until(
        () => parseResponses(text)[0],
        response => response?.whole === true,
      )
    },
  }
}

/** The lines of the log that carry a message. */
export const logged = (running: Gateway, message: string) =>
  running
    .log()
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line))
    .filter(line => String(line.msg).includes(message))

/** The same, once there are so many: the log may come a little later than what it tells of. */
export const says = (running: Gateway, message: string, n = 1) =>
  until(
    () => logged(running, message),
    lines => lines.length >= n,
  )

/** A plugin of one's own that finds out only at `compile`, and shows its secret in what it throws. */
export const picky = `export default ({ definePlugin, Secret, Type }) =>
  definePlugin({
    name: 'picky',
    phase: 'shape',
    summary: 'For the test.',
    config: Type.Object({ key: Secret({ description: 'A key.' }) }, { additionalProperties: false }),
    refusals: {},
    compile({ key }) {
      if (key.startsWith('bad')) throw new Error('the key ' + key + ' is of no use')
      return () => undefined
    },
  })
`
