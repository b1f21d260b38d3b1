/** Renames, picks and converts the fields of the payload. */
import { type Details, definePlugin, type NestedStep, type Static, Type } from '#core/plugin.ts'
import { changes, compileChanges, Unfit } from './convert.ts'
import { expected } from './expected.ts'
import { compilePath, type Path } from './path.ts'
import { rawNested } from './raw.ts'

const config = Type.Object(
  {
    fields: Type.Record(
      Type.String(),
      Type.Union([
        Type.String(),
        Type.Object(
          {
            to: Type.Optional(Type.String({ description: 'Field of the record. Default: the incoming name.' })),
            apply: Type.Optional(
              Type.Array(Type.Union(changes.map(name => Type.Literal(name))), { description: 'Changes to the value, in this order.' }),
            ),
          },
          { additionalProperties: false },
        ),
      ]),
      {
        default: {},
        description: 'Incoming name to field of the record; both may be paths such as customer.address.city or items[0].sku.',
        examples: [{ email_address: 'contact_email', age: { to: 'age', apply: ['to-number'] } }],
      },
    ),
    unmapped: Type.Union([Type.Literal('pass'), Type.Literal('drop')], {
      default: 'pass',
      description: 'What becomes of top-level keys that `fields` does not name: they keep their name, or go.',
    }),
    defaults: Type.Record(Type.String(), Type.Unknown(), {
      default: {},
      description: 'Values for fields of the record that are still missing; null is not missing.',
    }),
    nested: Type.Union([Type.Literal('keep'), Type.Literal('json-string')], {
      default: 'keep',
      description: 'Top-level objects and lists: as they are, or as text that holds their JSON as the sender wrote it.',
    }),
    variables: Type.Record(Type.String(), Type.String(), {
      default: {},
      description: 'Name under `custom_variables` to incoming path: values set aside for subscriptions and answers.',
      examples: [{ plan: 'subscription_plan' }],
    }),
  },
  { additionalProperties: false },
)

type Settings = Static<typeof config>

export default definePlugin({
  name: 'mapping',
  phase: 'shape',
  summary: 'Renames, picks and converts the fields of the payload.',
  config,
  refusals: { VALIDATION_FAILED: { status: 422, summary: 'The payload failed validation.' } },
  shared: true,
  check: faults,
  lint(c, { chain, index }) {
    const behind = chain.slice(index + 1)
    const record = behind.find(({ plugin }) => plugin.name === 'upsert')?.settings.entity
    const judges = ({ plugin, settings }: NestedStep) => plugin.name === 'validation' && settings.against === 'data'
    const before = chain.slice(0, index).some(step => judges(step) && step.settings.entity === record)
    if (isIdle(c) || record === undefined || !before || behind.some(judges)) return []
    const message = `what this step makes of the data is written without being judged, and need not fit '${record}': move it before \`validation\``
    return [{ rule: 'mapped-after-validation', path: '', message }]
  },
  leaves: c => ({ ...(isIdle(c) ? {} : { data: 'anything' }), variables: Object.keys(c.variables) }),
  expects: (c, schema) => expected({ ...c, fields: entries(c.fields) }, schema),
  compile(c, host) {
    const fields = entries(c.fields).map(([name, { to, apply }]) => ({
      name,
      from: compilePath(name),
      to: compilePath(to),
      change: apply.length > 0 ? compileChanges(apply) : undefined,
    }))
    const mapped = new Set(fields.map(f => f.name))
    const defaults = Object.entries(c.defaults).map(([name, value]) => ({ at: compilePath(name), value }))
    const variables = Object.entries(c.variables).map(([name, path]) => ({ name, from: compilePath(path) }))

    return x => {
      const from = x.data
      const to: Record<string, unknown> = {}
      let details: Details | undefined
      if (c.unmapped === 'pass') {
        // Assigning an own `__proto__` of JSON would give the record a prototype of the sender's making.
        for (const key of Object.keys(from)) if (!mapped.has(key) && key !== '__proto__') to[key] = from[key]
      }
      for (const field of fields) {
        let value = field.from.read(from)
        if (value === undefined) continue
        if (field.change) value = field.change(value)
        if (value instanceof Unfit) details = { ...details, [field.name]: [`The ${field.name} field ${value.expected}`] }
        else field.to.write(to, value)
      }
      if (details) return host.refuse('VALIDATION_FAILED', details)
      for (const { at, value } of defaults) if (at.read(to) === undefined) at.write(to, structuredClone(value))
      if (c.nested === 'json-string') stringify(to, x.payload, x.format === 'json' ? x.raw : undefined)
      if (variables.length > 0) {
        const aside = { ...x.variables }
        for (const { name, from: path } of variables) {
          const value = path.read(from)
          if (value !== undefined) aside[name] = value
        }
        x.variables = aside
      }
      x.data = to
    }
  },
})

/** Only sets variables aside. */
function isIdle(c: Settings): boolean {
  return !Object.keys(c.fields).length && !Object.keys(c.defaults).length && c.unmapped === 'pass' && c.nested === 'keep'
}

function entries(fields: Settings['fields']) {
  return Object.entries(fields).map(([name, field]) => {
    const { to = name, apply = [] } = typeof field === 'string' ? { to: field } : field
    return [name, { to, apply }] as const
  })
}

/** A value that still is the one of the payload has its text in the body; any other is written anew. */
function stringify(data: Record<string, unknown>, payload: Record<string, unknown>, body: Uint8Array | undefined): void {
  let texts: Map<unknown, string> | undefined
  for (const key of Object.keys(data)) {
    const value = data[key]
    if (typeof value !== 'object' || value === null) continue
    texts ??= new Map(body && [...rawNested(body)].map(([name, text]) => [payload[name], text]))
    data[key] = texts.get(value) ?? JSON.stringify(value)
  }
}

function faults(c: Settings): { path: string; message: string }[] {
  const found: { path: string; message: string }[] = []
  const path = (text: string, at: string): Path | undefined => {
    try {
      return compilePath(text)
    } catch (error) {
      found.push({ path: at, message: (error as Error).message })
    }
  }
  const targets: { name: string; to: string; parts: Path['parts'] }[] = []
  for (const [name, { to }] of entries(c.fields)) {
    const at = pointer('fields', name)
    const from = path(name, at)
    const parts = (to === name ? from : path(to, at))?.parts
    if (!parts) continue
    const other = targets.find(t => t.parts.every((part, i) => i >= parts.length || part === parts[i]))
    if (other) found.push({ path: at, message: `writes '${to}', but '${other.name}' writes '${other.to}' already; a field has one source` })
    targets.push({ name, to, parts })
  }
  for (const name of Object.keys(c.defaults)) path(name, pointer('defaults', name))
  for (const [name, from] of Object.entries(c.variables)) {
    const at = pointer('variables', name)
    path(from, at)
    if (!/^[A-Za-z_]\w*$/.test(name) || name === '__proto__') {
      found.push({ path: at, message: `'${name}' cannot be used as custom_variables.${name}; write letters, digits and _ only` })
    }
  }
  return found
}

function pointer(setting: string, key: string): string {
  return `/${setting}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
}
