/** Everything that is like a good credential and is none. */
import { createHash, createHmac } from 'node:crypto'
import { secrets, signature } from '../hostile/fixture.ts'
import type { Request } from '../hostile/requests.ts'

/** Requests by what is wrong with them. */
export type Attempts = Record<string, Request>

/** The same letters in other alphabets, and marks that nobody sees. */
const lookalike = (text: string) => text.replace('a', 'а').replace('e', 'е')
const wide = (text: string) => text.replace(/[a-z]/g, c => String.fromCharCode(c.charCodeAt(0) + 0xfee0))
const swapCase = (text: string) => text.replace(/[a-zA-Z]/, c => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()))

/** Variations of any credential. */
export function variations(good: string, others: readonly string[]): Record<string, string> {
  return {
    'without its last character': good.slice(0, -1),
    'without its first character': good.slice(1),
    'with one character more': `${good}x`,
    'with one character before': `x${good}`,
    twice: good + good,
    'twice, with a comma': `${good},${good}`,
    'twice, with a space': `${good} ${good}`,
    'with one letter in the other case': swapCase(good),
    'in upper case': good.toUpperCase(),
    'with its last character changed': good.slice(0, -1) + (good.endsWith('x') ? 'y' : 'x'),
    'with its first character changed': (good.startsWith('x') ? 'y' : 'x') + good.slice(1),
    'with a Cyrillic letter': lookalike(good),
    'in wide letters': wide(good),
    'with a mark of no width': `${good}\u200b`,
    'with a space that is none': `${good}\u00a0`,
    'in quotes': `"${good}"`,
    'in angle brackets': `<${good}>`,
    'as base64': Buffer.from(good).toString('base64'),
    'as hex': Buffer.from(good).toString('hex'),
    'as its hash': createHash('sha256').update(good).digest('hex'),
    reversed: [...good].reverse().join(''),
    undefined: 'undefined',
    null: 'null',
    true: 'true',
    'an asterisk': '*',
    'a percent sign': '%25',
    'the name of its variable': '$' + '{BEARER_KEY}',
    SQL: `' or '1'='1`,
    ...Object.fromEntries(others.map((other, i) => [`of another webhook, ${i + 1}`, other])),
  }
}

export const each = (values: Record<string, string>, request: (value: string) => Request): Attempts =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, request(value)]))
export const prefixed = (prefix: string, attempts: Attempts): Attempts =>
  Object.fromEntries(Object.entries(attempts).map(([name, request]) => [`${prefix}: ${name}`, request]))

export function bearer(): Attempts {
  const key = secrets.BEARER_KEY
  const others = [secrets.PLAIN_KEY, secrets.HMAC_SECRET, secrets.HEADER_SECRET, secrets.QUERY_SECRET, secrets.ADMIN_TOKEN]
  const at = (value: string): Request => ({ path: '/bearer', headers: [['authorization', value]] })
  return {
    'no header': { path: '/bearer' },
    'an empty header': at(''),
    'the scheme alone': at('Bearer'),
    'the scheme and spaces': at('Bearer    '),
    'the key alone': at(key),
    'two spaces': at(`Bearer  ${key}`),
    'a tab': at(`Bearer\t${key}`),
    'no space': at(`Bearer${key}`),
    'a colon': at(`Bearer: ${key}`),
    'an equals sign': at(`Bearer=${key}`),
    'another scheme': at(`Token ${key}`),
    'a longer scheme': at(`XBearer ${key}`),
    'Basic, as password': at(`Basic ${Buffer.from(`user:${key}`).toString('base64')}`),
    'Basic, as name': at(`Basic ${Buffer.from(`${key}:`).toString('base64')}`),
    'the scheme twice': at(`Bearer Bearer ${key}`),
    'two keys, good and good': {
      path: '/bearer',
      headers: [
        ['authorization', `Bearer ${key}`],
        ['authorization', `Bearer ${key}`],
      ],
    },
    'two keys, good and bad': {
      path: '/bearer',
      headers: [
        ['authorization', `Bearer ${key}`],
        ['authorization', 'Bearer bad'],
      ],
    },
    'two keys, bad and good': {
      path: '/bearer',
      headers: [
        ['authorization', 'Bearer bad'],
        ['authorization', `Bearer ${key}`],
      ],
    },
    'two keys, in two cases of the name': {
      path: '/bearer',
      headers: [
        ['Authorization', `Bearer ${key}`],
        ['AUTHORIZATION', `Bearer ${key}`],
      ],
    },
    'an empty header and a good one': {
      path: '/bearer',
      headers: [
        ['authorization', ''],
        ['authorization', `Bearer ${key}`],
      ],
    },
    'in another header': {
      path: '/bearer',
      headers: [
        ['proxy-authorization', `Bearer ${key}`],
        ['x-authorization', `Bearer ${key}`],
      ],
    },
    'in a header with an underscore': { path: '/bearer', headers: [['authorization_', `Bearer ${key}`]] },
    'in a cookie': { path: '/bearer', headers: [['cookie', `authorization=Bearer ${key}`]] },
    'in the query': { path: `/bearer?authorization=Bearer%20${key}&access_token=${key}` },
    'in the body': { path: '/bearer', body: JSON.stringify({ authorization: `Bearer ${key}`, access_token: key }) },
    ...prefixed(
      'a key',
      each(variations(key, others), value => at(`Bearer ${value}`)),
    ),
  }
}

