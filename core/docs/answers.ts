/** Every answer that a webhook can give, each with the body that its dialect really makes of it. */
import type { Config, Dialect, Webhook } from '../config/config.ts'
import { flattened } from '../config/nested.ts'
import { problemDialect } from '../config/problemDialect.ts'
import type { Details, SenderPart } from '../plugin.ts'
import { CODES, type CoreCode } from '../request/codes.ts'
import { type CompiledDialect, compileDialect } from '../request/dialect.ts'
import type { Exchange } from '../request/exchange.ts'

export interface Answer {
  status: number
  /** Code as the sender sees it; of a success, what has happened. */
  code: string
  /** The code as plugins know it. */
  own: string
  summary: string
  /** Media type; undefined when there is no body. */
  type?: string
  body?: unknown
  /** The request was taken. */
  good: boolean
  retryAfter: boolean
}

/** Renders answers of all webhooks of one configuration; what does not name its webhook is rendered once. */
export interface AnswerBook {
  /** `field` is one that the payload needs, for the example of what failed. */
  answersOf(webhook: Webhook, parts: readonly SenderPart[], field: string | undefined): Promise<Answer[]>
  /** Of a request that came by a method that the webhook does not take. */
  wrongMethod(webhook: Webhook): Promise<Answer>
}

const ID = '01JD0000000000000000000000'
/** Codes that tell when to come again; UNAVAILABLE always, RATE_LIMITED with the rest of its window. */
const WAITS: Record<string, number> = { UNAVAILABLE: 1, RATE_LIMITED: 30 }

export function answerBook(config: Config): AnswerBook {
  const dialects = new Map<string, { compiled: CompiledDialect; names: boolean }>()
  const rendered = new Map<string, Promise<Answer>>()

  function dialectOf({ dialect, name }: Pick<Webhook, 'dialect' | 'name'>): { compiled: CompiledDialect; key: string } {
    const found: Dialect = config.dialects.get(dialect) ?? problemDialect
    const names = dialects.get(dialect)?.names ?? JSON.stringify(found).includes('webhook')
    const key = names ? `${dialect} ${name}` : dialect
    const compiled = dialects.get(key)?.compiled ?? compileDialect(found, name)
    dialects.set(key, { compiled, names })
    return { compiled, key }
  }

  function refusal(
    of: Pick<Webhook, 'dialect' | 'name'>,
    code: string,
    given: { status: number; summary: string },
    details?: Details,
  ): Promise<Answer> {
    const { compiled, key } = dialectOf(of)
    const id = [key, code, given.status, given.summary, details && JSON.stringify(details)].join('\n')
    const present = rendered.get(id)
    if (present) return present
    // The gateway has one sentence for each code of its own, whichever plugin says it.
    const { summary } = Object.hasOwn(CODES, code) ? CODES[code as CoreCode] : given
    const retryAfter = WAITS[code]
    const refused = { kind: 'refusal', code, status: given.status, summary, ...(details && { details }) } as const
    const response = compiled.refusal({ ...refused, ...(retryAfter !== undefined && { retryAfter }) })
    const shown = config.dialects.get(of.dialect)?.codes[code]?.code ?? code
    const made = read(response).then(answer => ({
      ...answer,
      code: shown,
      own: code,
      summary,
      good: false,
      retryAfter: retryAfter !== undefined,
    }))
    rendered.set(id, made)
    return made
  }

  async function answersOf(webhook: Webhook, parts: readonly SenderPart[], field: string | undefined): Promise<Answer[]> {
    const core = (code: CoreCode, details?: Details) => refusal(webhook, code, CODES[code], details)
    const all: Promise<Answer>[] = [
      ...successes(webhook, parts),
      core('VALIDATION_FAILED', wrong(field)),
      core('UNAVAILABLE'),
      core('INTERNAL'),
    ]
    if (webhook.methods.some(method => method !== 'GET')) {
      all.push(core('INVALID_JSON'), core('PAYLOAD_TOO_LARGE'), core('REQUEST_TIMEOUT'))
      all.push(core('UNSUPPORTED_MEDIA_TYPE', { _general: ['Send JSON in UTF-8, with Content-Type: application/json.'] }))
    }
    if (config.server.requireHttps) all.push(refusal({ name: '', dialect: problemDialect.name }, 'HTTPS_REQUIRED', CODES.HTTPS_REQUIRED))
    for (const [i, item] of webhook.chain.entries()) {
      const told = parts[i]?.refusals
      const refusals = flattened(item).flatMap(({ plugin }) => Object.entries<{ status: number; summary: string }>(plugin.refusals))
      for (const [code, given] of refusals)
        if (code !== 'VALIDATION_FAILED' && (told?.includes(code) ?? true)) all.push(refusal(webhook, code, given, DETAILS[code]))
    }
    const unique = new Map((await Promise.all(all)).map(answer => [`${answer.status} ${answer.good} ${answer.own}`, answer]))
    return [...unique.values()].sort((a, b) => a.status - b.status)
  }

  function successes(webhook: Webhook, parts: readonly SenderPart[]): Promise<Answer>[] {
    const { compiled } = dialectOf(webhook)
    const data = webhook.example ?? {}
    const emits = webhook.chain.some(({ plugin }) => plugin.phase === 'emit')
    const x = { id: ID, data, variables: data, unit: emits ? { event: {} } : {} } as unknown as Exchange
    const good = async (
      code: string,
      summary: string,
      record?: { id: string; created: boolean; fieldsUpdated: number },
    ): Promise<Answer> => ({
      ...(await read(compiled.success({ ...(record && { record }), replayed: false, shown: [] }, compiled.shown(x)))),
      code,
      own: code,
      summary,
      good: true,
      retryAfter: false,
    })
    const id = idOf(webhook)
    const fieldsUpdated = Object.keys(data).length || 1
    const stops = parts.flatMap(part => part.stops ?? [])
    if (!webhook.chain.some(({ plugin }) => plugin.phase === 'write'))
      return [good('accepted', ['The request was taken.', ...stops].join(' '))]
    return [
      good('created', 'A record was made.', { id, created: true, fieldsUpdated }),
      good('updated', 'A record that was there is up to date.', { id, created: false, fieldsUpdated }),
      ...(stops.length > 0 ? [good('accepted', `The request was understood, and nothing was kept. ${stops.join(' ')}`)] : []),
    ]
  }

  return {
    answersOf,
    wrongMethod: webhook => refusal(webhook, 'METHOD_NOT_ALLOWED', CODES.METHOD_NOT_ALLOWED),
  }
}

const DETAILS: Record<string, Details> = {
  QUOTA_EXCEEDED: { _general: ['Record count quota exceeded.'] },
}

const wrong = (field: string | undefined): Details => ({ [field ?? '_general']: [`The ${field ?? 'payload'} field is required.`] })

/** The id that the example's record would have, as far as the settings of the step that writes it tell. */
function idOf({ chain, example = {} }: Webhook): string {
  const field = chain.find(({ plugin }) => plugin.phase === 'write')?.settings.idField
  const value = example[typeof field === 'string' ? field : 'id']
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ID
}

/** A response taken apart. */
async function read(response: Response): Promise<Pick<Answer, 'status' | 'type' | 'body'>> {
  const text = await response.text()
  const type = response.headers.get('content-type')
  return { status: response.status, ...(text !== '' && { body: JSON.parse(text), type: type ?? 'application/json' }) }
}
