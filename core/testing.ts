/**
 * The author's harness: runs one plugin without a gateway, and checks that it keeps the contract. No core file imports it.
 *
 * `harness` compiles a plugin and sends it requests. `conformance` runs a list of examples and returns what is wrong, also what no
 * test of one answer would notice: an undeclared header, a secret in a refusal.
 */
import { decodeSettings } from './config/decode.ts'
import { build, type Given, type Harness, madeOf, type Notes, type Sent, type Surroundings, showSecrets } from './harness.ts'
import type { AnyPlugin, Refusal, Reply, SenderPart } from './plugin.ts'
import { CODES, type CoreCode } from './request/codes.ts'

export { type Given, type Harness, harness, type Seen, type Sent, type Surroundings } from './harness.ts'

/** One request and what must become of it. */
export interface Example extends Surroundings {
  settings?: Record<string, unknown>
  /** Requests that came first; their answers do not count. */
  before?: readonly Sent[]
  request?: Sent
  /** The code of the refusal, `pass` when the chain goes on, `accepted`, or `answer`. */
  expect: string
}

/** Runs the examples and returns every way in which the plugin breaks the contract; empty is good. */
export async function conformance(given: Given, examples: readonly Example[]): Promise<string[]> {
  const plugin = madeOf(given)
  const faults = [...declaration(plugin)]
  const reached = new Set<string>()
  for (const [i, example] of examples.entries()) {
    const found = await run(plugin, example, reached).catch(error => [error instanceof Error ? error.message : String(error)])
    faults.push(...found.map(fault => `example ${i}: ${fault}`))
  }
  for (const code of Object.keys(plugin.refusals)) if (!reached.has(code)) faults.push(`no example is refused with ${code}`)
  return faults
}

const HUSHED = ['UNAUTHORIZED', 'NOT_FOUND']

function* declaration(plugin: AnyPlugin): Generator<string> {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(plugin.name)) yield `the name '${plugin.name}' is not lower case words with hyphens`
  if (!plugin.summary?.trim()) yield 'there is no summary'
  for (const [code, { status, summary }] of Object.entries<{ status: number; summary: string }>(plugin.refusals)) {
    if (!/^[A-Z][A-Z0-9_]*$/.test(code)) yield `the code '${code}' is not in capitals`
    if (!summary?.trim()) yield `${code} has no summary`
    if (!(status >= 400 && status < 600)) yield `${code} has the status ${status}, which is no refusal`
    const ours = Object.hasOwn(CODES, code) ? CODES[code as CoreCode] : undefined
    if (ours && status !== ours.status) yield `${code} is ${ours.status} everywhere`
    // Another sentence would tell a stranger which of several checks has failed, or that there is a webhook here.
    if (ours && HUSHED.includes(code) && summary !== ours.summary) yield `${code} has one summary everywhere: '${ours.summary}'`
  }
  yield* settings(plugin.config, '')
}

function* settings(schema: any, path: string): Generator<string> {
  if (schema.type === 'object' && !schema.patternProperties && (schema.additionalProperties ?? true) === true)
    yield `the settings at '${path}/' are open: add { additionalProperties: false }`
  for (const [name, setting] of Object.entries<any>(schema.properties ?? {})) {
    if (!setting.description?.trim()) yield `the setting '${path}/${name}' has no description`
    yield* settings(setting, `${path}/${name}`)
  }
  for (const inner of below(schema)) yield* settings(inner, `${path}/*`)
}

const below = (schema: any): any[] => [
  ...(schema.items ? [schema.items].flat() : []),
  ...Object.values(schema.patternProperties ?? {}),
  ...(typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : []),
  ...(schema.anyOf ?? []),
]