export function sharedHeader(): Attempts {
  const secret = secrets.HEADER_SECRET
  const at = (value: string): Request => ({ path: '/by-header', headers: [['x-secret', value]] })
  return {
    'no header': { path: '/by-header' },
    'an empty header': at(''),
    'two, good and good': {
      path: '/by-header',
      headers: [
        ['x-secret', secret],
        ['x-secret', secret],
      ],
    },
    'two, good and bad': {
      path: '/by-header',
      headers: [
        ['x-secret', secret],
        ['x-secret', 'bad'],
      ],
    },
    'two, bad and good': {
      path: '/by-header',
      headers: [
        ['x-secret', 'bad'],
        ['x-secret', secret],
      ],
    },
    'two, empty and good': {
      path: '/by-header',
      headers: [
        ['x-secret', ''],
        ['x-secret', secret],
      ],
    },
    'in a name with an underscore': { path: '/by-header', headers: [['x_secret', secret]] },
    'in Authorization': { path: '/by-header', headers: [['authorization', `Bearer ${secret}`]] },
    'in the query': { path: `/by-header?x-secret=${secret}&X-Secret=${secret}` },
    'in the body': { path: '/by-header', body: JSON.stringify({ 'x-secret': secret }) },
    ...prefixed('a secret', each(variations(secret, [secrets.BEARER_KEY, secrets.QUERY_SECRET, secrets.HMAC_SECRET]), at)),
  }
}

export function sharedQuery(): Attempts {
  const secret = secrets.QUERY_SECRET
  const path = (query: string): Request => ({ path: `/by-query?${query}` })
  return {
    'no query': { path: '/by-query' },
    'no value': path('key'),
    'an empty value': path('key='),
    'two, good and good': path(`key=${secret}&key=${secret}`),
    'two, good and bad': path(`key=${secret}&key=bad`),
    'two, bad and good': path(`key=bad&key=${secret}`),
    'two, empty and good': path(`key=&key=${secret}`),
    'two, one of them escaped': path(`key=bad&%6Bey=${secret}`),
    'a name in upper case': path(`KEY=${secret}`),
    'a name with brackets': path(`key[]=${secret}`),
    'a name with a space': path(`key%20=${secret}`),
    'a name with a NUL': path(`key%00=${secret}`),
    'a semicolon': path(`a=1;key=${secret}`),
    'after a second question mark': path(`a?key=${secret}`),
    'escaped twice': path(`key=${secret.replace('q', '%2571')}`),
    'a NUL behind it': path(`key=${secret}%00`),
    'a space behind it': path(`key=${secret}+`),
    'a line feed behind it': path(`key=${secret}%0A`),
    'in a form': { path: '/by-query', headers: [['content-type', 'application/x-www-form-urlencoded']], body: `key=${secret}` },
    'in the body': { path: '/by-query', body: JSON.stringify({ key: secret }) },
    'in a header': {
      path: '/by-query',
      headers: [
        ['key', secret],
        ['authorization', `Bearer ${secret}`],
      ],
    },
    'by GET, bad': { path: '/by-query?key=bad', method: 'GET' },
    ...prefixed(
      'a secret',
      each(variations(secret, [secrets.BEARER_KEY, secrets.HEADER_SECRET]), v => path(`key=${encodeURIComponent(v)}`)),
    ),
  }
}

