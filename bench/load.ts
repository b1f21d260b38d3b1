/**
 * The load: a process of its own that keeps a number of connections busy for some seconds, then waits for every answer, so that
 * what it counts as acknowledged is exactly what was. Prints one line of JSON.
 *
 *   bun bench/load.ts PORT PATH CONNECTIONS SECONDS RUN [PREPARED]
 */
import net from 'node:net'
import { request } from './request.ts'

const [port = '', path = '', connections = '', seconds = '', run = '', prepared = '0'] = process.argv.slice(2)
// Signed beforehand, so that the signing does not compete with the server for the two cores.
const ready = Array.from({ length: Number(prepared) }, () => request(path, run))
const latencies: number[] = []
let acknowledged = 0
let refused = 0
const start = performance.now()
const end = start + Number(seconds) * 1000

async function connection(): Promise<void> {
  const socket = net.connect({ port: Number(port), host: '127.0.0.1', noDelay: true })
  await new Promise((done, fail) => socket.once('connect', done).once('error', fail))
  return new Promise((done, fail) => {
    let sent = 0
    let rest = ''
    const next = () => {
      sent = performance.now()
      if (sent >= end) {
        socket.destroy()
        done()
      } else socket.write(ready.pop() ?? request(path, run))
    }
    socket.on('error', fail).on('close', () => fail(new Error('closed before the answer')))
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      rest += chunk
      const head = rest.indexOf('\r\n\r\n')
      if (head < 0) return
      const length = /content-length: (\d+)/i.exec(rest)?.[1]
      if (length === undefined || rest.length < head + 4 + Number(length)) return
      if (rest.startsWith('2', 9)) acknowledged++
      else refused++
      rest = ''
      latencies.push(performance.now() - sent)
      next()
    })
    next()
  })
}

await Promise.all(Array.from({ length: Number(connections) }, connection))
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
    short: ready.length === 0,
  }),
)
