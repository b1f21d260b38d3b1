/** The operations of one webhook: what it takes, the handshakes of its steps, and the question whether a request would be let in. */
import type { Handshake, SenderField } from '../plugin.ts'
import type { Answer } from './answers.ts'
import { moved } from './payload.ts'
import type { Profile } from './profile.ts'
import { plainExample } from './recipe.ts'
import type { Shared } from './shared.ts'
import type { Field, Way } from './ways.ts'

type Json = Record<string, any>

/** An operation with the place where it belongs. */
export interface Placed {
  path: string
  method: string
  operation: Json
}

export function operationsOf(profile: Profile, shared: Shared): Placed[] {
  const { webhook, payload } = profile
  const schema = payload.schema && shared.schema(webhook.name, at => closedFor(profile, moved(payload.schema as Json, at)))
  const taken = webhook.methods.map((method, i) => ({
    path: webhook.path,
    method: method.toLowerCase(),
    operation: taking(profile, method, i, schema, shared),
  }))
  const greeted = profile.handshakes.map((handshake, i) => ({
    path: webhook.path,
    method: handshake.method.toLowerCase(),
    operation: greeting(profile, handshake, i, shared),
  }))
  return [
    ...taken,
    ...greeted,
    ...(profile.asking ? [{ path: `${webhook.path}/verify`, method: 'post', operation: asking(profile, shared) }] : []),
  ]
}

function taking(profile: Profile, method: string, i: number, schema: Json | undefined, shared: Shared): Json {
  const { webhook, answers } = profile
  const body = method === 'GET' ? undefined : bodyOf(profile, schema)
  const fields = method === 'GET' ? payloadParameters(profile) : []
  const taken = new Set(profile.query.map(({ name }) => name))
  return {
    operationId: i === 0 ? webhook.name : `${webhook.name}-${method.toLowerCase()}`,
    tags: [webhook.name],
    summary: profile.title,
    description: description(profile),
    ...parametersOf(
      profile,
      profile.ways,
      profile.headers,
      profile.query,
      fields.filter(({ name }) => !taken.has(name as string)),
    ),
    security: securityOf(profile.ways, shared),
    ...(body && { requestBody: body }),
    responses: responsesOf(
      profile,
      answers.filter(answer => method !== 'GET' || !BODY_ONLY.has(answer.own)),
      shared,
    ),
  }
}

/** Refusals of a body, which a GET has not. */
const BODY_ONLY = new Set(['INVALID_JSON', 'PAYLOAD_TOO_LARGE', 'REQUEST_TIMEOUT', 'UNSUPPORTED_MEDIA_TYPE'])

function description({ webhook, payload }: Profile): string {
  const others = { drop: 'Fields that the schema does not name are dropped.', reject: 'A field that the schema does not name is refused.' }
  const told = payload.others === 'drop' || payload.others === 'reject' ? others[payload.others] : ''
  return [`[How to send, with sample code](/docs/${webhook.name})`, told].filter(Boolean).join('\n\n')
}

/** Unknown fields are refused in the whole payload; said where that is sure to be what the schema then says. */
function closedFor({ payload }: Profile, schema: Json): Json {
  const branches = ['anyOf', 'oneOf', 'allOf', 'if', 'not', '$ref', 'patternProperties', 'dependentSchemas', 'additionalProperties']
  return payload.others === 'reject' && schema.properties && !branches.some(key => key in schema)
    ? { ...schema, additionalProperties: false }
    : schema
}

function bodyOf({ webhook, payload, example, types }: Profile, schema: Json | undefined): Json {
  const object = schema ?? { type: 'object' }
  const { listAs } = webhook
  const field = listAs === undefined ? undefined : (payload.schema?.properties as Json | undefined)?.[listAs]
  const inner = schema && field !== undefined ? { $ref: `${schema.$ref}/properties/${pointer(listAs as string)}` } : { type: 'array' }
  const sent = listAs === undefined ? object : inner
  const examples = example === undefined ? {} : { examples: { example: { value: example } } }
  const asForm = { schema: object, ...(webhook.example !== undefined && { examples: { example: { value: webhook.example } } }) }
  const content = types.map(type => [type, type.includes('form-urlencoded') ? asForm : { schema: sent, ...examples }])
  return {
    required: true,
    description: `At most ${size(webhook.bodyLimit)}.`,
    content: Object.fromEntries(content),
  }
}

