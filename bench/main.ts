/**
 * `npm run bench`: Postern against its rivals and against its own aims, on one throwaway Postgres with fsync on.
 *
 *   npm run bench -- [--seconds 8] [--rounds 3] [--only PART]
 *
 * Without --only: intake, deliveries and kills. Else one of these, or one contender of the intake (postern, fastify, pgbench,
 * chain-alone), or
 *
 *   sustained   a minute at the knee, and what a request costs in CPU
 *   cost        the same in the seconds of --seconds
 *   workers     1, 2 and 4 --workers
 *   pglite      the embedded store beside Postgres
 *   chain       the steps alone, without HTTP and store
 *   retention   what the deletion of old rows costs the requests
 *   many        ten thousand webhooks
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { chain } from './chain.ts'
import { deliveries } from './deliveries.ts'
import { end } from './ground.ts'
import { intake, sustained } from './intake.ts'
import { kills } from './kills.ts'
import { many } from './many.ts'
import { pglite } from './pglite.ts'
import { retention } from './retention.ts'
import { workers } from './workers.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '8' }, rounds: { type: 'string', default: '3' }, only: { type: 'string', default: '' } },
})
const options = { seconds: Number(values.seconds), rounds: Number(values.rounds), only: values.only }

console.log(`${cpus().length} cores, ${cpus()[0]?.model}; ${options.seconds} s a run, median of ${options.rounds}\n`)
const parts: Record<string, () => Promise<void>> = {
  intake: () => intake({ ...options, only: '' }),
  deliveries: () => deliveries(options),
  kills,
  sustained: () => sustained({ rounds: 1, seconds: Math.max(60, options.seconds) }),
  cost: () => sustained(options),
  workers: () => workers(options),
  pglite: () => pglite(options),
  chain: () => chain(options),
  retention: () => retention({ ...options, rounds: 1 }),
  many: () => many(options),
}
let failed = false
try {
  if (options.only === '') for (const name of ['intake', 'deliveries', 'kills']) await parts[name]?.()
  else await (parts[options.only]?.() ?? intake(options))
} catch (error) {
  failed = true
  console.error(error)
}
await end()
process.exit(failed ? 1 : 0)
