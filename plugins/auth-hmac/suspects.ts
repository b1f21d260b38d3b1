/** What senders get wrong: other keys and other messages than those of the scheme, each with what to say of it. The likeliest come first. */
import type { Exchange, Finding } from '#core/plugin.ts'
import { keyBytes } from './key.ts'
import { rewritings } from './rewrite.ts'
import { type Scheme, tokensOf } from './scheme.ts'
import { place } from './source.ts'
import { urlOf } from './template.ts'

export interface SuspectKey {
  bytes: Buffer
  wrong?: Finding
}

const TO_TEXT = 'Take the text of the secret as it is, byte for byte, for the key.'

/** Other keys that a sender may have made of a secret. */
export function suspectKeys(text: string, { secret }: Scheme): SuspectKey[] {
  const { encoding, stripPrefix } = secret
  const cut = text.replace(/^[a-z]{2,6}_/, '')
  const decoding = `Decode the secret as ${encoding}${stripPrefix ? `, without its ${stripPrefix}` : ''}; the key is the bytes.`
  const keys: SuspectKey[] = []
  const add = (bytes: Buffer | string, code: string, message: string, cure: string) => {
    keys.push({ bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes, wrong: { code, message, cure } })
  }
  if (encoding !== 'utf8') {
    const kept = 'The sender signs with the text of the secret, where it is to be decoded first.'
    add(text, 'secret-not-decoded', kept, decoding)
    if (cut !== text) add(cut, 'secret-not-decoded', kept, decoding)
    if (cut !== text) add(Buffer.from(text, encoding), 'secret-prefix-kept', 'The sender decodes the secret with its prefix.', decoding)
  } else {
    if (cut !== text) add(cut, 'secret-prefix-cut', 'The sender signs with the secret without its prefix.', TO_TEXT)
    for (const form of ['base64', 'hex'] as const)
      for (const part of new Set([text, cut])) {
        const bytes = keyBytes(part, { encoding: form, stripPrefix: '' })
        if (bytes) add(bytes, 'secret-decoded', `The sender decodes the secret as ${form}, where its text is the key.`, TO_TEXT)
      }
    if (stripPrefix) add(text, 'secret-prefix-kept', 'The sender signs with the prefix of the secret.', `Cut ${stripPrefix} from it.`)
  }
  for (const end of ['\n', '\r\n', ' '])
    add(
      encoding === 'utf8' ? text + end : Buffer.concat([keyBytes(text, secret) ?? Buffer.from(text), Buffer.from(end)]),
      'secret-newline',
      "The sender's secret ends with a line break or a space.",
      'Store it there without: printf %s instead of echo, and trim what is read from a file.',
    )
  const tidy = text.trim().replace(/^(["'])(.*)\1$/s, '$2')
  const tidied = tidy === text ? undefined : keyBytes(tidy, secret)
  if (tidied)
    add(
      tidied,
      'configured-secret-untidy',
      'What the configuration has stands in quotes, or ends with whitespace; the sender signs without.',
      'Store it without the quotes and the line break: printf %s instead of echo.',
    )
  for (const quote of ['"', "'"])
    add(quote + text + quote, 'secret-quoted', 'The sender signs with quotes around the secret.', 'Take the quotes out of its setting.')
  for (const nothing of ['', 'undefined', 'null', 'None'])
    add(nothing, 'secret-unset', 'The sender has no secret: its setting is empty.', "Set the variable in the sender's environment.")
  return keys
}

/** What may have been signed instead; what is left out is as the scheme and the request have it. */
export interface SuspectMessage {
  signed?: string
  body?: Uint8Array
  url?: string
  timestamp?: string
  /** The method in small letters. */
  method?: string
  wrong?: Finding
}

const SAME_BYTES = 'Sign the very bytes that are sent: serialise once, sign the result, and send that.'

/** The body as it may have been when it was signed. */
export function* suspectBodies(x: Exchange): Generator<SuspectMessage> {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(x.raw)
  const other = (body: string | Uint8Array, code: string, message: string, cure = SAME_BYTES): SuspectMessage => ({
    body: typeof body === 'string' ? Buffer.from(body) : body,
    wrong: { code, message, cure },
  })
  for (const { style, text: written } of rewritings(text))
    yield other(written, 'json-reserialised', `The JSON was signed in another writing than it was sent in: ${style}.`)
  if (text)
    yield other(
      '',
      'empty-body-signed',
      'The signature is over an empty body.',
      'Sign the body; see that it was not read, or streamed, before.',
    )
  for (const end of ['\n', '\r\n'])
    yield other(text + end, 'body-newline', 'A line break at the end of the body was signed and not sent.', SAME_BYTES)
  if (text.trim() !== text) yield other(text.trim(), 'body-newline', 'Whitespace around the body was sent and not signed.')
  if (text.includes('\r\n')) yield other(text.replaceAll('\r\n', '\n'), 'line-ends', 'Line ends were changed after signing.')
  else if (text.includes('\n')) yield other(text.replaceAll('\n', '\r\n'), 'line-ends', 'Line ends were changed after signing.')
  if (/[\u0080-\u00ff]/.test(text))
    yield other(Buffer.from(text, 'latin1'), 'latin1', 'The body was signed as Latin-1 and sent as UTF-8.', 'Sign the UTF-8 bytes.')
  yield other('[object Object]', 'object-signed', 'The signature is over the text [object Object], not over the body.')
  yield other(JSON.stringify(text), 'json-of-json', 'The body was written as JSON once more before it was signed.')
}

const SEPARATORS = ['.', ':', '', '|', '\n', '-', ',', ' ', '\n\n']

/** The parts that may have been signed, and in which order. */
export function* suspectShapes(scheme: Scheme, x: Exchange): Generator<SuspectMessage> {
  const { signed } = scheme
  const tokens = tokensOf(scheme)
  const cure = `Sign exactly \`${signed}\`.`
  const shape = (other: string, code: string, message: string): SuspectMessage => ({ signed: other, wrong: { code, message, cure } })
  const time = scheme.timestamp?.from
  if (tokens.includes('timestamp') && tokens.includes('body')) {
    yield shape('{body}', 'timestamp-not-signed', 'The signature is over the body alone, without the timestamp.')
    for (const by of SEPARATORS) {
      const plain = tokens.length === 2 ? 'another-separator' : 'part-not-signed'
      yield shape(`{timestamp}${by}{body}`, plain, `The signature is over timestamp and body with ${shown(by)} between, and nothing else.`)
      yield shape(`{body}${by}{timestamp}`, 'another-order', `The body was signed first, then ${shown(by)} and the timestamp.`)
    }
    for (const by of SEPARATORS)
      if (tokens.length > 2)
        yield shape(tokens.map(t => `{${t}}`).join(by), 'another-separator', `The parts were signed with ${shown(by)} between them.`)
    if (tokens.length === 3) {
      const [id] = tokens.filter(token => token !== 'timestamp' && token !== 'body')
      yield shape(`{${id}}.{body}`, 'timestamp-not-signed', 'The timestamp is not part of what was signed.')
      yield shape(`{timestamp}.{${id}}.{body}`, 'another-order', 'The timestamp was signed before the id.')
    }
  }
  if (!tokens.includes('timestamp') && tokens.includes('body')) {
    const headers = [...x.headers.keys()].filter(name => /time/i.test(name) && place(`header:${name}`)).slice(0, 3)
    const places = [...headers.map(name => `header:${name}`), ...(time && !headers.includes(time.slice(7)) ? [time] : [])]
    for (const from of places)
      for (const by of ['.', ':', ''])
        for (const parts of [`{${from}}${by}{body}`, `{body}${by}{${from}}`])
          yield shape(parts, 'timestamp-signed', `A timestamp was signed with the body, with ${shown(by)} between.`)
  }
  if (tokens.includes('url')) yield shape('{body}', 'url-not-signed', 'The signature is over the body alone, without the URL.')
  else yield shape('{url}{body}', 'url-signed', 'The URL was signed before the body.')
  if (tokens.length > 1 && tokens.includes('body') && !tokens.includes('url') && !tokens.includes('timestamp'))
    yield shape('{body}', 'part-not-signed', 'The signature is over the body alone.')
  if (!tokens.includes('body')) yield shape('{body}', 'body-signed', 'The signature is over the body.')
}

const shown = (separator: string) =>
  separator === '' ? 'nothing' : separator.trim() ? `\`${separator}\`` : separator === ' ' ? 'a space' : 'a line break'

/** Another writing of the time than the one that was sent. */
export function* suspectTimes({ timestamp }: Scheme, time: string | undefined, signs: boolean): Generator<SuspectMessage> {
  if (!timestamp || !time || !signs) return
  const wrong = (what: string): Finding => ({
    code: 'another-timestamp-signed',
    message: `The timestamp that was signed is not the one that was sent: it is the same time ${what}.`,
    cure: 'Make the text of the timestamp once, sign it, and send that very text.',
  })
  if (/^\d{9,14}(?:\.\d+)?$/.test(time)) {
    const count = Number(time)
    const ms = count > 1e11 ? count : count * 1000
    if (count > 1e11) yield { timestamp: String(Math.floor(count / 1000)), wrong: wrong('in seconds') }
    else yield { timestamp: String(ms), wrong: wrong('in milliseconds') }
    yield { timestamp: new Date(ms).toISOString(), wrong: wrong('as RFC 3339') }
    yield { timestamp: new Date(ms).toISOString().replace('.000', ''), wrong: wrong('as RFC 3339') }
    return
  }
  const ms = Date.parse(time)
  if (Number.isNaN(ms)) return
  yield { timestamp: String(Math.floor(ms / 1000)), wrong: wrong('in seconds since 1970') }
  yield { timestamp: String(ms), wrong: wrong('in milliseconds since 1970') }
}

/** Other URLs, for schemes that sign it. */
export function* suspectUrls(scheme: Scheme, x: Exchange, publicUrl: string | undefined): Generator<SuspectMessage> {
  const tokens = tokensOf(scheme)
  if (tokens.includes('method'))
    yield {
      method: x.method.toLowerCase(),
      wrong: { code: 'method-case', message: 'The method was signed in small letters.', cure: `Sign ${x.method}.` },
    }
  if (!tokens.includes('url') || !publicUrl) return
  const url = urlOf(x, publicUrl)
  const path = x.path
  const query = x.search && `?${x.search}`
  const other = (text: string, code: string, message: string, cure: string): SuspectMessage => ({
    url: text,
    wrong: { code, message, cure },
  })
  const registered = 'Register the URL with the sender exactly as it is called, or sign the one that is called.'
  if (query) yield other(publicUrl + path, 'url-without-query', 'The URL was signed without its query.', 'Sign the URL with its query.')
  const slashed = path.endsWith('/') ? path.replace(/\/+$/, '') : `${path}/`
  for (const rest of new Set([query, '']))
    yield other(
      publicUrl + slashed + rest,
      'url-slash',
      'The URL was signed with a slash at its end that is not called, or without the one that is.',
      registered,
    )
  const swapped = url.startsWith('https:') ? url.replace('https:', 'http:') : url.replace('http:', 'https:')
  yield other(
    swapped,
    'url-scheme',
    'The URL was signed with the other of http and https.',
    'Sign the scheme of server.publicUrl, or correct that.',
  )
  const hosts = [x.headers.get('host'), ...(x.headers.get('x-forwarded-host') ?? '').split(',')].map(host => host?.trim()).filter(Boolean)
  const differs = 'The URL was signed with another host than that of server.publicUrl: the one that was called.'
  for (const host of hosts.slice(0, 3))
    for (const protocol of ['https', 'http'])
      yield other(`${protocol}://${host}${path}${query}`, 'url-host', differs, 'Set server.publicUrl to what the sender calls.')
  yield other(path + query, 'url-path-only', 'The path was signed in the place of the whole URL.', 'Sign the URL with scheme and host.')
  if (query)
    yield other(path, 'url-path-only', 'The path was signed in the place of the whole URL.', 'Sign the URL with scheme, host and query.')
  const port = URL.parse(publicUrl)?.port
  if (!port)
    yield other(
      url.replace(/^(https?):\/\/([^/]+)/, (_, p, h) => `${p}://${h}:${p === 'https' ? 443 : 80}`),
      'url-port',
      'The URL was signed with its port.',
      registered,
    )
  else yield other(url.replace(`:${port}/`, '/'), 'url-port', 'The URL was signed without its port.', registered)
}
