/** Who sends, by the names of the headers: a preset that signs with the headers that were seen. */

/** What a preset says of its provider's requests; places are written `header:x-id`. */
export interface Preset {
  signature?: { from?: string | readonly string[] }
  timestamp?: { from?: string }
  /** Where a fixed token stands, for schemes that sign nothing. */
  from?: string
  signed?: string
  require?: Readonly<Record<string, string>>
  id?: string
}

export type Presets = ReadonlyMap<string, Preset>

export interface Provider {
  /** Name of the preset. */
  preset: string
  /** Headers by which it was known. */
  headers: string[]
  /** Presets that look for the same headers. */
  alternatives: string[]
  /** The scheme signs the time, so that a replay window can be kept. */
  timed: boolean
  /** Header with the id of a delivery. */
  id?: string
}

/** Headers that tell nothing of who sends. */
const ANYBODYS = new Set(['authorization'])

interface Match {
  name: string
  found: string[]
  missing: number
}

/** Headers and how often each was seen; `agents` are values of User-Agent. */
export function findProvider(presets: Presets, seen: ReadonlySet<string>, agents: ReadonlySet<string> = new Set()): Provider | undefined {
  const matches = [...presets].flatMap(([name, preset]): Match[] => {
    const proof = [preset.signature?.from, preset.from]
      .flat()
      .flatMap(headersIn)
      .filter(header => !ANYBODYS.has(header))
    if (!proof.some(header => seen.has(header))) return []
    // Of several places for a signature one is enough.
    const others = [preset.timestamp?.from, preset.id].flatMap(headersIn)
    const signed = [...(preset.signed ?? '').matchAll(/\{(header:[\w.-]+)\}/g)].flatMap(part => headersIn(part[1]))
    const wanted = new Set([...others, ...signed, ...Object.keys(preset.require ?? {}).map(header => header.toLowerCase())])
    const found = [...new Set([...proof, ...wanted])].filter(header => seen.has(header))
    return [{ name, found, missing: [...wanted].filter(header => !seen.has(header)).length }]
  })
  const named = ({ name }: Match) => [...agents].some(agent => plain(agent).includes(plain(name)))
  // Several providers sign by one standard: without another sign it is the standard that is meant.
  const standard = ({ name }: Match) => name === 'standard-webhooks'
  matches.sort(
    (a, b) =>
      a.missing - b.missing ||
      b.found.length - a.found.length ||
      Number(named(b)) - Number(named(a)) ||
      Number(standard(b)) - Number(standard(a)),
  )
  const [best] = matches
  if (!best) return undefined
  const preset = presets.get(best.name)!
  const alike = matches.filter(other => other !== best && other.missing === best.missing && other.found.join() === best.found.join())
  const id = headersIn(preset.id)[0]
  return {
    preset: best.name,
    headers: best.found,
    alternatives: alike.map(({ name }) => name),
    timed: signsTime(preset),
    ...(id !== undefined && seen.has(id) && { id }),
  }
}

/** The time is part of what is signed. */
function signsTime({ timestamp, signed = '' }: Preset): boolean {
  return timestamp?.from !== undefined && (signed.includes('{timestamp}') || signed.includes(`{${timestamp.from}}`))
}

const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '')

/** The header of a place; of numbered ones the first. */
function headersIn(place: string | undefined): string[] {
  const [, name, numbered] = /^header:([\w.-]+?)(\{1\.\.\d+\})?$/.exec(place ?? '') ?? []
  return name === undefined ? [] : [`${name.toLowerCase()}${numbered ? '1' : ''}`]
}

/** Headers that name a delivery, in the order in which they are preferred. */
const DELIVERY = ['idempotency-key', 'x-idempotency-key', 'webhook-id', 'svix-id', 'x-github-delivery']
const LIKELY = /(delivery|event|webhook|message|notification|invocation|idempotency)[-_]?(id|key|uuid|guid)$/

/** A header that came with each request and never twice the same. */
export function findDeliveryHeader(
  headers: ReadonlyMap<string, { count: number; values: ReadonlySet<string> }>,
  samples: number,
): string | undefined {
  const fit = [...headers]
    .filter(([, { count, values }]) => samples > 0 && count === samples && values.size === samples)
    .map(([name]) => name)
  return DELIVERY.find(name => fit.includes(name)) ?? fit.find(name => LIKELY.test(name))
}
