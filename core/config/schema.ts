/** The settings of a configuration file: the one list from which the check, the editor schema and the reference come. */
import { type Static, Type } from '@sinclair/typebox'
import { Size } from '../settings.ts'
import type { Node } from './node.ts'
import { EVENT_TYPES } from './payload.ts'
import { problemDialect } from './problemDialect.ts'
import { admin, redis, retention, secrets, server, store } from './processSchema.ts'
import { closed, later, named } from './section.ts'

const template = (description: string) => later({}, `${description} \`{{path}}\` is replaced.`)

const entity = closed(
  {
    schema: Type.Optional(
      later(
        { anyOf: [{ type: 'object' }, { type: 'string' }] },
        'JSON Schema 2020-12: here, or the path of a JSON or YAML file relative to this one.',
      ),
    ),
    unknown: Type.Union([Type.Literal('drop'), Type.Literal('keep'), Type.Literal('reject')], {
      default: 'drop',
      description: 'What becomes of keys that the schema does not name.',
    }),
  },
  'A named kind of record.',
)

const capture = closed(
  {
    last: Type.Integer({
      minimum: 0,
      maximum: 10_000,
      default: 100,
      description: 'Requests of this webhook that are kept, the newest; 0 keeps none.',
    }),
    body: Size({ default: '16KiB', max: '1MiB', description: 'What is kept of a body; a longer one is cut.' }),
    mask: Type.Array(Type.String({ pattern: '^[^.]+(\\.[^.]+)*$', maxLength: 500 }), {
      default: [],
      maxItems: 100,
      uniqueItems: true,
      examples: [['card.number', 'people.*.ssn']],
      description: 'Paths of the payload whose values are not kept; `*` stands for every key or item. Credentials never are.',
    }),
  },
  'Samples of requests, accepted and refused, for operators to look at and to replay.',
)

const hostName = Type.String({ format: 'host-name' })
const webhook = closed(
  {
    summary: Type.Optional(Type.String({ description: 'For people: shown in documents.' })),
    path: Type.String({
      format: 'webhook-path',
      examples: ['/orders/{token}'],
      description: 'Path of the endpoint; a segment in braces is a parameter.',
    }),
    host: Type.Optional(
      Type.Union([hostName, Type.Array(hostName, { minItems: 1 })], {
        examples: ['acme.example.com'],
        description: 'Answer only under these host names. Left out: under any.',
      }),
    ),
    methods: Type.Array(Type.Union([Type.Literal('POST'), Type.Literal('PUT'), Type.Literal('PATCH'), Type.Literal('GET')]), {
      default: ['POST'],
      minItems: 1,
      uniqueItems: true,
      description: 'Methods that are accepted. With GET the query parameters become the payload.',
    }),
    bodyLimit: Size({ default: '256KiB', min: '1B', max: '100MiB', description: 'Largest body accepted.' }),
    active: Type.Boolean({ default: true, description: 'False: answers 404, as if it were not there.' }),
    listAs: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        examples: ['events'],
        description: 'A body that is a bare JSON list, as SendGrid sends it, becomes this field of the payload. Left out, it is refused.',
      }),
    ),
    verify: Type.Boolean({
      default: false,
      description: "`POST {path}/verify` runs the chain's verify steps alone and tells whether they let the request in; nothing is stored.",
    }),
    dialect: Type.String({ default: 'problem', description: 'Name of the shape of its answers; `problem` is RFC 9457.' }),
    example: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'A payload to show and to try.' })),
    capture,
    chain: later(
      { type: 'array', 'x-editor': { type: 'array', items: { $ref: '#/definitions/step' } } },
      'Its steps in order: each a plugin by its name, or a map of exactly one plugin to its settings.',
    ),
  },
  'One inbound endpoint.',
)

const names = (description: string, example: string[]) =>
  Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1, uniqueItems: true })], {
    description,
    examples: [example],
  })
