/** What `postern presets` tells of each preset. */
import { presets } from './presets/index.ts'
import { resolve, type Scheme, signsTime, tokensOf } from './scheme.ts'
import { nameOf } from './sender.ts'
import type { Preset } from './settings.ts'
import { place, same } from './source.ts'

/** One preset, ready to print. */
export interface Card {
  kind: Scheme['kind']
  /** Of an HMAC. */
  algorithm?: Scheme['algorithm']
  /** `HMAC-SHA-256`, say. */
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

/** How `challenge` answers those who ask before they send; it goes before the step that verifies, unless the question is signed. */
const ASKING: Record<string, { before: boolean; step: (secret: string) => Record<string, string> }> = {
  discord: { before: false, step: () => ({ preset: 'discord' }) },
  dropbox: { before: true, step: () => ({ preset: 'dropbox' }) },
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what is to be pasted
  'meta-whatsapp': { before: true, step: () => ({ preset: 'meta', verifyToken: '${META_VERIFY_TOKEN}' }) },
  okta: { before: true, step: () => ({ preset: 'okta' }) },
  slack: { before: false, step: () => ({ preset: 'slack' }) },
  'x-twitter': { before: true, step: secret => ({ preset: 'x', secret }) },
  zoom: { before: false, step: secret => ({ preset: 'zoom', secret }) },
}

/** Every preset by its name. */
export const cards: ReadonlyMap<string, Card> = new Map([...presets].map(([name, preset]) => [name, cardOf(name, preset)]))

function cardOf(name: string, preset: Preset): Card {
  const scheme = resolve({ preset: name, secrets: [] })
  if (!scheme) throw new Error(`the preset '${name}' does not say where its signature is`)
  const { kind, algorithm, id } = scheme
  const secret = `\${${name.toUpperCase().replaceAll('-', '_')}_${kind === 'hmac' || kind === 'static' ? 'SECRET' : 'PUBLIC_KEY'}}`
  const timed = signsTime(scheme) && scheme.timestamp
  const { page, ...own } = preset
  const asks = ASKING[name]
  const answer = asks ? [{ challenge: asks.step(secret) }] : []
  return {
    kind,
    ...(kind === 'hmac' && { algorithm }),
    how: nameOf(scheme),
    ...(timed && { time: { tolerance: duration(timed.tolerance) } }),
    ...(id !== undefined && { id, idSigned: signsId(scheme, id) }),
    page,
    notes: [...(asks ? ['The URL is verified by a question, which `challenge` answers.'] : []), ...notesOf(scheme)],
    chain: [
      ...(asks?.before ? answer : []),
      { 'auth-hmac': { preset: name, secrets: [secret] } },
      ...(timed ? ['replay-window'] : []),
      ...(asks?.before ? [] : answer),
      ...(id === undefined ? [] : [{ idempotency: { from: 'preset', ttl: '7d' } }]),
      'dispatch',
    ],
    step: { 'auth-hmac': { secrets: [secret], ...written(own) } },
  }
}

/** What nobody signs anybody can change. */
function signsId(scheme: Scheme, id: string): boolean {
  return tokensOf(scheme).some(token => same(token, id) || (token === 'body' && place(id)?.kind === 'json'))
}

function* notesOf(scheme: Scheme): Generator<string> {
  const tokens = tokensOf(scheme)
  if (scheme.kind === 'static') yield 'Nothing is signed: whoever has seen one request can send any other.'
  else if (!tokens.includes('body')) yield 'The body is not signed, but for these fields: the rest of it proves nothing.'
  if (scheme.id?.startsWith('json:[]'))
    yield 'The body is a list: set `listAs: events`, or another name, beside `chain`; else it is refused.'
  if (tokens.includes('url')) yield 'The URL is signed: set server.publicUrl.'
  if (scheme.kind !== 'static' && !signsTime(scheme))
    yield 'No time is signed: a request that was overheard stays good until the secret is changed.'
  if (scheme.id !== undefined && scheme.kind !== 'static' && !signsId(scheme, scheme.id))
    yield 'The id of the delivery is not signed: it tells what the provider sends twice, and stops nobody else.'
}

/** The settings as YAML has them: times as text, one place as one text. */
function written(settings: Omit<Preset, 'page'>): Record<string, unknown> {
  const { timestamp, ...rest } = settings
  if (!timestamp) return rest
  const { tolerance, future, ...where } = timestamp
  const times = {
    ...(tolerance !== undefined && { tolerance: duration(tolerance) }),
    ...(future !== undefined && { future: duration(future) }),
  }
  return { ...rest, timestamp: { ...where, ...times } }
}

/** Milliseconds as `5m`, `90s` or `1500ms`. */
function duration(ms: number): string {
  return ms % 60_000 === 0 ? `${ms / 60_000}m` : ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`
}
