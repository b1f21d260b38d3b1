/** Redis (or Valkey) servers for tests: one that all tests of a process share, and throwaway ones for faults. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { binary } from './binary.ts'
import { child, folder, freePort } from './child.ts'

/** A server of one's own; it keeps nothing on disk. */
export interface RedisServer {
  readonly url: string
  /** Of the present process. */
  readonly pid: number
  kill(signal: NodeJS.Signals): void
  /** Resolves when the server is gone. */
  stop(): Promise<void>
  /** Stops the server if it runs, and resolves when it answers again, empty, on the same port. */
  restart(): Promise<void>
}

let shared: Promise<string> | undefined

/** URL of a running server: `REDIS_URL`, or one that is started at the first call and ends with this process. */
export function redis(): Promise<string> {
  shared ??= process.env.REDIS_URL ? Promise.resolve(process.env.REDIS_URL) : redisServer().then(server => server.url)
  return shared
}

/** Starts a throwaway server. */
export async function redisServer(): Promise<RedisServer> {
  const program = await binary(['redis-server', 'valkey-server'], () => [], 'redis-server')
  const port = await freePort()
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder(), '--save', '', '--appendonly', 'no']
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
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return server.pid as number
    },
    kill: signal => void server.kill(signal),
    stop,
    async restart() {
      await stop()
      server = await start()
    },
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.on('data', data => {
      resolve(data.toString().startsWith('+PONG'))
      socket.destroy()
    })
    socket.on('error', () => resolve(false))
  })
}
