/** Formats of text settings: each tells what is wrong with a text and what to write instead, or nothing when it is good. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import ipaddr from 'ipaddr.js'
import { urlFault } from '../outgoing.ts'
import { FORBIDDEN } from './node.ts'

/** What is wrong with a text of a format, or undefined. JSON Schema's own formats are known too. */
export function faultOf(format: string, text: string): string | undefined {
  const own = FORMATS[format]
  if (own) return own(text)
  const check = standard(format)
  if (!check) return `cannot be checked: there is no format '${format}', which is a fault of the plugin`
  return check(text) ? undefined : `must be a valid ${format}`
}

/** True for a format of JSON Schema, that editors know too. */
export function isStandard(format: string): boolean {
  return !FORMATS[format] && standard(format) !== undefined
}

const FORMATS: Record<string, (text: string) => string | undefined> = {
  'webhook-path': webhookPath,
  'host-name': text => {
    const label = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/i
    return text.length <= 253 && text.split('.').every(part => label.test(part))
      ? undefined
      : 'must be a host name without scheme, port or wildcard, such as acme.example.com'
  },
  address: text => {
    const [ip = '', bits, more] = text.split('/')
    const width = ipaddr.IPv4.isValidFourPartDecimal(ip) ? 32 : !ip.includes('%') && ipaddr.IPv6.isValid(ip) ? 128 : -1
    const good = width > 0 && more === undefined && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width))
    return good ? undefined : 'must be an address or a CIDR range, such as 10.0.0.0/8 or 2001:db8::1'
  },
  'public-url': text => {
    const url = urlOf(text, ['http:', 'https:'])
    if (text === '' || (url && !url.search && !url.hash && !url.username && !url.password)) return undefined
    return 'must be an absolute URL without query, such as https://hooks.example.com'
  },
  'web-url': urlFault,
  'store-url': text =>
    /^pglite:\/\/./.test(text) || urlOf(text, ['postgres:', 'postgresql:'])
      ? undefined
      : 'must be postgres://user:password@host/database, pglite://FOLDER or pglite://memory',
  'redis-url': text =>
    text === '' || urlOf(text, ['redis:', 'rediss:']) ? undefined : 'must be redis://host:6379 or rediss://host:6380, or empty for none',
  'master-key': text =>
    text === '' || (/^[A-Za-z0-9+/]{43}=$/.test(text) && Buffer.from(text, 'base64').length === 32)
      ? undefined
      : 'must be 32 bytes in base64, such as `openssl rand -base64 32` prints, or empty for none',
}

function webhookPath(text: string): string | undefined {
  if (!text.startsWith('/')) return 'must begin with a slash'
  if (/[?#]/.test(text)) return 'must be a path alone: remove the query or fragment'
  if (text.includes('//')) return 'must not have // in it: remove one slash'
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return 'has a % that no two hex digits follow: write %25 for a percent sign'
  const names = new Set<string>()
  for (const segment of text.slice(1).split('/')) {
    const name = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(segment)?.[1]
    if (segment === '.' || segment === '..') return `must not have the segment '${segment}': no client would send it`
    if (name === undefined && /[{}]/.test(segment)) return 'may have a parameter only as a whole segment, such as /orders/{token}'
    if (segment.startsWith(':')) return `has '${segment}': write a parameter as {${segment.slice(1)}}`
    if (segment.includes('*')) return 'must not have a wildcard: write a parameter such as {name}'
    if (name === undefined && !/^[\w.~!$&'()+,;=:@%-]*$/.test(segment)) return 'must be plain ASCII: write other characters as %XX'
    if (name !== undefined && (names.has(name) || FORBIDDEN.has(name))) return `must not have the parameter {${name}} here: rename it`
    if (name !== undefined) names.add(name)
  }
  if (/^\/(livez|readyz|openapi\.json|docs(\/.*)?)$/.test(text)) return 'is a path of Postern itself: choose another'
  return undefined
}

function urlOf(text: string, protocols: string[]): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url && protocols.includes(url.protocol) && (url.hostname || !url.protocol.startsWith('http')) ? url : undefined
}

const ajv = new Ajv2020({ logger: false })
ajvFormats.default(ajv)
const checks = new Map<string, ValidateFunction | undefined>()

function standard(format: string): ValidateFunction | undefined {
  if (!checks.has(format)) checks.set(format, ajv.formats[format] === undefined ? undefined : ajv.compile({ type: 'string', format }))
  return checks.get(format)
}
