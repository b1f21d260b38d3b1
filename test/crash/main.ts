/** `npm run crash -- --kills 500 [--runtime bun|deno] [--store postgres|pglite] [--broken NAME]`: prints what the oracle found, and exits 1 if that is anything. */
import process from 'node:process'
import { parseArgs } from 'node:util'
import { stopAll } from '../support/child.ts'
import type { Runtime } from '../support/process.ts'
import { redis } from '../support/redis.ts'
import { broken } from './broken.ts'
import { type CrashOptions, crash } from './crash.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    runtime: { type: 'string', default: 'bun' },
    store: { type: 'string', default: 'postgres' },
    senders: { type: 'string', default: '16' },
    broken: { type: 'string' },
  },
})
const kills = Number(values.kills)
if (!(kills > 0) || (values.broken !== undefined && !Object.hasOwn(broken, values.broken))) {
  console.error(`--kills wants a number; --broken is one of: ${Object.keys(broken).join(', ')}`)
  process.exit(2)
}
const result = await crash({
  runtime: values.runtime as Runtime,
  store: values.store as CrashOptions['store'],
  kills,
  senders: Number(values.senders),
  ...(values.broken !== undefined && { broken: { name: values.broken, redis: await redis() } }),
  progress: kill => {
    if (kill % 50 === 0) console.error(`${kill} kills`)
  },
})
const found = Object.entries(result.verdict).map(([name, cases]) => [name, cases.length] as const)
console.log(`${kills} kills on ${values.runtime} with ${values.store}${values.broken ? `, ${values.broken}` : ''}:`)
console.log(`${result.acknowledged} acknowledged in ${Math.round(result.seconds)} s, ready again after ${Math.round(result.restart)} ms`)
console.log(found.map(([name, count]) => `${name} ${count}`).join(', '))
await stopAll()
process.exit(found.some(([, count]) => count > 0) ? 1 : 0)
