/** The format of a case file, setting by setting: what is decoded, checked for unknown keys, and told in the documents. */
import { type Static, Type } from '@sinclair/typebox'
import { closed } from '../config/section.ts'
import { Duration } from '../settings.ts'

const scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean()])
const moment = (description: string) => Type.Optional(Type.Union([Type.String(), Type.Number()], { description }))
const env = Type.Optional(
  Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }), scalar, {
    description: 'Stands in for the environment: nothing else of it is seen.',
  }),
)
const secrets = Type.Optional(
  Type.Record(Type.String({ minLength: 1 }), Type.Union([scalar, Type.Array(scalar, { minItems: 1 })]), {
    description: 'Values of `${' + 'secret:NAME}`: one, or several of which the newest comes first. Left out: values that nobody knows.',
  }),
)

/** Parts that an expectation may have; each is optional, and each that is there must hold. */
export const Expect = closed(
  {
    status: Type.Optional(
      Type.Union(
        [
          Type.Integer({ minimum: 100, maximum: 599 }),
          Type.Array(Type.Integer({ minimum: 100, maximum: 599 }), { minItems: 1 }),
          Type.String({ pattern: '^[1-5]xx$' }),
        ],
        { description: 'Status of the answer: a number, a list of which one is right, or a class such as 2xx.' },
      ),
    ),
    headers: Type.Optional(
      Type.Record(Type.String({ minLength: 1 }), Type.Unknown(), { description: 'Headers of the answer by name; `null`: it has none.' }),
    ),
    body: Type.Optional(Type.Unknown({ description: 'Body of the answer: text exactly, anything else as JSON, in part.' })),
    code: Type.Optional(Type.String({ description: 'Code of the refusal, as the gateway has it before the dialect renames it.' })),
    reason: Type.Optional(Type.String({ description: "Part of the operator's reason of the refusal." })),
    replayed: Type.Optional(Type.Boolean({ description: 'An earlier request with the same idempotency key is answered again.' })),
    same: Type.Optional(Type.Boolean({ description: 'Status and body are byte for byte those of the request before.' })),
    records: Type.Optional(
      Type.Union(
        [
          Type.Record(Type.String({ minLength: 1 }), Type.Union([Type.Array(Type.Unknown()), Type.Integer({ minimum: 0 })])),
          Type.Array(Type.Unknown(), { maxItems: 0 }),
        ],
        { description: 'By entity, all records that there are now, in any order, or how many; `[]`: none at all.' },
      ),
    ),
    events: Type.Optional(
      Type.Union([Type.Array(Type.Unknown()), Type.Integer({ minimum: 0 })], {
        description: 'All events that were raised, in their order, or how many.',
      }),
    ),
    variables: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'What the chain set aside, in part.' })),
  },
  'What must have come of the request.',
)

const request = {
  webhook: Type.Optional(Type.String({ minLength: 1, description: 'Webhook that is meant; needed where several share a path.' })),
  method: Type.Optional(Type.String({ pattern: '^[A-Za-z]{1,20}$', description: 'POST, unless told.' })),
  path: Type.Optional(
    Type.String({
      pattern: '^/',
      description: "Path, with its query if it has one; `{token}` becomes a token that is made for the case. Left out: the webhook's.",
    }),
  ),
  query: Type.Optional(
    Type.Union([Type.String(), Type.Record(Type.String(), Type.Union([scalar, Type.Array(scalar)]))], {
      description: 'Query parameters: text exactly, or by name.',
    }),
  ),
  host: Type.Optional(Type.String({ minLength: 1, description: 'Host that is called; left out, one under which the path is found.' })),
  headers: Type.Optional(
    Type.Record(Type.String({ minLength: 1 }), Type.Union([scalar, Type.Array(scalar)]), { description: 'Headers by name.' }),
  ),
  ip: Type.Optional(Type.String({ minLength: 1, description: "Address of the connection's other end; 192.0.2.1, unless told." })),
  https: Type.Optional(Type.Boolean({ description: 'False: it comes plain, which `server.requireHttps` refuses.' })),
  body: Type.Optional(Type.String({ description: 'The exact bytes, as text.' })),
  json: Type.Optional(Type.Unknown({ description: 'A value that is sent as JSON, with its content type.' })),
  bodyBase64: Type.Optional(Type.String({ description: 'The exact bytes, as base64.' })),
  bodyFile: Type.Optional(Type.String({ minLength: 1, description: 'A file with the exact bytes, relative to this one.' })),
  sign: Type.Optional(
    Type.Union([Type.Boolean(), closed({ at: moment('When; left out: now.') }, 'Signed at another time.')], {
      description: 'Adds what the sender would: signature, timestamp, keys. Headers that are given win.',
    }),
  ),
  privateKey: Type.Optional(
    Type.String({ minLength: 1, description: 'PKCS#8 PEM, to sign where the gateway knows the public key alone.' }),
  ),
}

const Step = closed(
  {
    ...request,
    now: moment('When it is sent; left out: when the one before was.'),
    after: Type.Optional(Duration({ description: "Instead of `now`: how long after the case's." })),
    times: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'How often it is sent.' })),
    expect: Type.Optional(Expect),
  },
  'A request, and what must come of it.',
)

const Case = closed(
  {
    name: Type.String({ minLength: 1, maxLength: 500, description: 'What it shows, in a sentence.' }),
    now: moment('The clock: RFC 3339, or unix seconds or milliseconds.'),
    env,
    secrets,
    skip: Type.Optional(Type.Union([Type.Boolean(), Type.String()], { description: 'True, or why: it is not run.' })),
    only: Type.Optional(Type.Boolean({ description: 'While any case has it, no other is run.' })),
    before: Type.Optional(Type.Array(Step, { maxItems: 1000, description: 'Requests that are sent first.' })),
    request: Type.Optional(closed(request, 'The request.')),
    requests: Type.Optional(Type.Array(Step, { minItems: 1, maxItems: 1000, description: 'Several instead of one, in order.' })),
    expect: Type.Optional(Expect),
  },
  'One case: a store of its own, requests, and what must have come of them.',
)

/** One whole case file. */
export const CaseFile = closed(
  {
    config: Type.String({ minLength: 1, description: 'The configuration: a file or a folder, relative to this file.' }),
    now: moment('The clock of cases that have none.'),
    env,
    secrets,
    cases: Type.Array(Case, { minItems: 1, description: 'The cases.' }),
  },
  'Cases for one configuration.',
)

export type RawFile = Static<typeof CaseFile>
export type RawCase = Static<typeof Case>
export type RawStep = Static<typeof Step>
export type Expectation = Static<typeof Expect>
