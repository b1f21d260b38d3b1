import { load } from '#core/config/load.ts'
import { lint } from '#core/config/lint.ts'
import { openGateway } from '#core/request/gateway.ts'
import { builtins } from '#plugins/index.ts'
const t = (n: string, s: number) => console.log(n, Math.round((process.cpuUsage().user+process.cpuUsage().system)/1000 - s), 'ms cpu; rss', Math.round(process.memoryUsage.rss()/1e6))
const c = () => (process.cpuUsage().user+process.cpuUsage().system)/1000
t('start', 0)
let s = c()
let { config, problems } = await load(process.argv[2]!, { env: process.env, builtins, importPlugin: async () => { throw 1 } })
t('load', s)
console.log(problems.length, config?.webhooks.size)
if (process.argv[3] === 'lint') { s = c(); console.log(lint(config!).length); t('lint', s) }
s = c()
const services: any = { tokens: {}, kv: { limiter: () => ({ take: async () => ({}) }) }, log: { warn() {}, info() {}, error() {} }, now: Date.now, sent: async () => false, hopKey: () => '', noteSecretUse() {}, commit: async () => ({ replayed: false }), earlier: async () => undefined, relay() {}, samples: { add() {} }, foresee: async () => ({}) }
let g = await openGateway(config!, services)
t('gateway', s)
;(globalThis as any).Bun?.gc(true); (globalThis as any).gc?.()
t('after gc', s)
