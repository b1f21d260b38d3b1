/** `postern presets list|show`: the signature schemes of providers that are built in. */
import { stringify } from 'yaml'
import { didYouMean } from '../config/problem.ts'
import { CommandFailure, EXIT, type Print } from './open.ts'
import { table } from './table.ts'

/** What there is to tell of one preset; the plugin that has them makes it. */
export interface PresetCard {
  kind: string
  /** Of an HMAC. */
  algorithm?: string
  /** What is signed with, for people. */
  how: string
  /** When the signature covers its time: how far off it may be, as in YAML. */
  time?: { tolerance: string }
  /** Where the delivery's id is, and whether the signature covers it. */
  id?: string
  idSigned?: boolean
  /** Where the provider describes it. */
  page: string
  /** What is dangerous about it, or must be set beside it. */
  notes: readonly string[]
  /** A whole chain that goes by its name. */
  chain: readonly unknown[]
  /** Its step with everything that the preset says. */
  step: Record<string, unknown>
}

export interface PresetOptions {
  presets: ReadonlyMap<string, PresetCard>
  json: boolean
}

/** Prints one row for each preset, in the order of their names. */
export function presetsList({ presets, json }: PresetOptions, out: Print): number {
  const rows = [...presets].sort(([a], [b]) => (a < b ? -1 : 1))
  if (json) {
    out(JSON.stringify({ data: rows.map(([name, card]) => facts(name, card)) }))
    return EXIT.good
  }
  const row = ([name, { kind, algorithm, time, id, page }]: (typeof rows)[number]) => [
    name,
    kind,
    algorithm,
    time?.tolerance ?? 'no',
    id,
    page,
  ]
  for (const line of table(['NAME', 'KIND', 'ALGORITHM', 'SIGNED TIME', 'DELIVERY ID', 'PAGE'], rows.map(row))) out(line)
  return EXIT.good
}

/** Prints one preset as two YAML documents: a chain to paste, and its step in full. */
export function presetsShow({ presets, json, name }: PresetOptions & { name: string }, out: Print): number {
  const card = presets.get(name)
  if (!card) {
    const help =
      didYouMean(name, presets.keys()) ||
      ': postern presets list names those there are, and postern plugins list what has a plugin of its own'
    throw new CommandFailure(EXIT.usage, `there is no preset '${name}'${help}`)
  }
  if (json) {
    out(JSON.stringify({ ...facts(name, card), notes: card.notes, chain: card.chain, step: card.step }))
    return EXIT.good
  }
  const { how, time, id, page, notes, chain, step } = card
  out(`# ${name}: ${how}. ${page}`)
  const timed = time && `The time is signed: within ${time.tolerance}.`
  out(`# ${[timed, id ? `Id of the delivery: ${id}.` : 'There is no id of the delivery.'].filter(Boolean).join(' ')}`)
  for (const note of notes) out(`# ${note}`)
  out(`chain:\n${indented(chain)}`)
  out('---\n# The same step in full, for a sender that differs in something.')
  out(yaml([step]).trimEnd())
  return EXIT.good
}

function facts(name: string, { kind, algorithm, time, id, idSigned, page }: PresetCard) {
  return {
    name,
    kind,
    algorithm: algorithm ?? null,
    signedTime: time !== undefined,
    tolerance: time?.tolerance ?? null,
    deliveryId: id ?? null,
    deliveryIdSigned: idSigned ?? null,
    page,
  }
}

const yaml = (value: unknown) => stringify(value, { lineWidth: 0, defaultStringType: 'PLAIN', defaultKeyType: 'PLAIN' })

const indented = (value: unknown) => yaml(value).trimEnd().replace(/^/gm, '  ')
