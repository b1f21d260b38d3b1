/** The OpenAPI 3.1 document of the admin API, made of its routes. */
import type { TSchema } from '@sinclair/typebox'
import { Problem } from './problem.ts'
import type { Route } from './route.ts'

type Json = Record<string, unknown>

/** The document; its paths are below `/admin/v1`. */
export function openapi(routes: readonly Route[]): Json {
  const paths: Record<string, Json> = {}
  for (const route of routes) paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Postern admin API',
      version: '1',
      description: 'What operators see and do. Lists are pages, newest first: pass `next` as `cursor` until it is null.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/admin/v1' }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: '`admin.token` of the configuration.' } },
      schemas: { Problem: plain(Problem) },
    },
  }
}

function operation({ method, path, summary, params, query, body, status, answer, refusals }: Route): Json {
  const named = Object.entries(params).map(([name, description]) => ({
    name,
    in: 'path',
    required: true,
    description,
    schema: { type: 'string' },
  }))
  const asked = Object.entries(query?.properties ?? {}).map(([name, schema]) => {
    const { description, ...rest } = plain(schema)
    return { name, in: 'query', required: false, ...(description !== undefined && { description }), schema: rest }
  })
  const noes: Record<number, string> = {
    400: 'The request, or a parameter of its query, is not valid.',
    401: 'The token is missing or wrong.',
    429: 'Too many requests without the token.',
    500: 'A fault of the gateway.',
    503: 'The store did not answer, or not in time.',
    ...(named.length > 0 && { 404: 'There is no such thing.' }),
    ...(method !== 'GET' && { 413: 'The body is too large.', 415: 'The body is not JSON.', 422: 'The body is not valid.' }),
    ...refusals,
  }
  const problem = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
  return {
    operationId: idOf(method, path),
    summary,
    tags: [path.split('/')[1]],
    ...(named.length + asked.length > 0 && { parameters: [...named, ...asked] }),
    ...(body && { requestBody: { required: (body.required ?? []).length > 0, content: { 'application/json': { schema: plain(body) } } } }),
    responses: {
      [status]: answer ? { description: 'Good.', content: { 'application/json': { schema: plain(answer) } } } : { description: 'Done.' },
      ...Object.fromEntries(Object.entries(noes).map(([code, description]) => [code, { description, content: problem }])),
    },
  }
}

/** `getWebhooksNameTokens` */
function idOf(method: string, path: string): string {
  const words = path.split(/\W+/).filter(Boolean)
  return method.toLowerCase() + words.map(word => word.replace(/^./, c => c.toUpperCase())).join('')
}

/** A schema as JSON, without what only the decoder knows; what has a default need not be sent. */
function plain(schema: TSchema): Json {
  const {
    'x-postern': mark,
    min: _,
    max: __,
    properties,
    required,
    items,
    anyOf,
    additionalProperties,
    patternProperties,
    ...rest
  } = schema
  const needed = (required ?? []).filter((name: string) => properties?.[name]?.default === undefined)
  const rows: Record<string, TSchema> = properties ?? patternProperties ?? {}
  const inner = Object.fromEntries(Object.entries(rows).map(([name, value]) => [name, plain(value)]))
  const text = typeof mark === 'string' ? { type: 'string' } : {}
  return {
    ...rest,
    ...text,
    ...(properties && { properties: inner }),
    ...(patternProperties && { patternProperties: inner }),
    ...(needed.length > 0 && { required: needed }),
    ...(additionalProperties !== undefined && { additionalProperties }),
    ...(items && { items: plain(items) }),
    ...(anyOf && { anyOf: anyOf.map(plain) }),
  }
}
