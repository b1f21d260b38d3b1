/**
 * What a step of auth-hmac costs for each preset, on a body of 300 bytes: `bun bench/presets.ts [--rounds 25]`.
 *
 * Median of the rounds, in microseconds of the processor, so that what else the machine does counts for little; it ends with 1 when a preset of the kind hmac takes more than 5.
 */
import process from 'node:process'
import { parseArgs } from 'node:util'
import { build } from '#core/harness.ts'
import type { Exchange, Step } from '#core/plugin.ts'
import authHmac from '#plugins/auth-hmac/index.ts'
import { presets } from '#plugins/auth-hmac/presets/index.ts'
import { NOW, ORIGIN, provider } from '../test/support/provider.ts'

const AIM = 5
const BODY = 300
const CALLS = 4000

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '25' } } })
const rounds = Number(values.rounds)

/** The step itself, taken out of the harness, whose watching costs more than what it watches. */
async function stepOf(settings: object): Promise<Step> {
  let taken: Step | undefined
  const notes = { headers: new Set<string>(), query: new Set<string>(), refused: new Set<string>(), set: new Set<string>() }
  const watched = { ...authHmac, compile: (config: any, host: any) => (taken = authHmac.compile(config, host) as Step) }
  await build(watched as typeof authHmac, settings, { now: NOW * 1000, publicUrl: ORIGIN }, notes)
  return taken!
}

function exchangeOf(made: ReturnType<ReturnType<typeof provider>['request']>): Exchange {
  const slots = new Map<string, unknown>()
  const x = {
    method: made.method,
    path: made.path,
    search: made.query,
    headers: new Headers({ host: 'gw.example.com', 'user-agent': 'bench', accept: '*/*', ...made.headers }),
    raw: Buffer.from(made.body),
    get: (slot: { name: string }) => slots.get(slot.name),
    set: (slot: { name: string }, value: unknown) => void slots.set(slot.name, value),
  }
  return x as unknown as Exchange
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[numbers.length >> 1]!
}

const lines: { name: string; kind: string; size: number; run(): number; costs: number[] }[] = []
for (const name of presets.keys()) {
  const p = provider(name)
  const bare = Buffer.byteLength(p.request({ note: '' }).body)
  const x = exchangeOf(p.request({ note: 'x'.repeat(Math.max(0, BODY - bare)) }))
  const step = await stepOf(p.settings)
  if ((await step(x)) !== undefined) throw new Error(`${name}: the request is refused`)
  const calls = p.kind === 'hmac' || p.kind === 'static' ? CALLS : CALLS / 20
  const run = () => {
    const start = process.cpuUsage()
    for (let i = 0; i < calls; i++) step(x)
    const { user, system } = process.cpuUsage(start)
    return (user + system) / calls
  }
  lines.push({ name, kind: p.kind, size: x.raw.length, run, costs: [] })
}
// All in each round, so that a busy moment of the machine meets them all alike; the first round is for the compiler.
for (let round = -1; round < rounds; round++) {
  for (const line of lines) {
    const cost = line.run()
    if (round >= 0) line.costs.push(cost)
  }
}
let worst = { name: '', cost: 0 }
for (const { name, kind, size, costs } of lines) {
  const cost = median(costs)
  if (kind === 'hmac' && cost > worst.cost) worst = { name, cost }
  console.log(`${name.padEnd(24)} ${kind.padEnd(12)} ${String(size).padStart(4)} B  ${cost.toFixed(2).padStart(8)} µs`)
}
console.log(`\nworst of the kind hmac: ${worst.name}, ${worst.cost.toFixed(2)} µs; the aim is ${AIM} µs`)
process.exitCode = worst.cost > AIM ? 1 : 0
