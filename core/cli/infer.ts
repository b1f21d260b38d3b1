/** `postern infer`: a schema, a mapping and the YAML to paste, from captured requests or from files; and drift from a schema. */
import { statSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import process from 'node:process'
import { parse } from 'yaml'
import { NAME } from '../config/section.ts'
import { faultOfSchema } from '../infer/against.ts'
import type { Drift } from '../infer/drift.ts'
import { samplesOf } from '../infer/files.ts'
import { infer as fromSamples, type Inferred, type Taken } from '../infer/infer.ts'
import type { Presets } from '../infer/provider.ts'
import { printable } from '../printable.ts'
import { type ClientOptions, openClient } from './adminClient.ts'
import { countOption } from './filter.ts'
import { CommandFailure, EXIT, type Print } from './open.ts'
import { table } from './table.ts'
import { wholeFile } from './wholeFile.ts'

export interface InferCommand extends ClientOptions {
  /** The name of a webhook, or files. */
  words: readonly string[]
  last?: string
  /** Where the YAML, or the schema, goes. */
  out?: string
  /** File with the schema to compare with. */
  against?: string
  /** Name of the new webhook. */
  name?: string
  listAs?: string
  schemaOnly: boolean
  /** Drift ends with 1. */
  check: boolean
  json: boolean
  presets: Presets
}

/** Bytes of one file. */
const LARGEST = 67_108_864

export async function infer(options: InferCommand, out: Print): Promise<number> {
  const { words, check, json, schemaOnly } = options
  const last = countOption('last', options.last, 1000)
  const against = options.against === undefined ? undefined : readSchema(options.against)
  if (options.name !== undefined && !new RegExp(NAME).test(options.name))
    throw new CommandFailure(EXIT.usage, '--name takes letters, digits, _, . and -, at most 100, the first a letter or a digit')
  const [word = ''] = words
  const fromGateway = words.length === 1 && !/[./\\]/.test(word) && !isReadable(word)
  const said = (line: string) => process.stderr.write(`${line}\n`)
  const found = fromGateway ? await ofWebhook(word, { ...options, last, against }) : await ofFiles(options, against, said)
  const { samples, schema, drift, undrifted, yaml, provider } = found
  if (samples.used === 0)
    throw new CommandFailure(
      EXIT.failure,
      `no sample could be used${reasons(samples) || `: ${fromGateway ? 'nothing is captured yet' : `there is nothing in ${words.map(printable).join(', ')}`}`}`,
    )
  if (check && undrifted !== undefined)
    throw new CommandFailure(EXIT.usage, `nothing to compare with: ${undrifted}; name a schema by --against`)
  const made = schemaOnly ? `${JSON.stringify({ $schema: DRAFT, ...schema }, null, 2)}\n` : yaml
  if (options.out !== undefined) write(options.out, made)
  if (json) out(JSON.stringify({ data: schemaOnly ? { samples, schema } : found }))
  else {
    said(`${samples.used} ${samples.used === 1 ? 'sample' : 'samples'}${reasons(samples)}`)
    if (provider) said(`the headers look like the preset ${provider.preset}`)
    const compared = check || options.against !== undefined
    const report = undrifted === undefined ? driftLines(drift) : []
    for (const line of report) compared ? out(line) : said(line)
    if (options.out !== undefined) said(`${options.out} is written`)
    else if (!compared || schemaOnly) out(made.trimEnd())
  }
  return check && drift.length > 0 ? EXIT.failure : EXIT.good
}

const DRAFT = 'https://json-schema.org/draft/2020-12/schema'

async function ofWebhook(
  name: string,
  {
    last,
    against,
    ...options
  }: Omit<InferCommand, 'last' | 'against'> & { last: number | undefined; against: Record<string, unknown> | undefined },
): Promise<Inferred> {
  const client = await openClient(options)
  const body = { ...(last !== undefined && { last }), ...(against && { against }) }
  const { data } = await client.post<{ data: Inferred }>(`/webhooks/${encodeURIComponent(name)}/infer`, body)
  return data
}

async function ofFiles(options: InferCommand, against: Record<string, unknown> | undefined, said: Print): Promise<Inferred> {
  const { words, listAs, presets } = options
  const files = words.map(file => {
    const read = samplesOf(readFile(file), file, listAs)
    if (!options.json) said(`${printable(file)}: ${read.as}`)
    return read
  })
  const last = countOption('last', options.last, 1000)
  const all: Taken[] = files.flatMap(({ samples }) => samples)
  return fromSamples(last === undefined ? all : all.slice(-last), { name: options.name ?? nameOf(words[0]!), presets, against, listAs })
}

/** A file, or what a shell puts in the place of one; a folder may have the name of a webhook. */
function isReadable(word: string): boolean {
  try {
    return !statSync(word).isDirectory()
  } catch {
    return false
  }
}

const readFile = (file: string) =>
  wholeFile(file, LARGEST, { none: ': name files of payloads, or one webhook of a running gateway' }).toString()

function readSchema(file: string): Record<string, unknown> {
  const text = readFile(file)
  let schema: unknown
  try {
    schema = parse(text)
  } catch {
    throw new CommandFailure(EXIT.usage, `${file} is neither JSON nor YAML`)
  }
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema))
    throw new CommandFailure(EXIT.usage, `${file} holds no JSON Schema`)
  const fault = faultOfSchema(schema as Record<string, unknown>)
  if (fault) throw new CommandFailure(EXIT.usage, `${file} is no good JSON Schema: ${fault}`)
  return schema as Record<string, unknown>
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' })
  } catch (error) {
    const exists = (error as { code?: string }).code === 'EEXIST'
    throw new CommandFailure(
      EXIT.failure,
      exists ? `${file} is there already: remove it, or write to another` : `${file} cannot be written`,
    )
  }
}

/** `orders.2026.json` is of `orders`. */
function nameOf(file: string): string {
  const name = (basename(file).split('.')[0] ?? '')
    .replace(/([a-z\d])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
  return name.slice(0, 100) || 'webhook'
}

function reasons({ skipped, reasons }: Inferred['samples']): string {
  return skipped === 0 ? '' : `; skipped ${skipped}: ${reasons.map(({ reason, count }) => `${count} ${printable(reason)}`).join(', ')}`
}

function driftLines(drift: readonly Drift[]): string[] {
  if (drift.length === 0) return ['no drift: the samples are what the schema says']
  const rows = drift.map(({ kind, path, message, samples, of, first_seen }) => [kind, path, message, `${samples} of ${of}`, first_seen])
  return table(['DRIFT', 'PATH', 'WHAT', 'SAMPLES', 'FIRST SEEN'], rows)
}
