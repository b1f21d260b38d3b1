/** The columns of the matrix: what can be done to a good request so that its credential is none, whatever way it takes. */

import type { Request } from '../hostile/requests.ts'
import { type Attempts, variations } from './attempts.ts'
import type { Place, Way } from './ways.ts'

export const COLUMNS = [
  'missing',
  'empty',
  'duplicate',
  'case',
  'whitespace',
  'unicode',
  'truncated',
  'like it',
  'elsewhere',
  'tampered',
  'replay',
] as const
export type Column = (typeof COLUMNS)[number]
type Good = Request & { path: string }

/** The credential of a request: the whole value, and what of it stands behind the word before it. */
export function credentialOf(request: Good, { place, before }: Way): { whole: string; before: string; core: string } {
  const whole = valueAt(request, place)
  const [word = ''] = before.exec(whole) ?? []
  if (whole === word) throw new Error(`no credential in ${JSON.stringify(place)}`)
  return { whole, before: word, core: whole.slice(word.length) }
}

function valueAt(request: Good, place: Place): string {
  if (place.in === 'header') return headerOf(request, place.name) ?? ''
  if (place.in === 'query') return new URLSearchParams(request.path.split('?')[1]).get(place.name) ?? ''
  const found = place.name.split('.').reduce<any>((at, name) => at?.[name], documentOf(request, place))
  return typeof found === 'string' ? found : ''
}

const headerOf = ({ headers = [] }: Request, name: string) => headers.find(([own]) => own.toLowerCase() === name)?.[1]
const textOf = ({ body = '' }: Request) => (typeof body === 'string' ? body : Buffer.from(body).toString())
const documentOf = (request: Request, { form }: Place) =>
  JSON.parse(form === undefined ? textOf(request) : (new URLSearchParams(textOf(request)).get(form) ?? ''))
const withDocument = (request: Good, { form }: Place, text: string): Good => ({
  ...request,
  body: form === undefined ? text : new URLSearchParams({ [form]: text }).toString(),
})

/** The request with other headers of a name, in the place of those that it has. */
function withHeaders(request: Good, name: string, values: readonly string[], called = name): Good {
  const others = (request.headers ?? []).filter(([own]) => own.toLowerCase() !== name)
  return { ...request, headers: [...others, ...values.map(value => [called, value] as const)] }
}

/** The request with another value at the place of its credential; undefined takes it away. */
function withValue(request: Good, place: Place, value: unknown): Good {
  if (place.in === 'header') return withHeaders(request, place.name, value === undefined ? [] : [String(value)])
  if (place.in === 'query') {
    const [path = ''] = request.path.split('?')
    return { ...request, path: value === undefined ? path : `${path}?${place.name}=${encodeURIComponent(String(value))}` }
  }
  const document = documentOf(request, place)
  const names = place.name.split('.')
  const last = names.pop() as string
  const parent = names.reduce((at, name) => at[name], document)
  if (value === undefined) delete parent[last]
  else parent[last] = value
  return withDocument(request, place, JSON.stringify(document))
}

const upper = (text: string) => text.toUpperCase()
const swapped = (text: string) => text.replace(/[a-zA-Z]/g, c => (c === upper(c) ? c.toLowerCase() : upper(c)))
const wide = (text: string) => text.replace(/[!-~]/g, c => String.fromCharCode(c.charCodeAt(0) + 0xfee0))
const lookalike = (text: string) =>
  text.replace(
    /[aceopxABCEHKMOPTX03]/,
    c =>
      ({
        a: 'а',
        c: 'с',
        e: 'е',
        o: 'о',
        p: 'р',
        x: 'х',
        A: 'А',
        B: 'В',
        C: 'С',
        E: 'Е',
        H: 'Н',
        K: 'К',
        M: 'М',
        O: 'О',
        P: 'Р',
        T: 'Т',
        X: 'Х',
        0: 'О',
        3: 'З',
      })[c] as string,
  )

