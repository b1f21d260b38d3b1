/**
 * The wire to one NATS server, in place of the client's own, which leaves the socket of a silent server open, and on Deno checks the
 * certificate of an address as if it were localhost's and lets a reset go uncaught.
 */
import { connect as dial, isIP, type Socket } from 'node:net'
import { connect as secure, type TLSSocket } from 'node:tls'
import { type ConnectionOptions, type Deferred, deferred, type Server, type ServerInfo, type Transport } from '@nats-io/transport-node'
import { Failure } from './failure.ts'

export interface WireOptions extends ConnectionOptions {
  /** What the certificate must be for: the address that is dialled does not tell. */
  host: string
  /** TLS or nothing. */
  secure: boolean
  pem: { ca?: string; cert?: string; key?: string }
}

/** Bytes of the line that a server begins with. */
const LONGEST_INFO = 1 << 20

export class Wire implements Transport {
  readonly lang = 'postern'
  readonly version = '1'
  isClosed = false
  declare closeError?: Error
  #socket: Socket | undefined
  #encrypted = false
  #connected = false
  #frames: Uint8Array[] = []
  #news: Deferred<void> = deferred()
  readonly #closed: Deferred<undefined | Error> = deferred()

  /** The server's hostname is an address that was checked. */
  async connect({ hostname, port }: Server, options: ConnectionOptions): Promise<void> {
    const { host, secure: insists, pem } = options as WireOptions
    const socket = this.#use(dial({ host: hostname, port, noDelay: true }))
    const info = await this.#greeting(host)
    if (info.tls_required || info.tls_available) await this.#encrypt(socket, host, pem)
    else if (insists) throw new Failure('TLS_FAILED', `${host} does not offer TLS: write nats:// without \`tls\` to go without`)
    this.#connected = true
  }

  #use<S extends Socket>(socket: S): S {
    this.#socket = socket
    socket.on('data', frame => {
      this.#frames.push(frame as Uint8Array)
      this.#tell()
    })
    socket.on('error', error => this.#end(error))
    socket.on('end', () => this.#end())
    socket.on('close', () => this.#end())
    return socket
  }

  #tell(): void {
    const news = this.#news
    this.#news = deferred()
    news.resolve()
  }

  #end(error?: Error): void {
    if (this.isClosed) return
    this.isClosed = true
    if (error) this.closeError = error
    this.#socket?.destroy()
    this.#tell()
    // The client takes this for the loss of a connection that it had.
    if (this.#connected) this.#closed.resolve(error)
  }

  async #greeting(host: string): Promise<ServerInfo> {
    for (;;) {
      const seen = Buffer.concat(this.#frames)
      const end = seen.indexOf('\r\n')
      if (end >= 0) {
        // Nothing may follow in the clear what is to be encrypted from here on.
        this.#frames = [seen]
        const json = /^INFO\s+(\{.*)$/i.exec(seen.toString('utf8', 0, end))?.[1]
        if (json) return JSON.parse(json)
      }
      if (this.isClosed) throw this.closeError ?? new Error(`${host} closed the connection`)
      if (end >= 0 || seen.length > LONGEST_INFO) throw new Error(`${host} is no NATS server`)
      await this.#news
    }
  }

  async #encrypt(plain: Socket, host: string, pem: WireOptions['pem']): Promise<void> {
    const seen = Buffer.concat(this.#frames)
    this.#frames = [seen.subarray(0, seen.indexOf('\r\n') + 2)]
    plain.removeAllListeners().on('error', error => this.#end(error))
    const failed = (error: unknown) => new Failure('TLS_FAILED', `${host}: ${(error as Error)?.message ?? 'closed the connection'}`, error)
    let socket: TLSSocket
    try {
      socket = this.#use(secure({ ...pem, socket: plain, host, ...(!isIP(host) && { servername: host }), rejectUnauthorized: true }))
    } catch (error) {
      throw failed(error)
    }
    let ready = false
    socket.once('secureConnect', () => {
      ready = true
      this.#tell()
    })
    while (!ready && !this.isClosed) await this.#news
    if (this.isClosed) throw failed(this.closeError)
    if (!socket.authorized) throw failed(socket.authorizationError)
    this.#encrypted = true
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      while (!this.isClosed || this.#frames.length > 0) {
        const frame = this.#frames.shift()
        if (frame) yield frame
        else await this.#news
      }
    } finally {
      // Whoever reads gives up when it cannot understand.
      this.#end()
    }
  }

  isEncrypted(): boolean {
    return this.#encrypted
  }

  send(frame: Uint8Array): void {
    if (!this.isClosed) this.#socket?.write(frame)
  }

  async close(error?: Error): Promise<void> {
    this.#end(error)
  }

  disconnect(): void {
    this.#end()
  }

  closed(): Promise<undefined | Error> {
    return this.#closed
  }

  discard(): void {
    this.#connected = false
    this.#end()
  }
}
