/** Dialects: their templates checked, and what they leave out taken from the built-in one. */
import type { AnswerTemplate, Dialect } from './config.ts'
import { keyOf, type Node, plain } from './node.ts'
import { didYouMean, type Problems } from './problem.ts'
import { problemDialect } from './problemDialect.ts'
import type { Registry } from './registry.ts'
import type { Sections } from './schema.ts'
import { checkTemplate, ERROR_NAMES, SUCCESS_NAMES } from './template.ts'

/** Codes of the core itself; plugins bring their own. */
const CODES = [
  'NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'UNAUTHORIZED',
  'INVALID_REQUEST',
  'HTTPS_REQUIRED',
  'INVALID_JSON',
  'UNSUPPORTED_MEDIA_TYPE',
  'PAYLOAD_TOO_LARGE',
  'REQUEST_TIMEOUT',
  'VALIDATION_FAILED',
  'UNAVAILABLE',
  'INTERNAL',
]

/** Every dialect by its name, the built-in one among them. */
export function readDialects(root: Node, decoded: Sections['dialects'], registry: Registry, problems: Problems): Map<string, Dialect> {
  const all = new Map([[problemDialect.name, problemDialect]])
  const codes = [...CODES, ...[...registry.plugins.values()].flatMap(plugin => Object.keys(plugin.refusals ?? {}))]
  for (const [name, raw] of Object.entries(decoded ?? {})) {
    if (!raw) continue
    const path = ['dialects', name]
    if (name === problemDialect.name) {
      problems.error(keyOf(root, path), path, `'${name}' is the built-in dialect: choose another name`)
      continue
    }
    for (const key of ['success', 'updated', 'accepted'] as const)
      checkTemplate(raw[key]?.body, SUCCESS_NAMES, [...path, key, 'body'], problems)
    checkTemplate(raw.error?.body, ERROR_NAMES, [...path, 'error', 'body'], problems)
    for (const code of Object.keys(raw.codes ?? {})) {
      const inside = [...path, 'codes', code]
      // A code of no plugin that is loaded does no harm; one that is nearly another's is a mistake.
      const help = codes.includes(code) ? '' : didYouMean(code, codes)
      if (help) problems.warn(keyOf(root, inside), inside, `nothing refuses with '${code}'${help}`)
    }
    all.set(name, build(name, raw))
  }
  return all
}

function build(name: string, raw: NonNullable<NonNullable<Sections['dialects']>[string]>): Dialect {
  const variant = (from: { status?: number | undefined; body?: Node | undefined } | undefined): Partial<AnswerTemplate> => ({
    ...(from?.status !== undefined && { status: from.status }),
    ...(from?.body && { body: plain(from.body) }),
  })
  return {
    name,
    success: { status: 200, body: problemDialect.success.body, ...variant(raw.success) },
    ...(raw.updated && { updated: variant(raw.updated) }),
    ...(raw.accepted && { accepted: variant(raw.accepted) }),
    error: {
      ...(raw.error?.body ? { body: plain(raw.error.body) } : problemDialect.error),
      ...(raw.error?.contentType && { contentType: raw.error.contentType }),
    },
    codes: raw.codes ?? {},
  } as Dialect
}
