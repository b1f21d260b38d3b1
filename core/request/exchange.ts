/** One request on its way through a chain; what it stages becomes the unit of its commit. */
import { claimKey, countRecord, type Effect, type Exchange as ExchangeContract, emitEvent, type Slot, upsertRecord } from '../plugin.ts'
import type { Unit } from '../store/unit.ts'
import { ownTrace, parseTrace, readTrace } from '../trace.ts'
import { type Payload, parsePayload, type Reading } from './payload.ts'

export interface Arrival {
  readonly id: string
  readonly webhook: string
  readonly method: string
  readonly path: string
  /** Without the question mark. */
  readonly search: string
  readonly params: Readonly<Record<string, string>>
  readonly headers: Headers
  readonly ip: string
  readonly receivedAt: number
  readonly raw: Uint8Array
  readonly reading?: Reading | undefined
}

type End = Parameters<Parameters<ExchangeContract['atEnd']>[0]>[0]

/** A class, so that all exchanges share one hidden shape. */
export class Exchange implements ExchangeContract {
  readonly id: string
  readonly webhook: string
  readonly method: string
  readonly path: string
  readonly search: string
  readonly params: Readonly<Record<string, string>>
  readonly headers: Headers
  readonly ip: string
  readonly receivedAt: number
  readonly raw: Uint8Array
  readonly unit: Unit
  payload: Record<string, unknown> = {}
  format: 'json' | 'form' | 'query' = 'json'
  data: Record<string, unknown> = {}
  variables: Record<string, unknown> = {}
  /** When it began, each step began and the last one ended, by `performance.now()`; only where a sample may be taken of it. */
  marks: number[] | undefined
  readonly #reading: Reading | undefined
  #query: URLSearchParams | undefined
  #parsed: Payload | undefined
  #slots: Map<string, unknown> | undefined
  #told: Headers | undefined
  #trace: string | undefined
  #listeners: ((end: End) => void)[] | undefined

  constructor(arrival: Arrival) {
    this.id = arrival.id
    this.webhook = arrival.webhook
    this.method = arrival.method
    this.path = arrival.path
    this.search = arrival.search
    this.params = arrival.params
    this.headers = arrival.headers
    this.ip = arrival.ip
    this.receivedAt = arrival.receivedAt
    this.raw = arrival.raw
    this.#reading = arrival.reading
    this.unit = { exchange: this, custom: [] }
    this.marks = undefined
  }

  get query(): URLSearchParams {
    // URLSearchParams takes a question mark at the very front for none; to the payload it is part of the first name, as to every other reader.
    this.#query ??= new URLSearchParams(`&${this.search}`)
    return this.#query
  }

  get trace(): string | undefined {
    if (this.#trace === undefined) {
      const received = readTrace(this.headers)
      this.#trace = received && ownTrace(received)
    }
    return this.#trace
  }

  belongTo(traceparent: string): void {
    // One that is not valid would be sent on to every destination.
    this.#trace = parseTrace(traceparent) ?? this.#trace
  }

  atEnd(listener: (end: End) => void): void {
    this.#listeners ??= []
    this.#listeners.push(listener)
  }

  /** Tells whoever wanted to know, and gives the answer what the steps had to tell. */
  ended(end: End, response: Response): void {
    for (const listener of this.#listeners ?? []) listener(end)
    if (this.#told) for (const [name, value] of this.#told) response.headers.append(name, value)
  }

  #parse(): Payload {
    this.#parsed ??= parsePayload({
      method: this.method,
      contentType: this.headers.get('content-type'),
      contentEncoding: this.headers.get('content-encoding'),
      query: this.search,
      raw: this.raw,
      reading: this.#reading,
    })
    return this.#parsed
  }

  peek(): unknown {
    const parsed = this.#parse()
    return parsed.ok ? parsed.payload : undefined
  }

  /** Makes the payload readable to the steps after verification, or says why it is none. */
  open(): Exclude<Payload, { ok: true }> | undefined {
    const parsed = this.#parse()
    if (!parsed.ok) return parsed
    this.payload = parsed.payload
    this.data = parsed.payload
    this.format = parsed.format
    return undefined
  }

  get<T>(slot: Slot<T>): T | undefined {
    return this.#slots?.get(slot.name) as T | undefined
  }

  set<T>(slot: Slot<T>, value: T): void {
    this.#slots ??= new Map()
    this.#slots.set(slot.name, value)
  }

  tell(header: string, value: string): void {
    this.#told ??= new Headers()
    this.#told.append(header, value)
  }

  /** Those of the named slots that were given. */
  slots(names: readonly string[]): Record<string, unknown> {
    const given = names.filter(name => this.#slots?.has(name))
    return Object.fromEntries(given.map(name => [name, this.#slots?.get(name)]))
  }

  stage<Arg, Result>(effect: Effect<Arg, Result>, arg: Arg): void {
    const unit = this.unit
    const builtin = effect as unknown
    if (builtin === claimKey) unit.key = once(unit.key, arg as never, 'key')
    else if (builtin === upsertRecord) unit.record = once(unit.record, arg as never, 'record')
    else if (builtin === countRecord) unit.quota = once(unit.quota, arg as never, 'quota')
    else if (builtin === emitEvent) unit.event = arg as { hops?: number }
    else unit.custom.push({ effect, arg })
  }
}

/** The commit statement has one place for each of its effects. */
function once<T>(present: T | undefined, arg: T, name: string): T {
  if (present !== undefined) throw new Error(`an exchange stages at most one '${name}' effect`)
  return arg
}
