/** From samples to configuration: a JSON Schema, names, the YAML to paste, and where samples are not what the present schema says. */
import { setImmediate } from 'node:timers/promises'
import type { Webhook } from '../config/config.ts'
import type { Entity } from '../plugin.ts'
import { type Drift, DriftWatch } from './drift.ts'
import { Gathering, type Sample } from './gather.ts'
import { type Naming, renamed, suggestNames } from './mapping.ts'
import { findDeliveryHeader, findProvider, type Presets, type Provider } from './provider.ts'
import { payloadSchema, type Schema } from './schema.ts'
import { chainShape } from './shape.ts'
import { yamlOf } from './yaml.ts'

/** A sample, or why there is none. */
export type Taken = Sample | { skipped: string }

export interface InferOptions {
  /** Name of the webhook, also of a new one. */
  name: string
  /** The present one. */
  webhook?: Webhook | undefined
  entity?: (name: string) => Entity | undefined
  presets?: Presets | undefined
  /** What payloads are compared with; left out, the schema by which the webhook judges them. */
  against?: Schema | undefined
  listAs?: string | undefined
  /** Values of secrets of the configuration, which must not show. */
  secrets?: readonly string[]
  /** Milliseconds for all of it: what has not been looked at by then is left out. */
  within?: number
}

export interface Inferred {
  samples: { used: number; skipped: number; reasons: { reason: string; count: number }[] }
  schema: Schema
  mapping: Naming & { id_field: string | null; idempotency_header: string | null }
  yaml: string
  drift: Drift[]
  /** Why payloads were not compared with a schema. */
  undrifted?: string
  provider?: Provider
}

/** Milliseconds after which others get their turn. */
const TURN = 15
const LONGEST = 10_000

/** Looks at each sample once, and never long at a time. */
export async function infer(samples: Iterable<Taken> | AsyncIterable<Taken>, options: InferOptions): Promise<Inferred> {
  const { name, webhook, entity = () => undefined, presets = new Map(), within = LONGEST } = options
  const shape = webhook && (await chainShape(webhook, entity))
  const against = options.against ?? (shape?.why === undefined ? shape?.schema : undefined)
  const watch = against && new DriftWatch(against)
  const all = new Gathering()
  const began = performance.now()
  let turn = began
  for await (const sample of samples) {
    const now = performance.now()
    if (now - began > within) all.skip(`came after the ${within / 1000} s that this may take`)
    else if ('skipped' in sample) all.skip(sample.skipped)
    else {
      const data = shape ? await shape.run(sample.payload) : sample.payload
      if (typeof data === 'string') all.skip(data)
      else if (all.add({ ...sample, payload: data })) watch?.add(data, sample.at)
    }
    if (now - turn > TURN) {
      await setImmediate()
      turn = performance.now()
    }
  }
  return concluded(all, options, {
    entity: shape?.entity,
    why: shape?.why,
    drift: watch?.findings() ?? [],
    judged: watch !== undefined,
    presets,
    name,
  })
}

function concluded(
  all: Gathering,
  { webhook, entity, listAs, secrets = [] }: InferOptions,
  found: { name: string; entity: string | undefined; why: string | undefined; drift: Drift[]; judged: boolean; presets: Presets },
): Inferred {
  const { summary, used } = all
  const naming = suggestNames(summary)
  // A present chain stays as it is: its records keep their names.
  const schema = payloadSchema(webhook ? summary : renamed(summary, naming.fields))
  const provider = findProvider(found.presets, new Set(all.headers.keys()), all.agents)
  const deliveryHeader = provider?.id ?? findDeliveryHeader(all.headers, used)
  const id = all.idField
  const idField = id === undefined || webhook ? id : (naming.fields[id] ?? id)
  const kind = found.entity ?? found.name
  const yaml = yamlOf({
    name: found.name,
    entity: kind,
    unknown: entity?.(kind)?.unknown,
    schema,
    naming,
    samples: used,
    provider,
    idField,
    deliveryHeader,
    webhook,
    listAs,
    secrets,
  })
  const skipped = all.skipped
  return {
    samples: { used, skipped: skipped.reduce((sum, { count }) => sum + count, 0), reasons: skipped },
    schema,
    mapping: { ...naming, id_field: idField ?? null, idempotency_header: deliveryHeader ?? null },
    yaml,
    drift: found.drift,
    ...(!found.judged && { undrifted: found.why ?? 'there is no schema yet' }),
    ...(provider && { provider }),
  }
}