export function signed(now: number): Attempts {
  const body = '{"n":1}'
  const good = signature(body, now)
  const [stamp, hex] = [good['x-webhook-timestamp'] as string, (good['x-webhook-signature'] as string).slice('sha256='.length)]
  const at = (timestamp: string | undefined, sign: string | undefined, more: Request['headers'] = []): Request => ({
    path: '/signed',
    body,
    headers: [
      ...(timestamp === undefined ? [] : [['x-webhook-timestamp', timestamp] as const]),
      ...(sign === undefined ? [] : [['x-webhook-signature', sign] as const]),
      ...more,
    ],
  })
  const hmac = (message: string, algorithm = 'sha256', secret = secrets.HMAC_SECRET) => createHmac(algorithm, secret).update(message)
  /** Signed as it should be, by one who knows the secret, but with a timestamp that is none. */
  const stamped = (timestamp: string) => at(timestamp, `sha256=${hmac(`${timestamp}.${body}`).digest('hex')}`)
  const seconds = Math.floor(now / 1000)
  const digest = Buffer.from(hex, 'hex')
  return {
    nothing: at(undefined, undefined),
    'no signature': at(stamp, undefined),
    'no timestamp': at(undefined, `sha256=${hex}`),
    'an empty signature': at(stamp, ''),
    'an empty timestamp': at('', `sha256=${hex}`),
    'the prefix alone': at(stamp, 'sha256='),
    'no prefix': at(stamp, hex),
    'another prefix': at(stamp, `sha1=${hex}`),
    'the prefix in upper case': at(stamp, `SHA256=${hex}`),
    'the prefix twice': at(stamp, `sha256=sha256=${hex}`),
    'upper-case hex': at(stamp, `sha256=${hex.toUpperCase()}`),
    'one upper-case digit': at(stamp, `sha256=${hex.replace(/[a-f]/, c => c.toUpperCase())}`),
    base64: at(stamp, `sha256=${digest.toString('base64')}`),
    'base64 for URLs': at(stamp, `sha256=${digest.toString('base64url')}`),
    'its bytes': at(stamp, `sha256=${digest.toString('latin1').replace(/[^!-~]/g, '!')}`),
    'half of it': at(stamp, `sha256=${hex.slice(0, 32)}`),
    'one digit short': at(stamp, `sha256=${hex.slice(0, -1)}`),
    'one digit more': at(stamp, `sha256=${hex}0`),
    'a space within': at(stamp, `sha256= ${hex}`),
    '0x': at(stamp, `sha256=0x${hex}`),
    'wide digits': at(stamp, `sha256=${wide(hex)}`),
    zeros: at(stamp, `sha256=${'0'.repeat(64)}`),
    'a list, good first': at(stamp, `sha256=${hex},sha256=${'0'.repeat(64)}`),
    'a list, bad first': at(stamp, `sha256=${'0'.repeat(64)},sha256=${hex}`),
    'two headers, good and good': at(stamp, `sha256=${hex}`, [['x-webhook-signature', `sha256=${hex}`]]),
    'two headers, good and bad': at(stamp, `sha256=${hex}`, [['x-webhook-signature', 'sha256=bad']]),
    'two headers, bad and good': at(stamp, 'sha256=bad', [['x-webhook-signature', `sha256=${hex}`]]),
    'two timestamps': at(stamp, `sha256=${hex}`, [['x-webhook-timestamp', stamp]]),
    'in the query': { path: `/signed?x-webhook-signature=sha256=${hex}&x-webhook-timestamp=${stamp}`, body },
    sha1: at(stamp, `sha1=${hmac(`${stamp}.${body}`, 'sha1').digest('hex')}`),
    'sha1 by the name of sha256': at(stamp, `sha256=${hmac(`${stamp}.${body}`, 'sha1').digest('hex')}`),
    sha512: at(stamp, `sha256=${hmac(`${stamp}.${body}`, 'sha512').digest('hex')}`),
    'a plain hash': at(stamp, `sha256=${createHash('sha256').update(`${stamp}.${body}`).digest('hex')}`),
    'a hash with the secret before it': at(
      stamp,
      `sha256=${createHash('sha256').update(`${secrets.HMAC_SECRET}${stamp}.${body}`).digest('hex')}`,
    ),
    'the secret itself': at(stamp, `sha256=${secrets.HMAC_SECRET}`),
    'an empty secret': at(stamp, `sha256=${hmac(`${stamp}.${body}`, 'sha256', '').digest('hex')}`),
    'the secret of another webhook': at(stamp, `sha256=${hmac(`${stamp}.${body}`, 'sha256', secrets.BEARER_KEY).digest('hex')}`),
    'the name of the variable as secret': at(stamp, `sha256=${hmac(`${stamp}.${body}`, 'sha256', '$' + '{HMAC_SECRET}').digest('hex')}`),
    'the body alone': at(stamp, `sha256=${hmac(body).digest('hex')}`),
    'the timestamp alone': at(stamp, `sha256=${hmac(stamp).digest('hex')}`),
    'no dot between them': at(stamp, `sha256=${hmac(stamp + body).digest('hex')}`),
    'the wrong way round': at(stamp, `sha256=${hmac(`${body}.${stamp}`).digest('hex')}`),
    'another body': { ...at(stamp, `sha256=${hex}`), body: '{"n":2}' },
    'the same body in other words': { ...at(stamp, `sha256=${hex}`), body: '{"n": 1}' },
    'a longer body': { ...at(stamp, `sha256=${hex}`), body: `${body} ` },
    'no body': { ...at(stamp, `sha256=${hex}`), body: '' },
    'the dot moved': at(stamp.slice(0, -1), `sha256=${hex}`),
    'another time': at(`${seconds - 1}`, `sha256=${hex}`),
    'a time of 302 seconds ago': stamped(`${seconds - 302}`),
    'a time in 303 seconds': stamped(`${seconds + 303}`),
    'a time of a year ago': stamped(`${seconds - 31_536_000}`),
    'the beginning of time': stamped('0'),
    'a time before that': stamped('-1'),
    milliseconds: stamped(`${now}`),
    'a fraction': stamped(`${seconds}.5`),
    'a plus sign': stamped(`+${seconds}`),
    'an exponent': stamped(`${seconds}e0`),
    'hex digits': stamped(`0x${seconds.toString(16)}`),
    'digits of another alphabet': stamped(`${seconds}`.replace(/\d/g, d => String.fromCharCode(0x660 + Number(d)))),
    'a date': stamped(new Date(now).toISOString()),
    Infinity: stamped('Infinity'),
    NaN: stamped('NaN'),
    '400 digits': stamped('9'.repeat(400)),
    'a time and something': stamped(`${seconds} x`),
    'two times': stamped(`${seconds},${seconds}`),
  }
}

