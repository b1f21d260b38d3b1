/** Runs one case: the real gateway behind the real edge, on an empty store, by a clock that stands still. */
import process from 'node:process'
import type { Config, Position, Webhook } from '../config/config.ts'
import { secretNeedles } from '../needles.ts'
import { CODES } from '../request/codes.ts'
import { type Gateway, openGateway } from '../request/gateway.ts'
import { type Answer, judge } from './judge.ts'
import type { Aim, Prepared } from './prepare.ts'
import { requestOf } from './send.ts'
import type { Scene, Stage } from './stage.ts'

/** How a case ended. */
export interface Result {
  readonly name: string
  readonly at: Position
  readonly ok: boolean
  /** Of the last answer; null when there is none. */
  readonly status: number | null
  /** A line for each thing that was expected and did not come. */
  readonly failures: readonly string[]
  /** How the requests were refused, for whoever looks into a failure. */
  readonly notes: readonly string[]
  /** Why it was not run. */
  readonly skipped?: string
  readonly ms: number
}

/** Milliseconds that a case may take: a gateway gives each of its requests eight seconds. */
const LONGEST = 60_000
const MOST_NOTES = 20
const UNHEARD = ['uncaughtException', 'unhandledRejection'] as const

export async function runCase(stage: Stage, prepared: Prepared, longest = LONGEST): Promise<Result> {
  const { name, at } = prepared.of
  const start = performance.now()
  const told: Told = { status: null, failures: [], notes: [], over: false }
  // In a gateway nobody would hear of it but the process, which then ends.
  const behind = (error: unknown) =>
    told.failures.push(
      `what a step, of this case or one before, began and left failed, which ends a gateway: ${blanked(String(error), prepared.config.secretValues).slice(0, 500)}`,
    )
  for (const event of UNHEARD) process.on(event, behind)
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>(done => {
    timer = setTimeout(() => {
      told.failures.push(`took longer than ${longest / 1000} s`)
      told.over = true
      done()
    }, longest)
  })
  const played = play(stage, prepared, told).catch(
    error => void told.failures.push(`could not be run: ${error instanceof Error ? error.message : error}`),
  )
  await Promise.race([played, late])
  clearTimeout(timer)
  // Its last request is answered in time, by its deadline: until then the store is not the next case's.
  await played
  await new Promise(setImmediate)
  for (const event of UNHEARD) process.off(event, behind)
  const { over: _, ...rest } = told
  return { name, at, ok: told.failures.length === 0, ...rest, ms: Math.round(performance.now() - start) }
}

interface Told {
  status: number | null
  failures: string[]
  notes: string[]
  /** No further request is sent. */
  over: boolean
}

async function play(stage: Stage, { of, config, aims }: Prepared, told: Told) {
  const [first] = of.steps
  const scene = await stage.set(first?.now ?? 0)
  const gateways = openGateways(scene, needed(config, aims))
  let before: Answer | undefined
  try {
    for (const [i, step] of of.steps.entries()) {
      for (let n = 1; n <= step.times && !told.over; n++) {
        const title = step.times > 1 ? `${step.title}#${n}` : step.title
        const prefix = title && `${title}.`
        scene.clock.now = step.now
        const request = await requestOf(step, aims[i] as Aim, config, scene)
        if (typeof request === 'string') return void told.failures.push(`${title && `${title}: `}${request}`)
        const response = await scene.fetch(await gateways.of(step.https), request, step.ip)
        const answer = await answerOf(response, scene, config)
        told.status = answer.status
        told.failures.push(...(await judge(step.expect, answer, before, scene.db)).map(failure => prefix + failure))
        if (answer.code !== undefined && told.notes.length < MOST_NOTES) told.notes.push(`${title && `${title}: `}${refusalOf(answer)}`)
        before = answer
      }
    }
  } finally {
    await gateways.close()
    await scene.close()
  }
}

/** A gateway that listens on HTTPS and one that does not, each opened when it is wanted. */
function openGateways(scene: Scene, config: Config) {
  const opened = new Map<boolean, Promise<Gateway>>()
  const { tls: _, ...plain } = config.server
  const open = (secure: boolean) => {
    const server = secure ? { ...plain, tls: { cert: '', key: '' } } : plain
    return openGateway({ ...config, server }, scene.services)
  }
  return {
    of(https: boolean): Promise<Gateway> {
      // Nothing else asks how a request came.
      const secure = https && config.server.requireHttps
      const one = opened.get(secure) ?? open(secure)
      opened.set(secure, one)
      return one
    },
    async close() {
      for (const one of await Promise.allSettled(opened.values())) if (one.status === 'fulfilled') await one.value.close()
    },
  }
}

/** Only what may be reached is compiled: of a large configuration that is little. */
function needed(config: Config, aims: readonly Aim[]): Config {
  const reached = ({ path }: Webhook) => aims.some(aim => begins(aim.path, path))
  return { ...config, webhooks: new Map([...config.webhooks].filter(([, webhook]) => reached(webhook))) }
}

/** Whether a path begins as the pattern says; what stands behind it may be an address of its own. */
function begins(path: string, pattern: string): boolean {
  const segments = path.split('/')
  return pattern.split('/').every((part, i) => {
    const segment = segments[i]
    if (segment === undefined) return false
    return part === segment || part.startsWith('{') || segment.includes('%') || new URL(`http://a/${part}`).pathname === `/${segment}`
  })
}

async function answerOf(response: Response, { seen }: Scene, { secretValues }: Config): Promise<Answer> {
  const text = await response.text()
  const { lines } = seen
  const line = lines.findLast(({ fields }) => typeof fields.code === 'string') ?? lines.findLast(({ level }) => level === 'error')
  const { code = unlogged(response.status), reason, plugin, error } = (line?.fields ?? {}) as Partial<Record<string, string>>
  return {
    status: response.status,
    headers: response.headers,
    text,
    ...(response.status >= 400 && code !== undefined && { code }),
    ...(reason !== undefined && { reason }),
    ...(plugin !== undefined && { plugin }),
    ...(error !== undefined && { error: blanked(String(error), secretValues) }),
    replayed: seen.outcome?.replayed === true,
    ...(seen.unit && { variables: seen.unit.exchange.variables }),
  }
}

/** The gateway's code of a refusal for which no webhook was found, so that nothing of it was logged. */
function unlogged(status: number): string | undefined {
  const codes = ['NOT_FOUND', 'METHOD_NOT_ALLOWED', 'HTTPS_REQUIRED', 'INVALID_REQUEST'] as const
  return codes.find(code => CODES[code].status === status)
}

function refusalOf({ status, code, plugin, reason, error }: Answer): string {
  const by = plugin ? ` by ${plugin}` : ''
  const why = error ?? reason
  return `${status} ${code}${by}${why ? `: ${why.split('\n').slice(0, 3).join(' ')}` : ''}`
}

/** What a step has thrown may hold anything. */
function blanked(text: string, secrets: readonly string[]): string {
  return secretNeedles(secrets)?.replace(text, '[secret]') ?? text
}
