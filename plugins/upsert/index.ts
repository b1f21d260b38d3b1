/** Creates or updates one record from the data of the request. */
import { definePlugin, type Exchange, exactNumbers, type IsExact, type LintHost, Type, upsertRecord } from '#core/plugin.ts'

/** An index entry of Postgres holds 2,704 bytes; 255 characters take at most 765. */
const LONGEST = 255

export default definePlugin({
  name: 'upsert',
  phase: 'write',
  summary: 'Creates or updates one record from the data of the request.',
  config: Type.Object(
    {
      entity: Type.String({ minLength: 1, maxLength: 255, description: 'Kind of the record; it need not be declared under `entities`.' }),
      idField: Type.Optional(
        Type.String({
          minLength: 1,
          description:
            'Top-level field whose value is the id; without a value there, an id is generated. Default: `id`, or none when there is `match`.',
        }),
      ),
      idFieldQuery: Type.Optional(
        Type.String({ minLength: 1, description: 'Query parameter by which the sender may name another id field.', examples: ['idField'] }),
      ),
      match: Type.Optional(
        Type.Array(Type.String({ minLength: 1 }), {
          minItems: 1,
          maxItems: 8,
          uniqueItems: true,
          description: 'Top-level fields of which any one, the first first, finds the record to update by its present value.',
          examples: [['email', 'phone']],
        }),
      ),
      ignoreCase: Type.Boolean({ default: false, description: 'Compares `match` without regard to upper and lower case.' }),
      merge: Type.Union([Type.Literal('merge'), Type.Literal('replace')], {
        default: 'merge',
        description: 'What an update does to fields that the request does not name: keeps them, or removes them.',
      }),
    },
    { additionalProperties: false },
  ),
  refusals: { VALIDATION_FAILED: { status: 422, summary: 'The payload failed validation.' } },
  single: true,
  shared: true,
  check: c => (c.ignoreCase && !c.match ? [{ path: '/ignoreCase', message: 'is about `match`, which is missing' }] : []),
  lint(c, host) {
    const once = host.chain.some(({ plugin }) => plugin.name === 'idempotency')
    if (once || c.idField !== undefined || c.match || requiresId(host)) return []
    const message =
      'a request that the sender tries again makes a second record, as nothing makes sure of an id: add `idempotency`, or name the `idField` or the `match` that tells records apart'
    return [{ rule: 'retry-makes-second-record', path: '', message }]
  },
  sender: c =>
    c.idFieldQuery === undefined
      ? {}
      : { query: { [c.idFieldQuery]: { description: `Field whose value is the id of the record. Default: ${c.idField ?? 'id'}.` } } },
  leaves: c => ({ record: c.entity }),
  compile(c, host) {
    const fixed = c.idField ?? (c.match ? undefined : 'id')
    const unusable = (field: string) =>
      host.refuse('VALIDATION_FAILED', {
        [field]: [`The ${field} field must be text of at most ${LONGEST} characters, or a number of at most 15 digits.`],
      })
    return x => {
      const field = (c.idFieldQuery !== undefined && x.query.get(c.idFieldQuery)) || fixed
      const exact = exactNumbers(x)
      const own = field === undefined ? '' : textAt(x, field, exact)
      if (own === undefined) return unusable(field!)
      // One exchange makes at most one record, so that its own ULID serves: nothing more to generate, and logs lead to the record.
      const id = own === '' ? x.id : own
      const match: { field: string; value: string }[] = []
      for (const name of c.match ?? []) {
        const value = typeof x.data[name] === 'boolean' ? '' : textAt(x, name, exact)
        if (value === undefined) return unusable(name)
        if (value !== '') match.push({ field: name, value })
      }
      x.stage(upsertRecord, {
        entity: c.entity,
        id,
        data: x.data,
        mode: c.merge,
        ...(match.length > 0 && { match, ignoreCase: c.ignoreCase }),
      })
    }
  },
})

/** Whether an earlier step refuses data without `id`. */
function requiresId({ chain, index, entity }: LintHost): boolean {
  return chain.slice(0, index).some(({ plugin, settings }) => {
    if (plugin.name !== 'validation') return false
    const schema = settings.entity === undefined ? settings.schema : entity(String(settings.entity))?.schema
    return [(schema as Record<string, unknown> | undefined)?.required].flat().includes('id')
  })
}

/** A top-level value as text: '' when there is none, undefined when it cannot stand for a record. */
function textAt({ data, format }: Exchange, field: string, isExact: IsExact): string | undefined {
  const value = Object.hasOwn(data, field) ? data[field] : undefined
  if (value === undefined || value === null) return ''
  if (typeof value === 'boolean') return String(value)
  // Beyond 2^53, or with more digits than a double keeps, two numbers of the sender's are one here: they would overwrite each other's record.
  if (typeof value === 'number') return Math.abs(value) <= Number.MAX_SAFE_INTEGER && isExact(value, [field]) ? String(value) : undefined
  if (typeof value !== 'string' || value.length > LONGEST) return undefined
  // Bun puts this in the place of whatever is no UTF-8 in a query, before anybody can see the bytes.
  return format === 'query' && value.includes('\ufffd') ? undefined : value
}
