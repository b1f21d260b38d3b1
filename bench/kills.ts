/** The gateway killed again and again while events flow: each acknowledged one must reach the receiver, and none of a refused request. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import pg from 'pg'
import { database, environment, freePort, here, root, withSink } from './ground.ts'

const KILLS = 20
const EVENTS = 20_000

export async function kills(): Promise<void> {
  const url = await database('kills')
  const port = await freePort()
  await withSink(async (sink, stats) => {
    const start = async () => {
      const env = { ...environment, PORT: String(port), ADMIN_PORT: '0', DATABASE_URL: url, LOG_LEVEL: 'error', SINK: sink }
      const args = ['main.ts', 'serve', '--config', join(here, 'deliveries.yaml')]
      const child = spawn(process.execPath, args, { env, cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
      await once(child.stdout, 'data')
      return child
    }
    let sent = 0
    const acknowledged = new Set<string>()
    let gateway = await start()
    let over = false
    const sender = async () => {
      while (!over && acknowledged.size < EVENTS) {
        const id = `x${sent++}`
        // Every tenth is refused: a record needs an id.
        const refused = sent % 10 === 0
        const body = JSON.stringify(refused ? { no: id } : { id })
        const answer = await fetch(`http://127.0.0.1:${port}/strict`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        }).catch(() => undefined)
        if (answer?.ok) acknowledged.add(id)
        await answer?.text().catch(() => {})
        if (!answer) await new Promise(done => setTimeout(done, 20))
      }
    }
    const senders = Array.from({ length: 16 }, sender)
    for (let i = 0; i < KILLS; i++) {
      const wanted = ((i + 1) * EVENTS) / (KILLS + 1)
      while (acknowledged.size < wanted) await new Promise(done => setTimeout(done, 5))
      gateway.kill('SIGKILL')
      await once(gateway, 'exit')
      gateway = await start()
    }
    await Promise.all(senders)
    over = true
    const client = new pg.Client(url)
    await client.connect()
    const open = `select (select count(*) from outbox) + (select count(*) from deliveries where status <> 'delivered') as n`
    while (Number((await client.query(open)).rows[0].n) > 0) await new Promise(done => setTimeout(done, 200))
    const events = new Map((await client.query('select id, record_id from events')).rows.map(row => [row.id, row.record_id]))
    await client.end()
    gateway.kill('SIGTERM')
    await once(gateway, 'exit')
    const { n = 0, at = [] } = (await stats())['/sink'] ?? {}
    const received = at.map(([id]) => events.get(id))
    const delivered = new Set(received)
    const lost = [...acknowledged].filter(id => !delivered.has(id)).length
    const invented = received.filter(id => id === undefined).length
    console.log(
      `\n${KILLS} kills -9 while ${acknowledged.size} events were acknowledged: ${lost} lost, ${n - delivered.size} delivered more than once, ${invented} of a request that was refused`,
    )
    if (lost + invented > 0) throw new Error('an event was lost or invented')
  })
}