const pointer = (key: string) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))

/** Bytes as people say them. */
export function size(bytes: number): string {
  if (bytes >= 1_048_576 && bytes % 1_048_576 === 0) return `${bytes / 1_048_576} MiB`
  return bytes >= 1024 && bytes % 1024 === 0 ? `${bytes / 1024} KiB` : `${bytes} bytes`
}

/** The payload of a GET is its query. */
function payloadParameters({ webhook, payload }: Profile): Json[] {
  const { properties, required } = (payload.schema ?? {}) as { properties?: Json; required?: string[] }
  return Object.keys(properties ?? {}).map(name => ({
    name,
    in: 'query',
    required: required?.includes(name) === true,
    schema: { $ref: `#/components/schemas/${webhook.name}/properties/${pointer(name)}` },
    ...(webhook.example?.[name] !== undefined && { example: webhook.example[name] }),
  }))
}

function parametersOf(
  profile: Profile,
  ways: readonly Way[],
  headers: readonly Field[],
  query: readonly Field[],
  more: readonly Json[] = [],
): Json {
  const all = [
    ...profile.params.map(name => ({
      name,
      in: 'path',
      required: true,
      description: name === 'token' ? 'The token of your URL. It is a secret.' : 'Part of the path.',
      schema: { type: 'string' },
    })),
    ...headers
      .filter(field => !IGNORED.has(field.name.toLowerCase()) && !secures(ways, field, 'header'))
      .map(field => parameter(field, 'header')),
    ...query.filter(field => !secures(ways, field, 'query')).map(field => parameter(field, 'query')),
    ...more,
  ]
  return all.length > 0 ? { parameters: all } : {}
}

/** OpenAPI 3.1 ignores parameters of these names. */
const IGNORED = new Set(['authorization', 'content-type', 'accept'])

/** A security scheme says it already. */
function secures(ways: readonly Way[], { name }: Field, where: 'header' | 'query'): boolean {
  return ways.some(way =>
    Object.values(way.security).some(
      scheme => scheme.type === 'apiKey' && scheme.in === where && String(scheme.name).toLowerCase() === name.toLowerCase(),
    ),
  )
}

function parameter({ name, ...field }: { name: string } & SenderField, where: string): Json {
  return {
    name,
    in: where,
    required: field.required === true,
    description: field.description,
    schema: { type: 'string', ...(field.maxLength !== undefined && { maxLength: field.maxLength }) },
    ...(field.example !== undefined && { example: plainExample(field.example) }),
  }
}

function securityOf(ways: readonly Way[], shared: Shared): Json[] {
  const all = ways.map(way => Object.fromEntries(Object.entries(way.security).map(([name, scheme]) => [shared.security(name, scheme), []])))
  // One that asks for nothing, and nothing else beside it: the empty list says that no credential is sent.
  return all.every(one => Object.keys(one).length === 0) ? [] : [...new Map(all.map(one => [JSON.stringify(one), one])).values()]
}

function responsesOf(profile: Profile, answers: readonly Answer[], shared: Shared): Json {
  const statuses = [...new Set(answers.map(({ status }) => status))]
  return Object.fromEntries(
    statuses.map(status => {
      const those = answers.filter(answer => answer.status === status)
      const parts = those.some(({ good }) => good) ? [...those, profile.told] : those
      return [status, shared.response(`${profile.webhook.dialect}-${status}`, parts, () => response(those, profile.told))]
    }),
  )
}

