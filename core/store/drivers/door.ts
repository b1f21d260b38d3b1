/**
 * A door into the embedded store for the command line: while a gateway holds the folder, `postern token create` asks it
 * through a socket in the folder, which only the folder's owner can open.
 */
import fs from 'node:fs'
import net from 'node:net'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { type Database, StoreUnavailable } from '../database.ts'

/** The kernel's limit on the path of a socket is 108 bytes; 104 on some. */
const LONGEST_PATH = 100
const socketOf = (folder: string) => join(folder, 'door')

/** Answers one statement a line, `{ text, values }`, with `{ rows }` or `{ error }`. */
export async function listenAtDoor(folder: string, db: Pick<Database, 'query'>): Promise<{ close(): Promise<void> }> {
  const path = socketOf(folder)
  if (path.length > LONGEST_PATH) return { close: async () => {} }
  fs.rmSync(path, { force: true })
  const open = new Set<net.Socket>()
  const server = net.createServer(socket => {
    open.add(socket)
    socket.on('close', () => open.delete(socket)).on('error', () => socket.destroy())
    createInterface({ input: socket }).on('line', async line => {
      const answer = await Promise.resolve()
        .then(() => JSON.parse(line))
        .then(({ text, values }) => db.query(text, values))
        .then(
          rows => ({ rows }),
          (error: Error) => ({ error: error.message }),
        )
      if (!socket.destroyed) socket.write(`${JSON.stringify(answer)}\n`)
    })
  })
  await new Promise<void>((done, fail) => server.once('error', fail).listen(path, done))
  server.unref()
  fs.chmodSync(path, 0o600)
  return {
    async close() {
      for (const socket of open) socket.destroy()
      await new Promise<void>(done => server.close(() => done()))
      fs.rmSync(path, { force: true })
    },
  }
}

/** The store of a folder that a running gateway holds; statements only, no transactions. Undefined when nobody answers at the door. */
export async function knockAtDoor(url: string): Promise<Database | undefined> {
  const path = socketOf(resolve(url.slice('pglite://'.length)))
  if (path.length > LONGEST_PATH || !fs.existsSync(path)) return undefined
  const socket = net.connect(path)
  const connected = await new Promise<boolean>(done => socket.once('connect', () => done(true)).once('error', () => done(false)))
  if (!connected) return undefined
  const waiting: { done: (rows: never[]) => void; fail: (error: Error) => void }[] = []
  createInterface({ input: socket }).on('line', line => {
    const { rows, error } = JSON.parse(line)
    const next = waiting.shift()
    if (error) next?.fail(new Error(error))
    else next?.done(rows)
  })
  socket.on('close', () => {
    for (const { fail } of waiting.splice(0)) fail(new StoreUnavailable('the gateway that holds the store went away'))
  })
  const query: Database['query'] = (text, values = []) =>
    new Promise((done, fail) => {
      waiting.push({ done, fail })
      socket.write(`${JSON.stringify({ text, values })}\n`)
    })
  return {
    kind: 'pglite',
    lanes: 1,
    query,
    prepared: (_name, text, values) => query(text, values),
    script: () => Promise.reject(new Error('no scripts through the door')),
    transaction: () => Promise.reject(new Error('no transactions through the door')),
    exclusively: () => Promise.reject(new Error('no maintenance through the door')),
    migrate: async () => {}, // the gateway behind the door has done it
    close: async () => void socket.destroy(),
  }
}
