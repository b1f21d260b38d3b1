/** NATS servers with JetStream for tests, each with a configuration and a folder of its own. */
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { binary } from './binary.ts'
import { child, folder, freePort } from './child.ts'

/** A server of one's own. */
export interface NatsServer {
  readonly url: string
  readonly port: number
  /** Of the present process. */
  readonly pid: number
  kill(signal: NodeJS.Signals): void
  /** Resolves when every thread of it stands still: a signal to stop takes effect a little later than it is sent. */
  freeze(): Promise<void>
  /** Resolves when the server is gone. */
  stop(): Promise<void>
  /** Stops the server if it runs, and resolves when it answers again, with its streams, on the same port. */
  restart(): Promise<void>
}

/** Starts a server; `config` is lines of its configuration file, `authorization { token: x }` say. */
export async function natsServer(config = ''): Promise<NatsServer> {
  const program = await binary(['nats-server'], () => ['/usr/sbin'], 'nats-server')
  const port = await freePort()
  const home = folder()
  const file = join(home, 'nats.conf')
  writeFileSync(file, `jetstream { store_dir: "${home}" }\n${config}\n`)
  const args = ['--config', file, '--addr', '127.0.0.1', '--port', `${port}`]
  const start = async () => {
    const server = child(program, args, { stdio: 'ignore' })
    server.unref()
    const deadline = Date.now() + 10_000
    while (!(await answers(port))) {
      if (server.exitCode !== null || Date.now() > deadline) throw new Error(`${program} ${args.join(' ')} did not start`)
      await new Promise(done => setTimeout(done, 10))
    }
    return server
  }
  let server = await start()
  const stop = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const gone = once(server, 'exit')
    server.kill('SIGKILL')
    await gone
  }
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid as number
    },
    kill: signal => void server.kill(signal),
    async freeze() {
      server.kill('SIGSTOP')
      while (!standsStill(server.pid as number)) await new Promise(done => setTimeout(done, 5))
    },
    stop,
    async restart() {
      await stop()
      server = await start()
    },
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.on('data', data => {
      resolve(data.toString().startsWith('INFO '))
      socket.destroy()
    })
    socket.on('error', () => resolve(false))
  })
}

/** The state stands behind the name, which is in parentheses and may hold any character. */
function standsStill(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every(thread => /\) [Tt] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')))
}
