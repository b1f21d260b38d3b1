/** Why a credential that stands in a request as it is, a key or a shared secret, was not the right one. */
import { createHash, timingSafeEqual } from 'node:crypto'

/** A `Finding` of the contract, which stands on this floor, too. */
type Finding = { code: string; message: string; cure: string }

/** Where a credential belongs, and what was found of it. */
export interface Offered {
  /** Those that are let in, the empty ones left out. */
  accepted: readonly string[]
  /** In the sender's words: `the header Authorization`, `the query parameter key`. */
  place: string
  /** What stands there, undefined when nothing does. */
  value: string | undefined
  /** What must stand before it, `Bearer ` say. */
  prefix?: string
  /** Where else to look when it is not there. */
  headers?: Headers
  query?: URLSearchParams
}

const digest = (text: string) => createHash('sha256').update(text).digest()
const WORD = /^([A-Za-z][\w-]*)\s+(\S.*)$/s
const PLACEHOLDER = /^(?:\$\{?\w+\}?|<[^<>]*>|\{\{[^{}]*\}\}|%\w+%|undefined|null|(?:your|my)[-_ ].*)$/i
/** Of a value that is longer only the beginning is looked at: no credential is. */
const LONGEST = 4096

/** What would have let it in; the first is the likeliest. No sentence holds the credential or what was sent. */
export function credentialFindings({ accepted, place, value, prefix = '', headers, query }: Offered): Finding[] {
  const known = accepted.map(text => digest(text))
  const right = (text: string | undefined) => text !== undefined && text !== '' && known.some(sum => timingSafeEqual(sum, digest(text)))
  const word = prefix.trim()
  const whole = word ? `\`${word} \` and then the credential` : 'the credential and nothing else'

  if (!value) {
    const elsewhere = [
      ...[...(headers ?? [])].filter(([, text]) => readings(text).some(([text]) => right(text))).map(([name]) => `the header ${name}`),
      ...[...(query ?? [])].filter(([, text]) => right(text)).map(([name]) => `the query parameter ${name}`),
    ]
    const [found] = elsewhere
    if (found)
      return [
        {
          code: 'credential-elsewhere',
          message: `The credential is right, but stands in ${found}.`,
          cure: `Send it in ${place}: ${whole}.`,
        },
      ]
    const message = value === undefined ? `There is nothing in ${place}.` : `${capital(place)} is empty.`
    return [{ code: 'credential-missing', message, cure: `Send ${whole} in ${place}; a proxy on the way may have taken it out.` }]
  }

  const text = value.slice(0, LONGEST)
  const bare = prefix && text.toLowerCase().startsWith(prefix.toLowerCase()) ? text.slice(prefix.length) : text
  const findings: Finding[] = []
  const add = (code: string, message: string, cure: string) => void findings.push({ code, message, cure })
  if (word && bare === text && right(text.trim()))
    add('prefix-missing', `The credential is right, but \`${word} \` does not stand before it.`, `Send ${whole} in ${place}.`)
  if (prefix && bare !== text && !text.startsWith(prefix) && right(bare))
    add('prefix-case', `The credential is right, but \`${word}\` is written in other letters.`, `Write \`${word}\` exactly so.`)
  for (const source of [bare, text])
    for (const [reading, code, what] of readings(source)) {
      if (!code || reading === source || findings.length > 0 || !right(reading)) continue
      add(code, `The credential is right once ${what}.`, `Send ${whole} in ${place}.`)
    }
  if (findings.length === 0 && accepted.some(text => text.trim() !== text && text.trim() === bare.trim()))
    add(
      'configured-with-whitespace',
      'What the configuration has ends or begins with whitespace; without it, it is what was sent.',
      'Store it without the line break: printf %s instead of echo.',
    )
  if (findings.length === 0 && accepted.some(text => text.toLowerCase() === bare.trim().toLowerCase()))
    add('letter-case', 'The credential differs from the right one in upper and lower case alone.', 'Copy it again, and change no letter.')
  if (findings.length === 0 && PLACEHOLDER.test(bare.trim()))
    add(
      'placeholder-sent',
      'What was sent looks like a placeholder, not like a credential.',
      "Set the variable in the sender's environment, or put the credential in the place of the sample's.",
    )
  if (
    findings.length === 0 &&
    accepted.some(text => bare.trim().length >= 6 && (text.startsWith(bare.trim()) || bare.trim().startsWith(text)))
  )
    add('cut-or-doubled', 'What was sent is a part of the right credential, or has more after it.', 'Copy the whole of it, once.')
  return findings
}

/** Ways to read what was sent, each with its code; the first is as it came. */
function readings(text: string): [text: string | undefined, code?: string, what?: string][] {
  const trimmed = text.trim()
  const [, , afterWord] = WORD.exec(trimmed) ?? []
  const unquoted = /^(["'`])(.*)\1$/s.exec(trimmed)?.[2]
  const [, , , twice] = /^([A-Za-z][\w-]*)\s+(([\s\S]*))$/.exec(afterWord ?? '') ?? []
  return [
    [text],
    [trimmed, 'surrounding-whitespace', 'the whitespace around it is taken away'],
    [unquoted, 'quoted', 'the quotes around it are taken away'],
    [unquoted?.trim(), 'quoted', 'the quotes and the whitespace around it are taken away'],
    [trimmed.replace(/\\[nrt]$/, ''), 'surrounding-whitespace', 'the written-out line break at its end is taken away'],
    [afterWord, 'another-prefix', 'the word before it is taken away'],
    [twice, 'another-prefix', 'the words before it are taken away'],
    [percentDecoded(trimmed), 'percent-encoded', 'it is percent-decoded'],
    ...decodedPair(afterWord ?? trimmed),
  ]
}

function percentDecoded(text: string): string | undefined {
  try {
    return text.includes('%') ? decodeURIComponent(text) : undefined
  } catch {
    return undefined
  }
}

/** Base64 of the credential, or of `user:credential` as Basic has it. */
function decodedPair(text: string): [string | undefined, string, string][] {
  if (!/^[A-Za-z0-9+/_-]{8,}={0,2}$/.test(text)) return []
  const plain = Buffer.from(text, 'base64').toString()
  const parts = [plain, plain.trimEnd(), ...plain.split(':')]
  return parts.map((part): [string, string, string] => [part, 'base64-of-it', 'its base64 is decoded'])
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

/** The hint for a credential that anybody on the way could read; none where senders come over HTTPS, or nobody says where they come. */
export function plainHttp(
  { https, publicUrl }: { https: boolean; publicUrl: string | undefined },
  what: string,
): { rule: string; path: string; message: string }[] {
  if (https || publicUrl === undefined) return []
  const message = `senders call over plain HTTP, where whoever is on the way reads ${what}: serve HTTPS, and begin \`server.publicUrl\` with https://`
  return [{ rule: 'plain-http', path: '', message }]
}
