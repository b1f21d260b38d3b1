/** A case file to the cases in it: checked, with defaults filled in and every time and body worked out. */
import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { decode } from '../config/decode.ts'
import { type Node, positionOf, reach } from '../config/node.ts'
import { parse } from '../config/parse.ts'
import type { Path, Problems } from '../config/problem.ts'
import { readText } from '../config/source.ts'
import type { Case, Step } from './case.ts'
import { CaseFile, type RawCase, type RawFile, type RawStep } from './format.ts'
import { DEFAULT_NOW, MOMENT, parseMoment } from './moment.ts'

const MOST_BYTES = 100 * 1024 * 1024

/** The cases of a file; none when it has a problem that leaves nothing to run. */
export function readCaseFile(file: string, problems: Problems): Case[] {
  const read = readText(file)
  if ('fault' in read) {
    problems.error({ file, line: 1, column: 1 }, [], read.fault)
    return []
  }
  const root = parse(file, read.text, problems)
  if (root.kind !== 'map') {
    if (root.kind !== 'faulty') problems.error(root.at, [], 'expected a map with config: PATH and cases: […]')
    return []
  }
  const { value, faults } = decode(CaseFile, root)
  for (const { at, path, message } of faults) problems.error(at, path, message)
  if (faults.length > 0) return []
  return new Reader(file, root, problems).cases(value as RawFile)
}

/** Knows where everything stands. */
class Reader {
  readonly #file: string
  readonly #root: Node
  readonly #problems: Problems

  constructor(file: string, root: Node, problems: Problems) {
    this.#file = file
    this.#root = root
    this.#problems = problems
  }