export function urlToken(token: string, other: string, revoked: string, expired: string): Attempts {
  const at = (value: string): Request => ({ path: `/drop/${value}` })
  const encoded = (text: string) => [...Buffer.from(text)].map(b => `%${b.toString(16)}`).join('')
  return {
    none: { path: '/drop' },
    'an empty one': at(''),
    'a slash behind it': at(`${token}/`),
    'a segment more': at(`${token}/x`),
    'a segment before': at(`x/${token}`),
    'a slash that is escaped': at(`${token}%2F`),
    'a dot segment': at(`x/../${token}/.`),
    'a NUL behind it': at(`${token}%00`),
    'a space behind it': at(`${token}%20`),
    'a line feed behind it': at(`${token}%0a`),
    'a semicolon behind it': at(`${token};x=1`),
    'escaped twice': at(encoded(token).replaceAll('%', '%25')),
    'broken escapes': at(`${token}%`),
    'escaped as no UTF-8': at(`${token}%ff`),
    'in the query': { path: `/drop/x?token=${token}` },
    'in the body': { path: '/drop/x', body: JSON.stringify({ token }) },
    'in Authorization': { path: '/drop/x', headers: [['authorization', `Bearer ${token}`]] },
    'its id': at(token.slice(3, 29)),
    'its prefix': at(token.slice(0, 29)),
    'without its prefix': at(token.slice(3)),
    'of 10,000 characters': at('x'.repeat(10_000)),
    'of another webhook': at(other),
    'of this webhook, at another': { path: `/other/${token}` },
    revoked: at(revoked),
    expired: at(expired),
    ...prefixed(
      'a token',
      each(variations(token, [secrets.BEARER_KEY]), v => at(encodeURIComponent(v))),
    ),
  }
}

/** For the admin API, which has a port of its own. */
export function admin(): Attempts {
  const token = secrets.ADMIN_TOKEN
  const at = (value: string): Request => ({ path: '/admin/v1/webhooks', method: 'GET', headers: [['authorization', value]] })
  return {
    'no header': { path: '/admin/v1/webhooks', method: 'GET' },
    'a page that is not there': { path: '/admin/v1/nothing', method: 'GET' },
    'a token to be made': { path: '/admin/v1/webhooks/drop/tokens', method: 'POST' },
    'an empty header': at(''),
    'the scheme alone': at('Bearer '),
    'the token alone': at(token),
    Basic: at(`Basic ${Buffer.from(`:${token}`).toString('base64')}`),
    'in the query': { path: `/admin/v1/webhooks?token=${token}&authorization=Bearer%20${token}`, method: 'GET' },
    'in a cookie': { path: '/admin/v1/webhooks', method: 'GET', headers: [['cookie', `authorization=Bearer ${token}`]] },
    ...prefixed(
      'a token',
      each(variations(token, [secrets.BEARER_KEY]), value => at(`Bearer ${value}`)),
    ),
  }
}
