/** A provider that signs as its preset says: written from the words of the data alone, and of nothing that verifies. */
import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { presets } from '../../plugins/auth-hmac/presets/index.ts'

/** Seconds since 1970. */
export const NOW = 1_768_478_400
export const ORIGIN = 'https://gw.example.com'
const PATH = '/webhooks/test'

interface Wanted {
  /** Which of its two keys signs. */
  by?: 0 | 1
  time?: number
  /** Fills the document up, for a body of a size. */
  note?: string
}

/** Tokens of a template, without braces. */
const tokens = (template: string) => [...template.matchAll(/\{([^}]*)\}/g)].map(m => m[1] as string)
const after = (text: string | undefined, kind: string) => (text?.startsWith(`${kind}:`) ? text.slice(kind.length + 1) : undefined)

/** Puts a value at `a.b` or `[].a` or `a[].b` of a document, and gives the document. */
function put(document: any, path: string, value: unknown): any {
  const m = /^([^.[]*)((?:\[\])?)\.?(.*)$/s.exec(path)!
  const [, key, list, rest] = m
  if (key === '' && list) {
    const inner = Array.isArray(document) ? document[0] : document
    return [rest ? put(inner, rest, value) : value]
  }
  const below = document[key!]
  const inner = list ? [rest ? put(below?.[0] ?? {}, rest, value) : value] : rest ? put(below ?? {}, rest, value) : value
  return { ...document, [key!]: inner }
}

/** What a preset's provider would send, and what is in its settings. */
export function provider(name: string) {
  const preset = presets.get(name)!
  const { kind = 'hmac', algorithm = 'sha256', encoding = 'hex', signature, timestamp, id, signed = '{body}' } = preset
  const keys = ['first-signing-key-of-the-test', 'other-signing-key-of-the-test'].map(text => keyOf(text))
  const isStatic = kind === 'static'
  const place = isStatic ? preset.from! : [signature!.from!].flat()[0]!.replace('{1..100}', '1')
  const parts = isStatic ? [] : tokens(signed)
  const stamp = (time: number) =>
    ({ unix: String(time), unix_ms: String(time * 1000), rfc3339: new Date(time * 1000).toISOString() })[timestamp?.format ?? 'unix']

  function keyOf(text: string): { secret: string; sign(message: string): string } {
    if (kind === 'static') return { secret: text, sign: () => text }
    const { encoding: written = 'utf8', stripPrefix = '' } = preset.secret ?? {}
    if (kind === 'hmac') {
      const sign = (message: string) => createHmac(algorithm, text).update(message).digest(encoding)
      return { secret: stripPrefix + Buffer.from(text).toString(written), sign }
    }
    const pair = kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const spki = pair.publicKey.export({ format: 'der', type: 'spki' })
    const bytes = kind === 'ed25519' ? spki.subarray(-32) : spki
    const hash = kind === 'ed25519' ? null : 'sha256'
    return {
      secret: stripPrefix + bytes.toString(written),
      sign: message => sign(hash, Buffer.from(message), pair.privateKey).toString(encoding),
    }
  }

  /** The value of the signature header for any signatures at all. */
  function header(signatures: readonly string[], time = NOW): string {
    const { kv, key, list = ',', prefix = '' } = isStatic ? { prefix: preset.prefix ?? '' } : (signature as Record<string, string>)
    const pair = after(timestamp?.from, 'sig')
    return [...(pair ? [`${pair}${kv}${stamp(time)}`] : []), ...signatures.map(s => (kv ? `${key}${kv}${s}` : prefix + s))].join(list)
  }

  function request({ by = 0, time = NOW, note }: Wanted = {}) {
    const headers: Record<string, string> = { 'content-type': 'application/json', ...preset.require }
    let document: any = { hello: 'world', ...(note !== undefined && { note }) }
    const set = (source: string, value: string) => {
      const [path, field] = [after(source, 'header'), after(source, 'json')]
      if (path !== undefined) headers[path] = value
      if (field !== undefined) document = put(document, field, value)
    }
    if (id) set(id, 'id-of-the-delivery')
    for (const token of parts) set(token, `a-${token.replace(/\W/g, '-')}`)
    if (timestamp) set(timestamp.from!, stamp(time))
    const bodyOf = () => {
      const json = JSON.stringify(document)
      if (preset.jsonFormField === undefined) return json
      headers['content-type'] = 'application/x-www-form-urlencoded'
      return new URLSearchParams({ [preset.jsonFormField]: json }).toString()
    }
    const value: Record<string, string> = { body: bodyOf(), timestamp: stamp(time), method: 'POST', url: `${ORIGIN}${PATH}?a=1` }
    const message = signed.replace(/\{([^}]*)\}/g, (_, token: string) => {
      const field = after(token, 'json')
      const name = after(token, 'header')
      return field !== undefined
        ? field.split('.').reduce((at, key) => at[key], document)
        : name !== undefined
          ? headers[name]
          : value[token]!
    })
    const made = keys[by]!.sign(message)
    set(place, header([made], time))
    return { method: 'POST', path: PATH, query: 'a=1', headers, body: bodyOf(), signature: made }
  }

  return {
    name,
    kind,
    encoding,
    id,
    list: signature?.list,
    /** Where the signature, or the secret, is. */
    place,
    parts,
    timestamp: timestamp && { ...timestamp, tolerance: timestamp.tolerance ?? 300_000 },
    signsBody: parts.includes('body'),
    secrets: keys.map(key => key.secret),
    settings: { preset: name, secrets: [keys[0]!.secret] },
    request,
    header,
  }
}