async function run(plugin: AnyPlugin, example: Example, reached: Set<string>): Promise<string[]> {
  const faults: string[] = []
  const notes: Notes = { headers: new Set(), query: new Set(), refused: new Set(), set: new Set() }
  const secrets: string[] = []
  showSecrets(plugin.config, example.settings ?? {}, secrets)
  const bench = await build(plugin, example.settings ?? {}, example, notes)
  try {
    for (const request of example.before ?? []) await bench.send(request)
    const { reply, staged } = await bench.send(example.request)
    const got = !reply ? 'pass' : reply.kind === 'refusal' ? reply.code : reply.kind === 'accepted' ? 'accepted' : 'answer'
    if (got !== example.expect) faults.push(`expected ${example.expect}, got ${got}${isRefusal(reply) ? ` (${reply.reason ?? ''})` : ''}`)

    // A refusal may also travel inside an effect, for the commit to use.
    const refusals = [reply, ...staged.flatMap(s => Object.values(s.arg ?? {}))].filter(isRefusal)
    for (const refusal of refusals) reached.add(refusal.code)
    for (const code of new Set([...notes.refused, ...refusals.map(r => r.code)]))
      if (!Object.hasOwn(plugin.refusals, code)) faults.push(`refuses with ${code}, which refusals does not declare`)
    for (const { code, details, reason } of refusals)
      if (code === 'UNAUTHORIZED' && (details || !reason)) faults.push('UNAUTHORIZED takes a reason for the operator, and no details')

    const settings = decodeSettings(plugin.config, example.settings).value
    const gives = (typeof plugin.gives === 'function' ? plugin.gives(settings) : (plugin.gives ?? [])).map(slot => slot.name)
    for (const name of notes.set) if (!gives.includes(name)) faults.push(`sets the slot '${name}', which gives does not name`)
    if (bench.used.some(value => !secrets.includes(value))) faults.push('tells as used what is no secret of its settings')
    faults.push(...undeclared(notes, bench.sender), ...leaks(plugin, bench, reply, secrets))
  } finally {
    await bench.close().catch(error => faults.push(`onClose: ${error instanceof Error ? error.message : error}`))
  }
  return faults
}

const isRefusal = (value: unknown): value is Refusal => (value as Refusal | undefined)?.kind === 'refusal'

/** What the step read and senders are not told of. A security scheme tells them too. */
function* undeclared({ headers, query }: Notes, { security = {}, ...sender }: SenderPart): Generator<string> {
  const schemes = Object.values(security)
  const named = (where: string) => schemes.filter(s => s.type === 'apiKey' && s.in === where).map(s => String(s.name))
  const asked = sender.handshakes ?? []
  const told = [
    ...Object.keys(sender.headers ?? {}),
    ...asked.flatMap(handshake => Object.keys(handshake.headers ?? {})),
    ...named('header'),
    ...schemes.map(s => (s.type === 'http' ? 'authorization' : '')),
  ]
  const known = new Set(told.map(name => name.toLowerCase()))
  for (const name of headers) if (!known.has(name.toLowerCase())) yield `reads the header '${name}', which sender() does not declare`
  const ofHandshakes = asked.flatMap(handshake => Object.keys(handshake.query ?? {}))
  const parameters = [...Object.keys(sender.query ?? {}), ...ofHandshakes, ...named('query')]
  for (const name of query) if (!parameters.includes(name)) yield `reads the query parameter '${name}', which sender() does not declare`
}

/** A secret may show in an example of `sender()`, by its name; nowhere else at all. */
function leaks(plugin: AnyPlugin, bench: Harness, reply: Reply | undefined, secrets: readonly string[]): string[] {
  const told = JSON.stringify(bench.sender, (key, value) => (key === 'example' ? undefined : value))
  const places: Record<string, string> = {
    'the summary': plugin.summary,
    'sender()': JSON.stringify(bench.sender),
    'the reply': JSON.stringify(reply ?? null),
    'a warning': JSON.stringify(bench.warnings),
  }
  const faults = /\$\{SECRET_\d+\}/.test(told) ? ['sender() shows a secret outside of an example'] : []
  for (const [place, text] of Object.entries(places))
    if (secrets.some(s => s && text.includes(JSON.stringify(s).slice(1, -1)))) faults.push(`a secret shows in ${place}`)
  return faults
}
