/** A TCP proxy before a server that makes its network bad, and good again. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** What the network does to bytes, either way. */
export type Fault =
  | { kind: 'none' }
  /** Milliseconds by which everything comes later. */
  | { kind: 'latency'; ms: number }
  /** Bytes a second. */
  | { kind: 'bandwidth'; rate: number }
  /** Nothing gets through, and nobody is told; new connections are taken and stay mute. */
  | { kind: 'blackhole' }
  /** What was open is mute for good and nobody is told, as after a firewall has forgotten it; new connections are well. */
  | { kind: 'forgotten' }
  /** Every connection is reset, and new ones at once. */
  | { kind: 'reset' }
  /** Everything comes in pieces of so many bytes. */
  | { kind: 'slicer'; bytes: number }

export interface FaultProxy {
  readonly port: number
  /** Connections that are open. */
  connections(): number
  set(fault: Fault): void
  stop(): Promise<void>
}

/** Opens a proxy before `host:port`. */
export async function faultProxy(target: { host: string; port: number }): Promise<FaultProxy> {
  let fault: Fault = { kind: 'none' }
  const pairs = new Set<readonly [Socket, Socket]>()
  const forgotten = new WeakSet<Socket>()

  const server = createServer({ allowHalfOpen: false }, client => {
    if (fault.kind === 'reset') return void client.resetAndDestroy()
    const upstream = connect(target)
    const pair = [client, upstream] as const
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      upstream.destroy()
    }
    for (const socket of pair) {
      socket.on('error', end)
      socket.on('close', end)
      socket.setNoDelay(true)
    }
    relay(client, upstream)
    relay(upstream, client)
  })

  function relay(from: Socket, to: Socket) {
    /** Parts in their order: each waits for the one before it. */
    let line = Promise.resolve()
    from.on('data', (part: Buffer) => {
      from.pause()
      line = line.then(() => pass(part, to)).finally(() => void from.resume())
    })
  }

  async function pass(part: Buffer, to: Socket): Promise<void> {
    // What was on its way when the network went comes when it is back.
    while ((fault.kind === 'blackhole' || forgotten.has(to)) && !to.destroyed) await sleep(20)
    if (to.destroyed) return
    if (fault.kind === 'latency') await sleep(fault.ms)
    if (fault.kind === 'bandwidth') await sleep((part.length / fault.rate) * 1000)
    const size = fault.kind === 'slicer' ? fault.bytes : part.length
    for (let at = 0; at < part.length; at += size) {
      await write(to, part.subarray(at, at + size))
      if (size < part.length) await new Promise(done => setImmediate(done))
    }
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as { port: number }
  return {
    port: address.port,
    connections: () => pairs.size,
    set(next) {
      fault = next
      if (next.kind === 'forgotten') for (const pair of pairs) for (const socket of pair) forgotten.add(socket)
      if (next.kind === 'reset') for (const [client] of pairs) client.resetAndDestroy()
    },
    async stop() {
      for (const pair of pairs) for (const socket of pair) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const sleep = (ms: number) => new Promise(done => setTimeout(done, ms))

async function write(to: Socket, part: Buffer): Promise<void> {
  if (!to.destroyed && !to.write(part)) await Promise.race([once(to, 'drain'), once(to, 'close')]).catch(() => {})
}
