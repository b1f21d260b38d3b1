// The rival: a careful handler written by hand, as one would on Fastify and pg, with one transaction a request.
//   node bench/rivals/fastify.mjs DATABASE_URL
import { createHash, timingSafeEqual } from 'node:crypto'
import Fastify from 'fastify'
import pg from 'pg'

const [url] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString: url, max: 16 })
const wanted = createHash('sha256').update(`Bearer ${process.env.BEARER}`).digest()
await pool.query(`create table if not exists keys (key text primary key, record_id text not null, created_at timestamptz not null default now());
  create table if not exists records (id text primary key, data jsonb not null, updated_at timestamptz not null default now());
  create table if not exists outbox (id bigserial primary key, type text not null, record_id text not null, data jsonb not null)`)

const app = Fastify()
app.post('/hook', async (request, reply) => {
  const given = createHash('sha256')
    .update(request.headers.authorization ?? '')
    .digest()
  if (!timingSafeEqual(given, wanted)) return reply.code(401).send({ code: 'UNAUTHORIZED' })
  const { body } = request
  const client = await pool.connect()
  try {
    await client.query('begin')
    const claim = await client.query('insert into keys (key, record_id) values ($1, $2) on conflict do nothing', [
      request.headers['x-idempotency-key'],
      body.id,
    ])
    if (claim.rowCount === 1) {
      const data = JSON.stringify(body)
      const { rows } = await client.query(
        `insert into records (id, data) values ($1, $2)
         on conflict (id) do update set data = records.data || excluded.data, updated_at = now() returning xmax = 0 as created`,
        [body.id, data],
      )
      const type = rows[0].created ? 'record.created' : 'record.updated'
      await client.query('insert into outbox (type, record_id, data) values ($1, $2, $3)', [type, body.id, data])
    }
    await client.query('commit')
    return reply.code(201).send({ id: body.id })
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
})
await app.listen({ port: 0, host: '127.0.0.1' })
console.log(app.server.address().port)
