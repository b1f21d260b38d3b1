/** When a gateway ends. */
import process from 'node:process'
import type { Log } from '../log.ts'
import { EXIT } from './open.ts'

/** Waits for the first signal to stop, or for an uncaught error; a second signal exits at once. */
export function ended(log: Log, hup: () => void): Promise<{ signal: string; crashed: boolean }> {
  return new Promise(done => {
    let first = true
    const stop = (signal: 'SIGTERM' | 'SIGINT', code: number) => () => {
      if (!first) process.exit(code)
      first = false
      done({ signal, crashed: false })
    }
    const crash = (error: unknown) => {
      log.fatal({ error: error instanceof Error ? error.stack : String(error) }, 'uncaught error')
      if (!first) process.exit(EXIT.crash)
      first = false
      done({ signal: 'uncaught error', crashed: true })
    }
    process.on('SIGTERM', stop('SIGTERM', 143))
    process.on('SIGINT', stop('SIGINT', 130))
    process.on('SIGHUP', hup)
    // Its default would be a sudden end, on a signal that means a gentle one elsewhere.
    process.on('SIGUSR2', () => log.warn({}, 'SIGUSR2 replaces the workers of `serve --workers`; this process has none'))
    process.on('uncaughtException', crash)
    process.on('unhandledRejection', crash)
  })
}
