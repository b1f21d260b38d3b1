/** How a secret may stand in a text that others have written. */

/** A line of a key, say: long enough to be a secret by itself. */
const SHORTEST_PART = 12

/**
 * A secret as it may stand in a text: plain, in JSON of several writers and in JSON within JSON, percent-encoded in a URL or a form, the
 * words of it in a header, in hex, and in base64, also as a part of what was encoded, such as `user:password`.
 */
export function spellings(value: string): string[] {
  // Most secrets are of letters that nobody escapes.
  if (/^[\w.~-]+$/.test(value)) return [...new Set([value, ...encodings(Buffer.from(value))])]
  const json = inJson(value)
  const ascii = json.replace(/[^\x20-\x7e]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const url = encodeURIComponent(value.toWellFormed())
  const parts = value.split(/[^!-~]+/).filter(part => part.length >= SHORTEST_PART)
  const written = [json, ascii, json.replaceAll('/', '\\/'), ascii.replaceAll('/', '\\/')].flatMap(nested)
  const bytes = [Buffer.from(value)]
  // `btoa` and older senders.
  if (/[\x80-\xff]/.test(value) && !/[^\0-\xff]/.test(value)) bytes.push(Buffer.from(value, 'latin1'))
  const encoded = bytes.flatMap(encodings)
  return [...new Set([...parts, value, ...written, url, lowerPercent(url), url.replaceAll('%20', '+'), ...encoded])]
}

const inJson = (text: string) => JSON.stringify(text).slice(1, -1)

/** What a receiver sends as JSON that holds JSON stands in an error, and that in a line of the log. */
const DEEPEST = 3

function nested(text: string): string[] {
  const all = [text]
  for (let i = 0; i < DEEPEST; i++) all.push(inJson(all.at(-1) as string))
  return all
}

/** Where the bytes begin within a group of base64: characters that hold others too. */
const MIXED = [0, 2, 3]

function encodings(bytes: Buffer): string[] {
  const hex = bytes.toString('hex')
  const whole = bytes.toString('base64')
  const inside = MIXED.map((from, before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    return text.slice(from, Math.floor(((before + bytes.length) * 8) / 6))
  })
  const base64 = [whole, whole.replace(/=+$/, ''), ...inside]
  const ofUrls = base64.map(text => text.replaceAll('+', '-').replaceAll('/', '_'))
  const escaped = base64.map(encodeURIComponent)
  return [
    hex,
    hex.toUpperCase(),
    ...base64,
    ...ofUrls,
    ...escaped,
    ...escaped.map(lowerPercent),
    ...base64.map(text => text.replaceAll('/', '\\/')),
  ]
}

const lowerPercent = (text: string) => text.replace(/%[0-9A-F]{2}/g, c => c.toLowerCase())
