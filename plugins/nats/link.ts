/** One connection to one of several servers, made when it is first wanted and again when it was lost. */
import { type JetStreamClient, jetstream } from '@nats-io/jetstream'
import { credsAuthenticator, type NatsConnection, NatsConnectionImpl, setTransportFactory } from '@nats-io/transport-node'
import { Failure } from './failure.ts'
import { addressesOf, parseServer, type Server } from './server.ts'
import type { Settings } from './settings.ts'
import { Wire, type WireOptions } from './wire.ts'

export interface Link {
  /** Rejects when no server can be connected to. Whoever calls meanwhile waits for the same attempt. */
  get(): Promise<JetStreamClient>
  close(): Promise<void>
}

/** Milliseconds for one address, until the server has accepted the credential. */
const CONNECT = 2000
/** Milliseconds between two pings; a server that misses two is gone, though its connection may look alive. */
const PING = 5000
/** Milliseconds for what is under way when the link is closed. */
const DRAIN = 2000

export function openLink(settings: Settings, reachable: (address: string) => boolean): Link {
  const servers = settings.servers.map(parseServer)
  let current: Promise<JetStreamClient> | undefined
  let connection: NatsConnection | undefined
  let closed = false

  async function connectAny(): Promise<NatsConnection> {
    let last: unknown
    for (const server of servers) {
      try {
        for (const address of await addressesOf(server, reachable)) {
          if (closed) throw new Failure('CONNECTION_FAILED', 'the destination was closed')
          try {
            return await connect(server, address, settings)
          } catch (error) {
            last = error
          }
        }
      } catch (error) {
        last = error
      }
    }
    throw last ?? new Failure('CONNECTION_FAILED', 'no server has an address')
  }

  return {
    get() {
      if (current) return current
      const attempt = connectAny().then(made => {
        connection = made
        made.closed().then(forget)
        if (closed) made.close()
        return jetstream(made)
      })
      const forget = () => {
        if (current === attempt) current = undefined
      }
      attempt.catch(forget)
      current = attempt
      return attempt
    },
    async close() {
      closed = true
      if (!connection || connection.isClosed()) return
      await Promise.race([connection.drain().catch(() => {}), new Promise(done => setTimeout(done, DRAIN).unref())])
      await connection.close()
    },
  }
}

async function connect({ host, port, secure }: Server, address: string, settings: Settings): Promise<NatsConnection> {
  const { token, user, password, creds, tls } = settings
  const options: WireOptions = {
    name: 'postern',
    servers: `${address.includes(':') ? `[${address}]` : address}:${port}`,
    host,
    secure: secure || tls !== undefined,
    pem: tls ?? {},
    // Neither the resolver nor the cluster may lead it to an address that was not checked; what is lost is made anew, by way of the check.
    resolve: false,
    ignoreClusterUpdates: true,
    reconnect: false,
    timeout: CONNECT,
    pingInterval: PING,
    noAsyncTraces: true,
    ...(token !== undefined && { token }),
    ...(user !== undefined && { user, pass: password ?? '' }),
    ...(creds !== undefined && { authenticator: credsAuthenticator(new TextEncoder().encode(creds)) }),
  }
  // It is one for the whole process, and whoever else uses the client sets his own.
  setTransportFactory({ factory: () => new Wire() })
  try {
    return await NatsConnectionImpl.connect(options)
  } catch (error) {
    if ((error as Error)?.name === 'TimeoutError') throw new Failure('TIMEOUT', `${host}: time was up while connecting`, error)
    throw error
  }
}
