/** A receiver of deliveries that does exactly what it is told, byte for byte. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

export interface Received {
  line: string
  headers: Record<string, string>
  body: Buffer
  /** Counted from 1 on each connection. */
  nth: number
}

export interface Receiver {
  readonly port: number
  /** So far, now, and at most at a time. */
  connections: number
  open: number
  most: number
  readonly requests: Received[]
  close(): void
}

/** Answers each whole request on a connection by `answer`; without one, it never says a word. */
export async function receiver(
  answer?: (socket: Socket, request: Received) => void,
  options: { host?: string; port?: number; tls?: { key: string; cert: string }; pauseOnConnect?: boolean } = {},
): Promise<Receiver> {
  const { host = '127.0.0.1', port = 0, tls, pauseOnConnect = false } = options
  const onSocket = (socket: Socket) => {
    self.connections++
    self.most = Math.max(self.most, ++self.open)
    socket.on('error', () => {})
    socket.on('close', () => self.open--)
    if (!answer || pauseOnConnect) return
    let text = ''
    let nth = 0
    socket.on('data', data => {
      text += data.toString('latin1')
      for (;;) {
        const head = text.indexOf('\r\n\r\n')
        if (head < 0) return
        const [line = '', ...rows] = text.slice(0, head).split('\r\n')
        const headers = Object.fromEntries(rows.map(row => [row.slice(0, row.indexOf(':')).toLowerCase(), row.slice(row.indexOf(':') + 2)]))
        const end = head + 4 + Number(headers['content-length'] ?? 0)
        if (text.length < end) return
        const request = { line, headers, body: Buffer.from(text.slice(head + 4, end), 'latin1'), nth: ++nth }
        text = text.slice(end)
        self.requests.push(request)
        answer(socket, request)
      }
    })
  }
  const server = tls ? createTlsServer(tls, onSocket) : createServer({ pauseOnConnect }, onSocket)
  server.on('tlsClientError', () => {})
  server.listen(port, host)
  await once(server, 'listening')
  const self: Receiver = {
    port: (server.address() as AddressInfo).port,
    connections: 0,
    open: 0,
    most: 0,
    requests: [],
    close: () => server.close(),
  }
  return self
}

export const HEAD = 'HTTP/1.1 200 OK\r\n'
export const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`

/** A whole answer. */
export function answer(status = 200, body = 'ok', headers = ''): string {
  return `HTTP/1.1 ${status} X\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`
}

/** Answers every request alike. */
export const always = (text: string) => (socket: Socket) => void socket.write(text)

/** Writes `first`, then a chunk again and again, as fast as it is taken or every so many milliseconds. */
export const endless =
  (first: string, chunk: string, every = 1) =>
  (socket: Socket): void => {
    socket.write(first)
    const timer = setInterval(() => socket.writableLength < 1_000_000 && socket.write(chunk), every)
    socket.on('close', () => clearInterval(timer))
  }
