/**
 * `npm run bench`: Postern against its rivals and against its own aims, on one throwaway Postgres with fsync on.
 *
 *   npm run bench -- [--seconds 8] [--rounds 3] [--only intake|deliveries|kills|postern|fastify|pgbench|chain-alone]
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { deliveries } from './deliveries.ts'
import { end } from './ground.ts'
import { intake } from './intake.ts'
import { kills } from './kills.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '8' }, rounds: { type: 'string', default: '3' }, only: { type: 'string', default: '' } },
})
const options = { seconds: Number(values.seconds), rounds: Number(values.rounds), only: values.only }

console.log(`${cpus().length} cores, ${cpus()[0]?.model}; ${options.seconds} s a run, median of ${options.rounds}\n`)
if (options.only !== 'deliveries' && options.only !== 'kills')
  await intake({ ...options, only: options.only === 'intake' ? '' : options.only })
if (options.only === '' || options.only === 'deliveries') await deliveries(options)
if (options.only === '' || options.only === 'kills') await kills()
await end()
process.exit()
