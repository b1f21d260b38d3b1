/** A gateway whose commit is one of the broken ones: `CONFIG`, `PORT`, `DATABASE_URL`, `REDIS_URL`, `BROKEN`. */
import process from 'node:process'
import { load } from '#core/config/load.ts'
import { openKv } from '#core/kv/kv.ts'
import { openLog } from '#core/log.ts'
import { openEdge } from '#core/request/edge.ts'
import { openGateway } from '#core/request/gateway.ts'
import { serve } from '#core/runtime.ts'
import { migrateDatabase, openDatabase, openStore } from '#core/store/store.ts'
import { builtins } from '#plugins/index.ts'
import { broken } from './broken.ts'

const { CONFIG = '', PORT = '', DATABASE_URL = '', REDIS_URL = '', BROKEN = '' } = process.env
const { config, problems } = await load(CONFIG, { env: process.env, builtins, importPlugin: () => Promise.reject(new Error('none')) })
const make = broken[BROKEN]
if (!config || !make) throw new Error(`${BROKEN} ${JSON.stringify(problems)}`)
const db = await openDatabase(DATABASE_URL)
await migrateDatabase(db, 10_000)
const store = openStore(db, { now: Date.now, warn() {} })
const gateway = await openGateway(config, {
  sent: store.sent,
  hopKey: () => '',
  relay() {},
  tokens: store.tokens,
  commit: make({ commit: store.commit, earlier: store.earlier, redis: REDIS_URL }),
  earlier: async () => undefined,
  foresee: () => Promise.reject(new Error('none')),
  kv: openKv('', () => {}),
  log: openLog(() => [], 'silent'),
  now: Date.now,
  noteSecretUse() {},
})
const edge = openEdge({ gateway, ready: store.ready, failed: console.error })
await serve({ port: Number(PORT), host: '127.0.0.1', maxBody: Number.MAX_SAFE_INTEGER, fetch: edge.fetch })
