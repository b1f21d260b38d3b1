/**
 * The load: a process of its own that keeps a number of connections busy for some seconds, then waits for every answer, so that
 * what it counts as acknowledged is exactly what was. Prints one line of JSON.
 *
 *   bun bench/load.ts PORT PATH CONNECTIONS SECONDS RUN [PREPARED]
 */
import { request } from './request.ts'

const [port = '', path = '', connections = '', seconds = '', run = '', prepared = '0'] = process.argv.slice(2)
// Signed beforehand, so that the signing does not compete with the server for the two cores.
const ready = Array.from({ length: Number(prepared) }, () => request(path, run))
const latencies: number[] = []
let acknowledged = 0
let refused = 0
const began = process.cpuUsage()
const start = performance.now()
const end = start + Number(seconds) * 1000

/** Acknowledged in each second. */
const eachSecond: number[] = []

const LENGTH = 'ontent-length: '

/** One connection, one request at a time. Bun's own sockets: the load must leave the cores to the server. */
function connection(): Promise<void> {
  return new Promise((done, fail) => {
    let sent = 0
    let rest: Buffer | undefined
    const next = (socket: { write(bytes: Uint8Array): number; end(): void }) => {
      sent = performance.now()
      if (sent < end) return void socket.write(ready.pop() ?? request(path, run))
      done()
      socket.end()
    }
    const data = (socket: Parameters<typeof next>[0], chunk: Buffer) => {
      const answer = rest ? Buffer.concat([rest, chunk]) : chunk
      const head = answer.indexOf('\r\n\r\n')
      // Servers write the first letter large or small.
      const at = head < 0 ? -1 : Math.max(answer.indexOf(`C${LENGTH.replace('l', 'L')}`), answer.indexOf(`c${LENGTH}`))
      if (at < 0 || answer.length < head + 4 + Number.parseInt(answer.toString('latin1', at + 16, at + 22), 10)) {
        rest = answer
        return
      }
      rest = undefined
      if (answer[9] === 0x32) {
        const second = Math.floor((performance.now() - start) / 1000)
        eachSecond[second] = (eachSecond[second] ?? 0) + 1
        acknowledged++
      } else refused++
      latencies.push(performance.now() - sent)
      next(socket)
    }
    const close = () => fail(new Error('closed before the answer'))
    Bun.connect({ hostname: '127.0.0.1', port: Number(port), socket: { open: next, data, close, error: (_, error) => fail(error) } }).catch(
      fail,
    )
  })
}

await Promise.all(Array.from({ length: Number(connections) }, connection))
const { user, system } = process.cpuUsage(began)
const elapsed = (performance.now() - start) / 1000
latencies.sort((a, b) => a - b)
const percentile = (p: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * p))] ?? 0
console.log(
  JSON.stringify({
    acknowledged,
    refused,
    perSecond: acknowledged / elapsed,
    p50: percentile(0.5),
    p99: percentile(0.99),
    /** What the load itself cost, microseconds of CPU a request. */
    cost: (user + system) / (acknowledged + refused),
    short: ready.length === 0,
    eachSecond,
  }),
)