const event = Type.Union([Type.Literal('record.created'), Type.Literal('record.updated'), Type.Literal('webhook.received')])
const subscription = closed(
  {
    webhooks: names('Webhooks whose events are taken: a name, or a list of names; several need compatible schemas.', ['orders', 'refunds']),
    events: Type.Array(event, {
      default: [...EVENT_TYPES],
      minItems: 1,
      uniqueItems: true,
      description: 'Kinds of events that are taken.',
    }),
    when: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2000,
        examples: ['data.status == "final" && custom_variables.plan != "free"'],
        description: 'CEL over data, previous, custom_variables, event and webhook: an event is taken when this is true.',
      }),
    ),
    to: names('Destinations that get them: a name, or a list of names.', ['crm']),
    body: Type.Optional(template('What is sent; left out, the whole event.')),
  },
  'Which events of which webhooks go where.',
)

const success = Type.Integer({ minimum: 200, maximum: 299, description: 'Status of the answer.' })
const variant = closed(
  { status: Type.Optional(success), body: Type.Optional(template('Body of the answer.')) },
  'What differs from `success`.',
)
const code = closed(
  {
    status: Type.Optional(Type.Integer({ minimum: 400, maximum: 599, description: 'Status instead of the default.' })),
    code: Type.Optional(Type.String({ minLength: 1, description: 'Code that the sender sees instead.' })),
    message: Type.Optional(Type.String({ description: 'Message instead of the default.' })),
  },
  'How one refusal is told.',
)
const dialect = closed(
  {
    success: closed(
      { status: Type.Integer({ ...success, default: 200 }), body: Type.Optional(template('Body; left out, that of `problem`.')) },
      'The answer when a record was created.',
    ),
    updated: Type.Optional({ ...variant, description: 'Instead of `success`, when an existing record was updated.' }),
    accepted: Type.Optional({ ...variant, description: 'Instead of `success`, when no record was written.' }),
    error: closed(
      {
        contentType: Type.Optional(
          Type.String({
            pattern: '^[\\w.+-]+/[\\w.+-]+(; ?[\\w-]+=[\\w.-]+)*$',
            examples: ['application/json'],
            description: 'Media type.',
          }),
        ),
        body: Type.Optional(template('Body; left out, that of `problem`.')),
      },
      'The answer to a refusal.',
    ),
    codes: Type.Record(Type.String({ pattern: '^[A-Z][A-Z0-9_]*$' }), code, {
      default: {},
      description: 'Refusals that are told differently, by code.',
    }),
  },
  'The shape of HTTP answers.',
)

/** One whole file, or all files of a folder together. */
export const File = closed(
  {
    version: Type.Literal(1, { description: 'Version of this format.' }),
    server,
    store,
    redis,
    admin,
    retention,
    secrets,
    plugins: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      examples: [['./my-plugins/geo.ts', '@acme/postern-enrich']],
      description: 'Plugins to load besides the built-in ones: a path relative to this file, or a package.',
    }),
    entities: Type.Optional(named(entity, 'Kinds of records, by name.')),
    webhooks: Type.Optional(named(webhook, 'Inbound endpoints, by name.')),
    subscriptions: Type.Optional(named(subscription, 'Which events go where, by name.')),
    destinations: Type.Optional(
      named(
        later({ type: 'object', 'x-editor': { $ref: '#/definitions/destination' } }, 'An outgoing endpoint.'),
        'Outgoing endpoints, by name.',
      ),
    ),
    dialects: Type.Optional(named(dialect, `Shapes of answers, by name; \`${problemDialect.name}\` is built in.`)),
  },
  'Configuration of Postern.',
)

/** What decoding gives: after a fault, any part may be missing. */
export type Loose<T> = T extends Node | string | number | boolean
  ? T
  : T extends readonly (infer Item)[]
    ? (Loose<Item> | undefined)[]
    : { [Key in keyof T]?: Loose<T[Key]> | undefined }

export type Sections = Loose<Static<typeof File>>