function response(answers: readonly Answer[], told: Readonly<Record<string, SenderField>>): Json {
  const good = answers.some(answer => answer.good)
  const types = [...new Set(answers.flatMap(answer => answer.type ?? []))]
  const content = types.map(type => {
    const those = answers.filter(answer => answer.type === type)
    // A dialect may give one code to several refusals.
    const examples = those.map(({ code, own, summary, body }, i) => [
      those.findIndex(other => other.code === code) < i ? own : code,
      { summary, value: body },
    ])
    return [type, { schema: schemaOf(those.map(({ body }) => body)), examples: Object.fromEntries(examples) }]
  })
  const headers: Json = good
    ? Object.fromEntries(Object.entries(told).map(([name, field]) => [name, header(field.description, { type: 'string' })]))
    : {}
  if (answers.some(answer => answer.retryAfter))
    headers['Retry-After'] = header('Seconds until the request should be sent again.', { type: 'integer', minimum: 1 })
  return {
    description: answers.map(({ code, summary, good }) => (good ? summary : `\`${code}\`: ${summary}`)).join('\n\n'),
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(content.length > 0 && { content: Object.fromEntries(content) }),
  }
}

const header = (description: string, schema: Json): Json => ({ description, schema })

/** What rendered bodies have in common, one level deep: more would be guessed. */
function schemaOf(bodies: readonly unknown[]): Json {
  const objects = bodies.filter((body): body is Json => typeof body === 'object' && body !== null && !Array.isArray(body))
  if (objects.length < bodies.length) return {}
  const names = [...new Set(objects.flatMap(body => Object.keys(body)))]
  const type = (value: unknown) => (value === null || value === undefined ? undefined : Array.isArray(value) ? 'array' : typeof value)
  const properties = names.map(name => {
    const types = [...new Set(objects.flatMap(body => type(body[name]) ?? []))]
    return [name, types.length === 1 ? { type: types[0] } : {}]
  })
  return { type: 'object', properties: Object.fromEntries(properties) }
}

function greeting(profile: Profile, handshake: Handshake, i: number, shared: Shared): Json {
  const { webhook, answers, wrongMethod } = profile
  const fields = (of: Record<string, SenderField> = {}) => Object.entries(of).map(([name, field]) => ({ name, ...field }))
  return {
    operationId: `${webhook.name}-handshake${i === 0 ? '' : `-${i + 1}`}`,
    tags: [webhook.name],
    summary: handshake.summary,
    ...parametersOf(profile, [], fields(handshake.headers), fields(handshake.query)),
    security: [],
    responses: {
      [handshake.status]: {
        description: handshake.summary,
        ...(handshake.contentType && { content: { [handshake.contentType]: { schema: {} } } }),
      },
      // The steps before it, and it itself, may refuse; what is no such request is of a method that the webhook does not take.
      ...responsesOf(profile, [...answers.filter(({ good, own }) => !good && !BODY_ONLY.has(own)), wrongMethod], shared),
    },
  }
}

/** Of the verify steps and of the gateway itself; a dialect may give them any status. */
const ALWAYS: ReadonlySet<string> = new Set(['UNAUTHORIZED', 'UNAVAILABLE', 'INTERNAL'])

function asking(profile: Profile, shared: Shared): Json {
  const { webhook, asking, answers } = profile
  const ways = asking?.ways ?? []
  const noes = answers.filter(
    ({ status, good, own }) =>
      !good && (ALWAYS.has(own) || status === 401 || status >= 500 || (BODY_ONLY.has(own) && status !== 400 && status !== 415)),
  )
  return {
    operationId: `${webhook.name}-verify`,
    tags: [webhook.name],
    summary: 'Would this request be let in? Nothing is stored.',
    description: `Send here what you would send to the webhook. What is signed is the address of the webhook itself, without \`/verify\`.`,
    ...parametersOf(profile, ways, asking?.headers ?? [], asking?.query ?? []),
    security: securityOf(ways, shared),
    requestBody: { description: 'As for the webhook itself.', content: { 'application/json': { schema: {} } } },
    responses: {
      200: {
        description: 'It would be let in.',
        content: {
          'application/json': {
            schema: { type: 'object', required: ['verified'], properties: { verified: { const: true } } },
            example: { verified: true },
          },
        },
      },
      ...responsesOf(profile, noes, shared),
    },
  }
}
