/** The chain alone: no HTTP, no store. Nanoseconds of the processor for a request and for each step, beside the same by hand. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import process from 'node:process'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { Config } from '#core/config/config.ts'
import { load } from '#core/config/load.ts'
import { compileChain } from '#core/request/chain.ts'
import { type Arrival, Exchange } from '#core/request/exchange.ts'
import type { Services } from '#core/request/host.ts'
import { builtins } from '#plugins/index.ts'
import { here, median } from './ground.ts'
import { BEARER, request, SIGNING_KEY } from './request.ts'

const CALLS = 20_000

const none = () => {
  throw new Error('this chain asks for nothing')
}
const services: Services = {
  tokens: { webhookOf: none },
  kv: { limiter: none } as unknown as Services['kv'],
  log: { debug() {}, info() {}, warn() {}, error() {}, fatal() {} } as unknown as Services['log'],
  now: Date.now,
  sent: none,
  hopKey: () => 'bench',
  noteSecretUse() {},
}

export async function chain({ rounds }: { rounds: number }): Promise<void> {
  const env = { PORT: '1', ADMIN_PORT: '2', DATABASE_URL: 'postgres://none', BEARER, SIGNING_KEY }
  const { config } = await load(join(here, 'postern.yaml'), { env, builtins, importPlugin: none })
  const webhook = config?.webhooks.get('full')
  if (!config || !webhook) throw new Error('the configuration of the benchmark is bad')
  const line = await compileChain(config, webhook, services)
  const { steps } = line
  const run = (x: Exchange) => line.run(x)
  const came = arrival()
  const whole: number[] = []
  const hand: number[] = []
  const each: number[][] = steps.map(() => [])
  const byHand = handwritten(config)
  // The first round is for the compiler.
  for (let round = -1; round < Math.max(9, rounds); round++) {
    const own = await timed(async () => {
      const stop = await run(new Exchange(came))
      if (stop) throw new Error(`the request is refused by ${stop.plugin}: ${stop.error ?? JSON.stringify(stop.reply)}`)
    })
    const other = await timed(async () => {
      if (!byHand(came)) throw new Error('the request is refused by hand')
    })
    const parts = await perStep(() => new Exchange(came), run, steps.length)
    if (round < 0) continue
    whole.push(own)
    hand.push(other)
    for (const [i, part] of parts.entries()) each[i]?.push(part)
  }
  const ns = (values: readonly number[]) => median(values).toFixed(0)
  console.log('\n| chain alone, 300 bytes | ns a request |\n|---|---|')
  console.log(`| the whole chain | ${ns(whole)} |`)
  for (const [i, name] of steps.entries()) console.log(`| of that ${name} | ${ns(each[i] ?? [])} |`)
  console.log(`| bearer key, HMAC, JSON, schema and fingerprint by hand | ${ns(hand)} |`)
  console.log(`\n${(median(whole) / median(hand)).toFixed(2)} times what the same takes by hand`)
}

/** One request as the gateway hands it to a chain. */
function arrival(): Arrival {
  const text = new TextDecoder().decode(request('/hook', 'chain'))
  const [head = '', body = ''] = text.split('\r\n\r\n')
  const headers = new Headers(
    head
      .split('\r\n')
      .slice(1)
      .map(line => line.split(': ') as [string, string]),
  )
  const about = { id: '01JD0000000000000000000000', webhook: 'full', method: 'POST', path: '/hook', search: '', params: {} }
  return { ...about, headers, ip: '127.0.0.1', receivedAt: Date.now(), raw: Buffer.from(body) }
}

/** Nanoseconds of the processor for one call. */
async function timed(work: () => Promise<void>): Promise<number> {
  const start = process.cpuUsage()
  for (let i = 0; i < CALLS; i++) await work()
  const { user, system } = process.cpuUsage(start)
  return ((user + system) * 1000) / CALLS
}

/** Nanoseconds of the clock for each step, without those that looking at the clock takes; the middle of many. */
async function perStep(make: () => Exchange, run: (x: Exchange) => Promise<unknown>, count: number): Promise<number[]> {
  const times: number[][] = Array.from({ length: count }, () => [])
  for (let i = 0; i < CALLS / 4; i++) {
    const x = make()
    x.marks = [performance.now()]
    await run(x)
    for (let step = 0; step < count; step++) times[step]?.push((x.marks[step + 2] as number) - (x.marks[step + 1] as number))
  }
  const clock: number[] = []
  for (let i = 0; i < CALLS; i++) clock.push(-(performance.now() - performance.now()))
  return times.map(all => Math.max(0, (median(all) - median(clock)) * 1e6))
}

/** The same judgement as one writes it into a handler. */
function handwritten(config: Config): (came: Arrival) => boolean {
  const ajv = new Ajv2020({ strict: false })
  formats.default(ajv)
  const valid = ajv.compile(config.entities.get('sale')?.schema ?? {})
  const wanted = createHash('sha256').update(`Bearer ${BEARER}`).digest()
  return ({ headers, raw }) => {
    const given = createHash('sha256')
      .update(headers.get('authorization') ?? '')
      .digest()
    if (!timingSafeEqual(given, wanted)) return false
    const at = headers.get('x-webhook-timestamp') ?? ''
    if (Math.abs(Date.now() / 1000 - Number(at)) > 300) return false
    const digest = createHmac('sha256', SIGNING_KEY).update(`${at}.`).update(raw).digest()
    const sent = Buffer.from((headers.get('x-webhook-signature') ?? '').slice('sha256='.length), 'hex')
    if (sent.length !== digest.length || !timingSafeEqual(sent, digest)) return false
    const key = headers.get('x-idempotency-key')
    const fingerprint = createHash('sha256').update(raw).digest('hex')
    const { target, ...data } = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(raw))
    return valid({ ...data, goal: target }) === true && key !== null && fingerprint !== ''
  }
}