  cases(raw: RawFile): Case[] {
    const now = this.#moment(raw.now, ['now']) ?? DEFAULT_NOW
    const env = this.#texts(raw.env, ['env'])
    const secrets = this.#lists(raw.secrets, ['secrets'])
    const config = resolve(dirname(this.#file), raw.config)
    return raw.cases.map((one, i): Case => {
      const path = ['cases', i]
      const skip = one.skip === true ? '' : one.skip
      return {
        name: one.name,
        config,
        at: positionOf(this.#root, path),
        env: { ...env, ...this.#texts(one.env, [...path, 'env']) },
        secrets: new Map([...secrets, ...this.#lists(one.secrets, [...path, 'secrets'])]),
        ...(typeof skip === 'string' && { skip }),
        only: one.only ?? false,
        steps: this.#steps(one, path, this.#moment(one.now, [...path, 'now']) ?? now),
      }
    })
  }

  #steps(one: RawCase, path: Path, now: number): Step[] {
    const { before = [], request, requests = [], expect } = one
    if (request && requests.length > 0) this.#error([...path, 'requests'], 'write request or requests, not both')
    if (!request && requests.length === 0) this.#error(path, 'has nothing to send: write request: { … } or requests: [ … ]')
    const steps: Step[] = []
    let last = now
    for (const [i, step] of before.entries()) {
      steps.push(this.#step(step, [...path, 'before', i], `before[${i}]`, now, last))
      last = (steps.at(-1) as Step).now
    }
    for (const [i, step] of requests.entries()) {
      const made = this.#step(step, [...path, 'requests', i], `requests[${i}]`, now, last)
      last = made.now
      if (i < requests.length - 1 || !expect) steps.push(made)
      else if (step.expect) this.#error([...path, 'expect'], 'the last request has an expect of its own: write one of the two')
      else steps.push({ ...made, expect })
    }
    // The case's own clock, wherever those before have moved it.
    if (request) steps.push({ ...this.#step(request, [...path, 'request'], '', now, now), expect: expect ?? {} })
    return steps
  }

  #step(raw: RawStep, path: Path, title: string, base: number, last: number): Step {
    if (raw.now !== undefined && raw.after !== undefined) this.#error([...path, 'after'], 'write now or after, not both')
    const now = this.#moment(raw.now, [...path, 'now']) ?? (raw.after === undefined ? last : base + raw.after)
    const method = (raw.method ?? 'POST').toUpperCase()
    const body = this.#body(raw, path)
    if (method === 'GET' || method === 'HEAD') {
      if (body) this.#error([...path, body.key], `a ${method} has no body: its parameters go into query`)
    }
    if (raw.path === undefined && raw.webhook === undefined) this.#error(path, 'needs a path, or the name of a webhook')
    const [own = '', inPath] = raw.path?.split(/\?(.*)/s) ?? []
    const query = [inPath, this.#query(raw, path)].filter(Boolean).join('&')
    return {
      title,
      at: positionOf(this.#root, path),
      now,
      times: raw.times ?? 1,
      ...(raw.webhook !== undefined && { webhook: raw.webhook }),
      method,
      ...(raw.path !== undefined && { path: own }),
      query,
      ...(raw.host !== undefined && { host: raw.host }),
      // What signing makes of the body decides, which may be a form.
      headers: this.#headers(raw, path, body?.key === 'json' && !raw.sign),
      ip: raw.ip ?? '192.0.2.1',
      https: raw.https ?? true,
      ...(body && { body: body.bytes }),
      ...this.#sign(raw, path, now),
      expect: raw.expect ?? {},
    }
  }

  #sign(raw: RawStep, path: Path, now: number): Pick<Step, 'sign'> {
    if (!raw.sign) {
      if (raw.privateKey !== undefined) this.#error([...path, 'privateKey'], 'signs nothing without sign: true')
      return {}
    }
    const at = raw.sign === true ? now : (this.#moment(raw.sign.at, [...path, 'sign', 'at']) ?? now)
    return { sign: { at, ...(raw.privateKey !== undefined && { privateKey: raw.privateKey }) } }
  }

  #body(raw: RawStep, path: Path): { key: string; bytes: Uint8Array } | undefined {
    const given = (['body', 'json', 'bodyBase64', 'bodyFile'] as const).filter(key => raw[key] !== undefined)
    const [key, second] = given
    if (second) this.#error([...path, second], `there is a ${key} already: write one of body, json, bodyBase64 and bodyFile`)
    if (!key) return undefined
    if (key === 'bodyFile') return { key, bytes: this.#content(raw.bodyFile as string, [...path, key]) }
    if (key === 'bodyBase64') {
      const text = (raw.bodyBase64 as string).replace(/\s+/g, '')
      const bytes = new Uint8Array(Buffer.from(text, 'base64'))
      if (Buffer.from(bytes).toString('base64').replace(/=+$/, '') !== text.replace(/=+$/, ''))
        this.#error([...path, key], 'is no base64: letters, digits, + and / alone, with = at the end')
      return { key, bytes }
    }
    return { key, bytes: new TextEncoder().encode(key === 'body' ? raw.body : JSON.stringify(raw.json)) }
  }

  #content(name: string, path: Path): Uint8Array {
    try {
      const file = resolve(dirname(this.#file), name)
      const found = statSync(file)
      if (!found.isFile() || found.size > MOST_BYTES) throw new Error('is no file, or larger than 100 MiB')
      return new Uint8Array(readFileSync(file))
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      this.#error(path, `the file ${name} cannot be read: ${code ?? message}`)
      return new Uint8Array()
    }
  }

  #headers(raw: RawStep, path: Path, isJson: boolean): [string, string][] {
    const headers: [string, string][] = []
    for (const [name, value] of Object.entries(raw.headers ?? {})) {
      const at = [...path, 'headers', name]
      const values = Array.isArray(value) ? value.map((_, i) => this.#text([...at, i])) : [this.#text(at)]
      for (const text of values) {
        if (fits(name, text)) headers.push([name.toLowerCase(), text])
        else this.#error(at, 'is no header: its name is letters, digits and -, its value one line of ISO-8859-1')
      }
    }
    const typed = headers.some(([name]) => name === 'content-type')
    return isJson && !typed ? [['content-type', 'application/json'], ...headers] : headers
  }

  #query({ query }: RawStep, path: Path): string {
    if (query === undefined) return ''
    if (typeof query === 'string') return query.replace(/^\?/, '')
    const all = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) {
      const at = [...path, 'query', name]
      if (Array.isArray(value)) for (const i of value.keys()) all.append(name, this.#text([...at, i]))
      else all.append(name, this.#text(at))
    }
    return all.toString()
  }

  #moment(written: string | number | undefined, path: Path): number | undefined {
    if (written === undefined) return undefined
    const time = parseMoment(written)
    if (time === undefined) this.#error(path, `is no time: write ${MOMENT}`)
    return time
  }

  #texts(map: Record<string, unknown> | undefined, path: Path): Record<string, string> {
    return Object.fromEntries(Object.keys(map ?? {}).map(name => [name, this.#text([...path, name])]))
  }

  #lists(map: Record<string, unknown> | undefined, path: Path): Map<string, string[]> {
    const listed = Object.entries(map ?? {}).map(([name, value]): [string, string[]] => {
      const at = [...path, name]
      return [name, Array.isArray(value) ? value.map((_, i) => this.#text([...at, i])) : [this.#text(at)]]
    })
    return new Map(listed)
  }

  /** As the file writes it: `0123` and `1e3` are no numbers here. */
  #text(path: Path): string {
    const { node } = reach(this.#root, path)
    if (node.kind !== 'scalar') return ''
    return typeof node.value === 'string' ? node.value : node.text
  }

  #error(path: Path, message: string): void {
    this.#problems.error(positionOf(this.#root, path), path, message)
  }
}

function fits(name: string, value: string): boolean {
  try {
    new Headers([[name, value]])
    return !/[\r\n\0]/.test(value)
  } catch {
    return false
  }
}