/** Of each column, the credentials that are none: each is put into the place of the good one. */
function values(column: Column, { core }: { core: string }, place: Place): Record<string, string> {
  const half = core.slice(0, Math.floor(core.length / 2))
  switch (column) {
    case 'empty':
      return { 'nothing behind the word': '' }
    case 'case':
      return { 'the letters swapped': swapped(core), 'in upper case': upper(core), 'in lower case': core.toLowerCase() }
    case 'whitespace': {
      const inside = { 'a space within': `${half} ${core.slice(half.length)}`, 'a tab within': `${half}\t${core.slice(half.length)}` }
      const spaces: [string, string][] = [
        ['a space', ' '],
        ['a tab', '\t'],
        ['a space that does not break', '\u00a0'],
        ['a wide space', '\u3000'],
        ...(place.in === 'header'
          ? []
          : ([
              ['a line feed', '\n'],
              ['a carriage return', '\r'],
              ['a form feed', '\f'],
              ['a vertical tab', '\v'],
            ] as [string, string][])),
      ]
      // Around the value of a header they are no part of it (RFC 9110, 5.5): behind the word before it they are.
      const outside = (mark: string) => place.in === 'header' && /^[ \t]$/.test(mark)
      const around = spaces.flatMap(([name, mark]): [string, string][] => [
        [`${name} before it`, mark + core],
        ...(outside(mark)
          ? []
          : ([
              [`${name} behind it`, core + mark],
              [`${name} around it`, mark + core + mark],
            ] as [string, string][])),
      ])
      return { ...inside, ...Object.fromEntries(around) }
    }
    case 'unicode':
      return {
        'a letter of another alphabet': lookalike(core),
        'wide letters': wide(core),
        'no width behind it': `${core}\u200b`,
        'no width before it': `\u200b${core}`,
        'a byte order mark before it': `\ufeff${core}`,
        'a joiner within': `${half}\u200d${core.slice(half.length)}`,
        'an accent on its last letter': `${core}\u0301`,
        'from right to left': `\u202e${core}`,
      }
    case 'truncated':
      return {
        'its first half': half,
        'its second half': core.slice(half.length),
        'one letter': core.slice(0, 1),
        'without its last letter': core.slice(0, -1),
        'without its first letter': core.slice(1),
        'without its last four letters': core.slice(0, -4),
      }
    case 'like it':
      return variations(core, [])
    default:
      return {}
  }
}

/** With a list of signatures any one that is right is enough: what has the good one in it whole is no forgery. */
const inList = (value: string, core: string, list: string | undefined) =>
  list !== undefined && value.split(list).some(item => item.trim() === core || item.trim().startsWith(`${core}${list}`))

/** Whether two values stand for the same bytes: the last letters of base64 have bits that nobody reads. */
const sameBytes = (one: string, other: string) => {
  const bytes = (text: string) =>
    text.slice(0, text.lastIndexOf('.') + 1) + Buffer.from(text.slice(text.lastIndexOf('.') + 1), 'base64').toString('hex')
  return /^[\w+/.=-]+$/.test(other) && bytes(one) === bytes(other)
}

