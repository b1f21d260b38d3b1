/** Looks for secrets in whatever a gateway has said, written and stored, in every form in which they may stand there. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes: a shorter form would be found by chance. */
const SHORTEST = 8
/** Characters of a secret that are looked for by themselves: what was cut off is no less a leak. */
const PART = 20

/** A secret as it is, as JSON, URLs, forms, base64 (also within something longer) and hex write it, and a long part of each. */
export function formsOf(secret: string): Buffer[] {
  const json = JSON.stringify(secret).slice(1, -1)
  const url = encodeURIComponent(secret)
  const part = secret.slice(0, 36).slice(-PART)
  const texts = [secret, json, JSON.stringify(json).slice(1, -1), json.replaceAll('/', '\\/'), url, url.replaceAll('%20', '+')]
  const bytes = [secret, part].map(text => Buffer.from(text))
  const hex = bytes.map(all => all.toString('hex'))
  const base64 = bytes.flatMap(all => ['', '.', '..'].map(before => inside(before, all)))
  const all = [part, ...texts, ...hex, ...hex.map(text => text.toUpperCase()), ...base64, ...base64.map(ofUrls)]
  return [...new Set(all)].map(text => Buffer.from(text)).filter(form => form.length >= SHORTEST)
}

/** The characters of base64 that hold nothing but these bytes, with others before and behind. */
function inside(before: string, bytes: Buffer): string {
  const text = Buffer.concat([Buffer.from(before), bytes]).toString('base64')
  return text.slice(Math.ceil((before.length * 8) / 6), Math.floor(((before.length + bytes.length) * 8) / 6))
}

const ofUrls = (text: string) => text.replaceAll('+', '-').replaceAll('/', '_')

/** Which secrets stand in which places: `NAME place` for each. A mark for every three bytes makes one pass over the bytes enough. */
export function found(secrets: Readonly<Record<string, string>>, places: Readonly<Record<string, string | Buffer>>): string[] {
  const marks = new Uint8Array(2 ** 24)
  const begins = new Map<string, { name: string; form: Buffer }[]>()
  for (const [name, secret] of Object.entries(secrets))
    for (const form of formsOf(secret)) {
      marks[markOf(form, 0)] = 1
      const begin = form.toString('latin1', 0, SHORTEST)
      begins.set(begin, [...(begins.get(begin) ?? []), { name, form }])
    }
  const all = new Set<string>()
  for (const [place, content] of Object.entries(places)) {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    for (let at = 0; at + SHORTEST <= bytes.length; at++) {
      if (marks[markOf(bytes, at)] === 0) continue
      for (const { name, form } of begins.get(bytes.toString('latin1', at, at + SHORTEST)) ?? [])
        if (bytes.subarray(at, at + form.length).equals(form)) all.add(`${name} ${place}`)
    }
  }
  return [...all].sort()
}

const markOf = (bytes: Buffer, at: number) => ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)

/** Every file below a folder, with its name, which may tell as much as its content. */
export function filesOf(folder: string): Record<string, Buffer> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name)
      return [path, Buffer.concat([Buffer.from(path), readFileSync(path)])]
    }),
  )
}
