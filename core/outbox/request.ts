/** Sends one request, to where it may go, within a total time, and keeps the beginning of the answer. Never follows a redirect. */
import http, { type Agent, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { isIP } from 'node:net'
import { blocked, openConnections, type Policy } from './connections.ts'
import { SendError } from './failure.ts'
import { checkHeaders } from './headers.ts'
import { parseUrl } from './url.ts'

/** What to send. */
export interface Outgoing {
  /** `https:` or `http:`, without credentials. */
  url: string
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'GET'
  /** All but those that frame the message or name the host. */
  headers?: Readonly<Record<string, string>>
  /** Text is sent as UTF-8. */
  body?: Uint8Array | string
  /** Milliseconds for everything: waiting for a connection, looking up, connecting, sending, and the whole answer. */
  timeout: number
  /** Bytes of the answer to keep, at most 64 KiB; 4 KiB unless told. */
  maxResponse?: number
}

/** What came back, whatever its status: a redirect is an answer like any other. */
export interface Answer {
  status: number
  /** Lower-case names. A repeated header is joined by a comma; of some, such as Retry-After, only the first counts. */
  headers: Record<string, string>
  /** The first bytes as they came, not decompressed. */
  body: Uint8Array
  /** Milliseconds. */
  duration: number
}

/** Sends under one policy, over connections of its own. */
export interface Client {
  /** Rejects with a `SendError`, and with nothing else. */
  send(request: Outgoing): Promise<Answer>
  /** Ends all connections at once, busy ones too. */
  close(): void
}

/** Bytes. When there is more, the connection is cut, and the answer counts as it is. */
const READ = 65_536
/** Twice what is shown of it: secrets are blanked before it is cut, and half of one would not be known. */
const KEEP = 8192
/** A server may send any number of 1xx answers before the real one, and never send that. */
const INTERIM = 16
/** `setTimeout` takes a longer one for 1 ms. */
const LONGEST = 2 ** 31 - 1
/** How a kept connection ends that the server has closed while we wrote into it. */
const ENDED = ['ECONNRESET', 'EPIPE', 'ECONNABORTED']

/** Makes a client; throws with a sentence when the policy lists what is neither an address nor a CIDR. */
export function createClient(policy: Policy = {}): Client {
  const { reachable, agent, close } = openConnections(policy)

  async function send({ url: text, method, headers = {}, body = '', timeout, maxResponse = KEEP }: Outgoing, started: number) {
    const url = parseUrl(text)
    checkHeaders(headers)
    const host = url.hostname.replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0 && !reachable(host)) throw blocked(host, host)
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const length = bytes.byteLength > 0 || method !== 'GET' ? { 'content-length': bytes.byteLength } : {}
    const message = { url, method, headers: { ...headers, ...length }, body: bytes, keep: Math.min(maxResponse, READ) }
    const left = () => Math.min(timeout - (performance.now() - started), LONGEST)
    const secure = url.protocol === 'https:'
    try {
      return await exchange(message, agent(secure, false), left())
    } catch (e) {
      // Once more, on a new connection, and as part of the same attempt: should the receiver have got both, they have one id.
      if (e instanceof Stale) return await exchange(message, agent(secure, true), left())
      throw e
    }
  }

  return {
    async send(request) {
      const started = performance.now()
      const duration = () => Math.round(performance.now() - started)
      try {
        return { ...(await send(request, started)), duration: duration() }
      } catch (e) {
        const error = e instanceof SendError ? e : new SendError('CONNECTION_FAILED', `the request failed: ${sentence(e)}`, e)
        error.duration = duration()
        throw error
      }
    },
    close,
  }
}

interface Message {
  url: URL
  method: string
  headers: Record<string, string | number>
  body: Uint8Array
  keep: number
}

class Stale extends Error {}

function exchange({ url, method, headers, body, keep }: Message, agent: Agent, timeout: number): Promise<Omit<Answer, 'duration'>> {
  return new Promise((resolve, reject) => {
    let phase: 'waiting for a connection' | 'connecting' | 'in the TLS handshake' | 'waiting for the answer' | 'reading the answer'
    phase = 'waiting for a connection'
    let reused = false
    let interim = 0
    const secure = url.protocol === 'https:'
    const late = () => new SendError('TIMEOUT', `${url.host}: time was up while ${phase}`)
    if (!(timeout > 0)) return reject(late())
    const request = (secure ? https : http).request(url, { method, headers, agent })

    const fail = (error: Error) => {
      clearTimeout(timer)
      reject(error)
      request.destroy()
    }
    // A request that is destroyed while it waits for a connection learns of it only when it gets one, so the promise does not wait for that.
    const timer = setTimeout(() => fail(late()), timeout)
    const failed = (error: Error & { code?: string }) => {
      if (error instanceof SendError) return fail(error)
      if (reused && phase === 'waiting for the answer' && ENDED.includes(error.code ?? '')) return fail(new Stale())
      const code = phase === 'in the TLS handshake' ? 'TLS_FAILED' : 'CONNECTION_FAILED'
      fail(new SendError(code, `${url.host}: ${sentence(error)} (while ${phase})`, error))
    }
    request.on('error', failed)

    request.on('socket', socket => {
      reused = request.reusedSocket || !socket.connecting
      // Deno 2.9 answers the end of a used connection, also when we end it ourselves, with the same request on a new one that nothing ends
      // (denoland/deno#36786).
      request.reusedSocket = false
      phase = reused ? 'waiting for the answer' : 'connecting'
      if (reused) return
      socket.once('connect', () => {
        phase = secure ? 'in the TLS handshake' : 'waiting for the answer'
      })
      socket.once('secureConnect', () => {
        phase = 'waiting for the answer'
      })
    })
    request.on('information', () => {
      if (++interim > INTERIM) fail(new SendError('CONNECTION_FAILED', `${url.host}: sent more than ${INTERIM} interim answers`))
    })

    const parts: Uint8Array[] = []
    let size = 0
    const answered = (response: IncomingMessage) => {
      clearTimeout(timer)
      resolve({ status: response.statusCode as number, headers: flat(response.headers), body: Buffer.concat(parts) })
    }
    request.on('response', response => {
      phase = 'reading the answer'
      response.on('error', failed)
      response.on('data', (part: Buffer) => {
        if (size < keep) parts.push(part.subarray(0, keep - size))
        size += part.length
        if (size <= READ) return
        answered(response)
        request.destroy()
      })
      response.on('end', () => {
        answered(response)
        // Answered before it had read all, it may never read the rest.
        if (!request.writableFinished) request.destroy()
      })
    })
    request.on('upgrade', (response, socket) => {
      answered(response)
      socket.destroy()
    })
    request.end(body)
  })
}

/** When several addresses were tried, the first tells why. */
function sentence(error: unknown): string {
  const { errors, message, code } = error as { errors?: Error[]; message?: string; code?: string }
  return errors?.[0]?.message || message || code || String(error)
}

function flat(headers: IncomingMessage['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]))
}
