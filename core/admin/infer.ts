/** A schema, a mapping and the YAML to paste, from captured requests. */
import { Type } from '@sinclair/typebox'
import { faultOfSchema } from '../infer/against.ts'
import { compileCaptured } from '../infer/captured.ts'
import { infer as fromSamples, type Taken } from '../infer/infer.ts'
import { readSamples } from '../store/readSamples.ts'
import { Refused } from './problem.ts'
import { closed, nullable, one, route, text, type World } from './route.ts'
import { webhookOf } from './webhooks.ts'

const names = (description: string) => Type.Record(Type.String(), Type.String(), { description })

const Answer = Type.Object({
  samples: Type.Object({
    used: Type.Integer(),
    skipped: Type.Integer(),
    reasons: Type.Array(Type.Object({ reason: Type.String(), count: Type.Integer() }), { description: 'Why samples were skipped.' }),
  }),
  schema: Type.Record(Type.String(), Type.Unknown(), {
    description: 'JSON Schema 2020-12 of what the chain judges; every sample is valid.',
  }),
  mapping: Type.Optional(
    Type.Object({
      fields: names('Key to field, for `mapping: { fields }`.'),
      flatten: names('Paths of values within objects to fields of their own.'),
      id_field: nullable(text('Field that each sample has, and no two have alike.')),
      idempotency_header: nullable(text('Header that came with each sample, and never twice the same.')),
    }),
  ),
  yaml: Type.Optional(text('The webhook with its present chain, and its entity with this schema.')),
  drift: Type.Optional(
    Type.Array(
      Type.Object({
        kind: text('new_key, missing_key, vanished_key, type, value, format or bound'),
        path: text('JSONPath (RFC 9535).'),
        message: Type.String(),
        samples: Type.Integer({ description: 'Samples in which it was seen.' }),
        of: Type.Integer({ description: 'Samples in which it could have been seen.' }),
        first_seen: nullable(text('When the first of them came; null for what was never seen.')),
      }),
      { description: 'Where samples are not what the present schema says.' },
    ),
  ),
  undrifted: Type.Optional(text('Why samples were not compared with the present schema.')),
  provider: Type.Optional(
    Type.Object({
      preset: text('Preset of auth-hmac that looks for the headers that were seen.'),
      headers: Type.Array(Type.String(), { description: 'By which it was known.' }),
      alternatives: Type.Array(Type.String(), { description: 'Presets that look for the same headers.' }),
      timed: Type.Boolean({ description: 'The scheme signs the time, for replay-window.' }),
      id: Type.Optional(text('Header with the id of a delivery.')),
    }),
  ),
})

/** Requests that are looked at when nobody says how many. */
const USUAL = 200

export const infer = [
  route({
    method: 'POST',
    path: '/webhooks/{name}/infer',
    summary: 'What the captured requests of a webhook suggest: a schema, a mapping, YAML to paste, and drift from the present schema',
    params: { name: 'Name of the webhook.' },
    body: closed({
      last: Type.Integer({ minimum: 1, maximum: 1000, default: USUAL, description: 'The newest captured requests that are looked at.' }),
      against: Type.Optional(
        Type.Record(Type.String(), Type.Unknown(), {
          description: 'JSON Schema to compare with, in the place of the one that the chain judges by.',
        }),
      ),
      schema_only: Type.Boolean({ default: false, description: 'True: the schema alone.' }),
    }),
    answer: one(Answer),
    async handler({ params, body: { last, schema_only, against } }, world) {
      const webhook = webhookOf(world, params.name)
      const { entities, secretValues: secrets } = world.config()
      const fault = against && faultOfSchema(against)
      if (fault) throw new Refused(422, 'VALIDATION_FAILED', `against is no good JSON Schema: ${fault}.`, { details: { against: [fault] } })
      const options = {
        name: webhook.name,
        webhook,
        entity: (name: string) => entities.get(name),
        presets: world.presets,
        secrets,
        against,
      }
      const { samples, schema, ...more } = await fromSamples(captured(world, webhook, last), options)
      return { data: schema_only ? { samples, schema } : { samples, schema, ...more } }
    },
  }),
]

async function* captured({ store }: World, webhook: ReturnType<typeof webhookOf>, last: number): AsyncGenerator<Taken> {
  const read = compileCaptured(webhook)
  for await (const row of readSamples(store.db, webhook.name, last)) yield read(row)
}
