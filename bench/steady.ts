/**
 * A steady load: a process of its own that sends so many requests a second, whatever the answers do. Of twenty, fourteen are new,
 * three repeat an earlier one, and three have a wrong signature. Prints one line of JSON a second.
 *
 *   bun bench/steady.ts PORT PATH RATE SECONDS [CONNECTIONS]
 */
import { request } from './request.ts'

const [port = '', path = '', rate = '', seconds = '', connections = '64'] = process.argv.slice(2)
const interval = 1000 / Number(rate)
const start = performance.now() + 200
const total = Math.floor(Number(rate) * Number(seconds))
const run = `s${process.pid}`

type Kind = 'new' | 'again' | 'wrong'
const kindOf = (n: number): Kind => (n % 20 < 14 ? 'new' : n % 20 < 17 ? 'again' : 'wrong')

/** What was acknowledged of late, to be sent again: their time must still be signed closely enough. */
const late: Uint8Array[] = []
let sent = 0
/** Of the present second, and of the whole run. */
const counts = { new: 0, again: 0, wrong: 0, other: 0 }
const all = { new: 0, again: 0, wrong: 0, other: 0 }
let times: number[] = []

function bytesOf(kind: Kind): { bytes: Uint8Array; kind: Kind } {
  const earlier = kind === 'again' ? late[Math.floor(Math.random() * late.length)] : undefined
  if (earlier) return { bytes: earlier, kind }
  const bytes = request(path, run)
  if (kind !== 'wrong') return { bytes, kind: 'new' }
  const text = new TextDecoder().decode(bytes)
  return { bytes: new TextEncoder().encode(text.replace(/sha256=(.)/, (_, c) => `sha256=${c === '0' ? '1' : '0'}`)), kind }
}

const LENGTH = /\r\ncontent-length: (\d+)/i

function connection(): Promise<void> {
  return new Promise((done, fail) => {
    let due = 0
    let now: { bytes: Uint8Array; kind: Kind } | undefined
    let rest = Buffer.alloc(0)
    const next = (socket: { write(bytes: Uint8Array): number; end(): void }) => {
      if (sent >= total) {
        done()
        return void socket.end()
      }
      const n = sent++
      due = start + n * interval
      const go = () => {
        now = bytesOf(kindOf(n))
        socket.write(now.bytes)
      }
      const wait = due - performance.now()
      if (wait > 0) setTimeout(go, wait)
      else go()
    }
    const data = (socket: Parameters<typeof next>[0], chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      const head = rest.indexOf('\r\n\r\n')
      if (head < 0) return
      const length = Number(LENGTH.exec(rest.toString('latin1', 0, head))?.[1] ?? 0)
      if (rest.length < head + 4 + length || !now) return
      const status = Number(rest.toString('latin1', 9, 12))
      rest = Buffer.alloc(0)
      // From when it should have gone out: a gateway that stalls must not hide it by holding up the sender.
      times.push(performance.now() - due)
      const { kind, bytes } = now
      const good = kind === 'wrong' ? status === 401 : status >= 200 && status < 300
      counts[good ? kind : 'other']++
      all[good ? kind : 'other']++
      if (good && kind === 'new') {
        late.push(bytes)
        if (late.length > 2000) late.splice(0, 1000)
      }
      next(socket)
    }
    const close = () => (sent >= total ? done() : fail(new Error('closed before the answer')))
    Bun.connect({ hostname: '127.0.0.1', port: Number(port), socket: { open: next, data, close, error: (_, error) => fail(error) } }).catch(
      fail,
    )
  })
}

const tell = () => {
  times.sort((a, b) => a - b)
  const at = (p: number) => times[Math.min(times.length - 1, Math.floor(times.length * p))] ?? 0
  console.log(JSON.stringify({ ...counts, p50: at(0.5), p99: at(0.99), all }))
  times = []
  Object.assign(counts, { new: 0, again: 0, wrong: 0, other: 0 })
}
const timer = setInterval(tell, 1000)
await Promise.all(Array.from({ length: Number(connections) }, connection))
clearInterval(timer)
tell()
process.exit()
