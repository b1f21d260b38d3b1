/** One route of the admin API, as data: the listener and the OpenAPI document are made from the same list. */
import { type Static, type TObject, type TSchema, Type } from '@sinclair/typebox'
import type { Config } from '../config/config.ts'
import type { Presets } from '../infer/provider.ts'
import type { Log } from '../log.ts'
import type { DeliveryControl } from '../outbox/control.ts'
import type { Replay } from '../request/replay.ts'
import type { Store } from '../store/store.ts'
import { Refused } from './problem.ts'

/** What every handler works with. */
export interface World {
  /** The present configuration. */
  config(): Config
  store: Store
  log: Log
  now(): number
  /** Undefined while no delivery engine runs. */
  control?: (() => DeliveryControl | undefined) | undefined
  /** Of the present gateway; undefined where none runs. */
  replay?: Replay | undefined
  /** Schemes of providers by their names, to be known by their headers. */
  presets?: Presets | undefined
}

/** One request, checked. */
export interface Ask<Params = Record<string, string>, Query = Record<string, unknown>, Body = Record<string, unknown>> {
  params: Params
  query: Query
  body: Body
  /** Decoded, below `/admin/v1`: what a cursor belongs to. */
  path: string
  /** Address of the operator. */
  ip: string
}

export interface Route {
  method: 'GET' | 'POST' | 'DELETE'
  /** Below `/admin/v1`; a parameter stands in braces. */
  path: string
  summary: string
  /** What each parameter of the path is. */
  params: Record<string, string>
  query?: TObject
  body?: TObject
  /** Status of a success. */
  status: 200 | 201 | 204
  /** Undefined with 204. */
  answer?: TSchema
  /** What else it may answer, besides what every route may. */
  refusals: Record<number, string>
  handler(ask: Ask<any, any, any>, world: World): unknown
}

type ParamsOf<Path> = Path extends `${string}{${infer Name}}${infer Rest}` ? { [K in Name]: string } & ParamsOf<Rest> : unknown
type Parts<Path, Q extends TObject, B extends TObject> = Omit<Route, 'params' | 'status' | 'refusals' | 'handler'> & {
  path: Path
  params?: { [K in keyof ParamsOf<Path>]: string }
  query?: Q
  body?: B
  status?: Route['status']
  refusals?: Route['refusals']
  handler(ask: Ask<ParamsOf<Path>, Static<Q>, Static<B>>, world: World): unknown
}

/** Infers what a handler gets from the path and the schemas. */
export function route<const Path extends string, Q extends TObject, B extends TObject>(parts: Parts<Path, Q, B>): Route {
  return { params: {}, status: 200, refusals: {}, ...parts }
}

/** A closed object: for queries and bodies. */
export const closed = <P extends Record<string, TSchema>>(properties: P) => Type.Object(properties, { additionalProperties: false })

/** An answer about one thing. */
export const one = (item: TSchema) => Type.Object({ data: item })

export const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])

export const text = (description: string, more: Record<string, unknown> = {}) => Type.String({ description, ...more })

/** ISO 8601. */
export const time = (description: string) => Type.String({ format: 'date-time', description })

/** A name or an id to look for. */
export const sought = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 1000, description }))

export const choice = <const Value extends string>(values: readonly Value[], description: string) =>
  Type.Optional(Type.Unsafe<Value>({ type: 'string', enum: [...values], description }))

/** From when, and until when: epoch milliseconds of the two texts. */
export const between = {
  since: Type.Optional(time('Not before this time.')),
  until: Type.Optional(time('Before this time.')),
}

export function timesOf(query: { since?: string; until?: string }): { since?: number; until?: number } {
  const times: { since?: number; until?: number } = {}
  for (const name of ['since', 'until'] as const) {
    const given = query[name]
    if (given === undefined) continue
    // Valid forms that JavaScript does not know, such as a leap second; and before 1970 there is nothing.
    const usual = given
      .toUpperCase()
      .replace(' ', 'T')
      .replace(/:60(?=[.Z+-])/, ':59')
    times[name] = Math.max(0, Date.parse(usual))
  }
  return times
}

/** The engine that delivers, or 503. */
export function controlOf(world: World): DeliveryControl {
  const control = world.control?.()
  if (!control) throw new Refused(503, 'UNAVAILABLE', 'No delivery engine runs in this gateway.', { headers: { 'retry-after': '5' } })
  return control
}
