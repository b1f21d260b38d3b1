/** Judges the payload by a JSON Schema, and settles what becomes of keys that the schema does not name. */
import { definePlugin, type Host, type Static, Type } from '#core/plugin.ts'
import { compileNames, dropUnknown, unknownKeys } from './names.ts'
import { compileSchema, TooHard } from './schema.ts'
import { detailsOf, MOST } from './sentence.ts'

const config = Type.Object(
  {
    entity: Type.Optional(
      Type.String({ minLength: 1, description: 'Declared entity whose schema, and whose rule for unknown keys, hold.' }),
    ),
    schema: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'JSON Schema 2020-12 in place of an entity; keys that it does not name are kept.',
        examples: [{ type: 'object', required: ['name'], properties: { name: { type: 'string' } } }],
      }),
    ),
    against: Type.Union([Type.Literal('data'), Type.Literal('payload')], {
      default: 'data',
      description: 'What is judged: what earlier steps made of the payload, or the payload as it came, which is then only read.',
    }),
  },
  { additionalProperties: false },
)

type Settings = Static<typeof config>

export default definePlugin({
  name: 'validation',
  phase: 'shape',
  summary: 'Judges the payload by a JSON Schema, and settles what becomes of keys that the schema does not name.',
  config,
  refusals: { VALIDATION_FAILED: { status: 422, summary: 'The payload failed validation.' } },
  shared: true,
  check(c, host) {
    if ((c.entity === undefined) === (c.schema === undefined)) {
      return [{ path: '', message: 'needs either `entity: contact`, or a JSON Schema under `schema`' }]
    }
    const path = c.entity === undefined ? '/schema' : '/entity'
    if (c.entity !== undefined && !host.entity(c.entity)) return [{ path, message: `there is no '${c.entity}' under \`entities\`` }]
    try {
      compileSchema(rules(c, host).schema, { coerce: false, defaults: c.against === 'data' })
      return []
    } catch (error) {
      return [{ path, message: `the schema is not valid: ${(error as Error).message}` }]
    }
  },
  sender: (c, host) => ({ body: rules(c, host).schema }),
  leaves(c, host) {
    // The payload as it came may be something else than what it has become.
    if (c.against === 'payload') return {}
    const { schema, unknown } = rules(c, host)
    return { data: { schema, closed: unknown !== 'keep', ...(c.entity !== undefined && { entity: c.entity }) } }
  },
  compile(c, host) {
    const { schema, unknown } = rules(c, host)
    const ofData = c.against === 'data'
    const validate = compileSchema(schema, { coerce: false, defaults: ofData })
    // At the first form or query: what compiles once does so again, and most webhooks never get one.
    const validateText = () => compileSchema(schema, { coerce: true, defaults: ofData })
    const hasDefaults = ofData && JSON.stringify(schema).includes('"default":')
    const names = unknown === 'keep' ? undefined : compileNames(schema)
    const droppable = unknown === 'drop' && ofData ? names : undefined
    const rejectable = unknown === 'reject' ? names : undefined

    return x => {
      const isText = x.format !== 'json'
      const given = ofData ? x.data : x.payload
      let data: unknown = isText || hasDefaults ? copy(given) : given
      if (droppable) data = dropUnknown(droppable, data)
      const surplus = rejectable ? unknownKeys(rejectable, data, MOST) : []
      const check = isText ? validateText() : validate
      let valid: boolean
      try {
        valid = check(data)
      } catch (error) {
        if (!(error instanceof TooHard)) throw error
        return host.refuse('VALIDATION_FAILED', { _general: ['A text of the payload takes too long to compare with its pattern.'] })
      }
      if (!valid || surplus.length > 0) return host.refuse('VALIDATION_FAILED', detailsOf(check.errors ?? [], surplus))
      if (ofData) x.data = data as Record<string, unknown>
    }
  },
})

function rules(c: Settings, host: Pick<Host, 'entity'>): { schema: Record<string, unknown>; unknown: 'drop' | 'keep' | 'reject' } {
  if (c.entity === undefined) return { schema: c.schema ?? {}, unknown: 'keep' }
  return host.entity(c.entity) ?? { schema: {}, unknown: 'keep' }
}

/** Validation with defaults or coercion writes into what it judges, and the payload is everybody's. */
function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy)
  if (typeof value !== 'object' || value === null) return value
  const made: Record<string, unknown> = {}
  // Assigning an own `__proto__` of JSON would give the copy a prototype of the sender's making.
  for (const [key, child] of Object.entries(value)) if (key !== '__proto__') made[key] = copy(child)
  return made
}