/** What a column makes of a good request that was signed at `now`. */
export function attempts(column: Column, request: Good, way: Way, now: number): Attempts {
  const { place, anyCase, list, optional = [], openBody } = way
  const { whole, before, core } = credentialOf(request, way)
  const set = (value: unknown) => withValue(request, place, value)
  // No header can carry these; and those that stand for the same bytes are no forgeries.
  const possible = ([, value]: [string, string]) => value !== core && (place.in !== 'header' || !/[\r\n\0]/.test(value))
  const lenient = /^(jwt|sns|plaid)/.test(way.id)
  const listed = Object.entries(values(column, { core }, place))
    .filter(possible)
    .filter(([, value]) => !inList(value, core, list) && !(lenient && sameBytes(core, value)))
    // What stands alone in a header loses the spaces around it on the way.
    .filter(([, value]) => before !== '' || place.in !== 'header' || value.replace(/^[ \t]+/, '') !== core)
    .map(([name, value]): [string, Request] => [name, set(before + value)])
  const more = Object.entries(extra()).filter(([, attempt]) => attempt !== undefined) as [string, Request][]
  return Object.fromEntries([...listed, ...more])

  function extra(): Record<string, Request | undefined> {
    const own = (name: string, value: Request | undefined) => ({ [name]: value })
    const headers = (request.headers ?? []).map(([name]) => name.toLowerCase())
    const needed = headers.filter(name => !['content-type', ...optional].includes(name))
    switch (column) {
      case 'missing':
        return {
          'no credential': set(undefined),
          'nothing at all': {
            path: request.path.split('?')[0] as string,
            body: set(undefined).body ?? '',
            headers: (request.headers ?? []).filter(([name]) => name === 'content-type'),
          },
          ...Object.fromEntries(needed.map(name => [`no ${name}`, withHeaders(request, name, [])])),
        }
      case 'empty':
        return {
          'an empty value': set(''),
          spaces: set('   '),
          tabs: set('\t\t'),
          ...(place.in === 'json' && {
            null: set(null),
            'an empty list': set([]),
            'an empty object': set({}),
            false: set(false),
            0: set(0),
          }),
          ...Object.fromEntries(needed.map(name => [`an empty ${name}`, withHeaders(request, name, [''])])),
        }
      case 'duplicate': {
        if (place.in === 'query') {
          const twice = (a: string, b: string): Request => ({
            ...request,
            path: `${request.path.split('?')[0]}?${place.name}=${a}&${place.name}=${b}`,
          })
          return {
            'good and good': twice(core, core),
            'good and bad': twice(core, 'bad'),
            'bad and good': twice('bad', core),
            'empty and good': twice('', core),
          }
        }
        if (place.in === 'json') {
          const last = place.name.split('.').at(-1) as string
          const text = JSON.stringify(documentOf(request, place))
          return {
            'a list of it': set([core]),
            'a list of it twice': set([core, core]),
            'it, and then a bad one by the same name': withDocument(
              request,
              place,
              text.replace(`${JSON.stringify(last)}:${JSON.stringify(whole)}`, all => `${all},${JSON.stringify(last)}:"bad"`),
            ),
            'an object of it': set({ value: core }),
          }
        }
        // One of a list of signatures is enough, and a header that comes twice is such a list.
        const also =
          list === undefined
            ? {
                'good and good': [whole, whole],
                'good and bad': [whole, 'bad'],
                'bad and good': ['bad', whole],
                'empty and good': ['', whole],
              }
            : { 'bad and bad': [`${before}bad`, `${before}worse`] }
        return { ...Object.fromEntries(Object.entries(also).map(([name, all]) => [name, withHeaders(request, place.name, all)])) }
      }
      case 'case':
        return {
          ...(!anyCase && before !== '' && swapped(before) !== before && own('the word before it', set(swapped(before) + core))),
          ...(place.in === 'json' && own('the name of its field', withField(place.name, swapped))),
          ...(place.in === 'query' &&
            own('the name of its parameter', { ...request, path: request.path.replace(`${place.name}=`, `${upper(place.name)}=`) })),
        }
      case 'whitespace':
        return {
          ...(place.in === 'json' &&
            own(
              'in the name of its field',
              withField(place.name, name => `${name} `),
            )),
          ...(before !== '' &&
            place.in === 'header' &&
            own('before the word', list === undefined ? set(`${before}${before}${core}`) : undefined)),
        }
      case 'elsewhere': {
        const bare = set(undefined) as Good
        return {
          'in another header': withHeaders(bare, 'x-credential', [whole]),
          'in a header with an underscore':
            place.in === 'header' ? withHeaders(bare, place.name, [whole], `${place.name.replaceAll('-', '_')}_`) : undefined,
          'in a cookie': withHeaders(bare, 'cookie', [`${place.name.split('.').at(-1)}=${core}`]),
          'as Bearer': place.name === 'authorization' ? undefined : withHeaders(bare, 'authorization', [`Bearer ${core}`]),
          'in the query':
            place.in === 'query'
              ? undefined
              : { ...bare, path: `${bare.path}${bare.path.includes('?') ? '&' : '?'}${place.name}=${encodeURIComponent(whole)}` },
          'in a body of its own': place.in === 'json' ? undefined : { ...bare, body: JSON.stringify({ [place.name]: whole }) },
        }
      }
      case 'tampered': {
        if (openBody) return {}
        const body = textOf(request)
        return {
          'a body with one byte more': { ...request, body: `${body} ` },
          'a body with one byte less': { ...request, body: body.slice(0, -1) },
          'another body': { ...request, body: body.replace('naïve', 'naive').replace('"id":1', '"id":2').replace('Hi', 'Ho') },
          'no body': { ...request, body: '' },
        }
      }
      case 'replay':
        return { 'its time made new': renewed(1), 'its time made older': renewed(-1) }
      default:
        return {}
    }
  }

  /** The request with another time in the place of its own, wherever it says one in the open. */
  function renewed(seconds: number): Request | undefined {
    const spellings = (time: number) => [new Date(time).toISOString(), `${Math.floor(time / 1000)}`]
    const [from, to] = [spellings(now), spellings(now + seconds * 1000)]
    const anew = (text: string) => from.reduce((all, spelling, i) => all.replaceAll(spelling, to[i] as string), text)
    const [body, path] = [textOf(request), request.path]
    const headers = (request.headers ?? []).map(([name, value]) => [name, anew(value)] as const)
    const same = anew(body) === body && headers.every(([, value], i) => value === request.headers?.[i]?.[1])
    return same ? undefined : { ...request, path, headers, body: anew(body) }
  }

  function withField(path: string, change: (name: string) => string): Request {
    const last = path.split('.').at(-1) as string
    return withDocument(
      request,
      place,
      JSON.stringify(documentOf(request, place)).replace(
        `${JSON.stringify(last)}:${JSON.stringify(whole)}`,
        `${JSON.stringify(change(last))}:${JSON.stringify(whole)}`,
      ),
    )
  }
}
