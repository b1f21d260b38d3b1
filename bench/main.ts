/**
 * `npm run bench`: Postern against its rivals and against its own aims, on one throwaway Postgres with fsync on.
 *
 *   npm run bench -- [--seconds 8] [--rounds 3] [--only intake|deliveries|postern|fastify|pgbench|chain-alone]
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { deliveries } from './deliveries.ts'
import { end } from './ground.ts'
import { intake } from './intake.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '8' }, rounds: { type: 'string', default: '3' }, only: { type: 'string', default: '' } },
})
const options = { seconds: Number(values.seconds), rounds: Number(values.rounds), only: values.only }

console.log(`${cpus().length} cores, ${cpus()[0]?.model}; ${options.seconds} s a run, median of ${options.rounds}\n`)
if (options.only !== 'deliveries') await intake({ ...options, only: options.only === 'intake' ? '' : options.only })
if (options.only === '' || options.only === 'deliveries') await deliveries(options)
await end()
process.exit()
