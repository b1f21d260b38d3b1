/** Two operations in one place, of webhooks that share a path and a method: what either takes and answers. */

type Json = Record<string, any>

/** Told apart by host or by token, which OpenAPI cannot say: whatever fits one of them is good. */
export function merged(one: Json, other: Json): Json {
  const security = [...(one.security.length > 0 ? one.security : [{}]), ...(other.security.length > 0 ? other.security : [{}])]
  const open = one.security.length === 0 && other.security.length === 0
  const body = bodies(one.requestBody, other.requestBody)
  const parameters = everyParameter(one.parameters ?? [], other.parameters ?? [])
  const statuses = [...new Set([...Object.keys(one.responses), ...Object.keys(other.responses)])].sort()
  const tags = [...new Set([...one.tags, ...other.tags])]
  // A question that a step of the same webhook answers is no second name of it.
  const alone = tags.length === one.tags.length || one.summary === other.summary
  return {
    operationId: one.operationId,
    tags,
    summary: alone ? one.summary : `${one.summary}; ${other.summary}`,
    description: [...new Set([one.description, other.description, ...(alone && one.summary !== other.summary ? [other.summary] : [])])]
      .filter(Boolean)
      .join('\n\n'),
    ...(parameters.length > 0 && { parameters }),
    security: open ? [] : [...new Map(security.map(item => [JSON.stringify(item), item])).values()],
    ...(body && { requestBody: body }),
    responses: Object.fromEntries(statuses.map(status => [status, responses(one.responses[status], other.responses[status])])),
  }
}

function everyParameter(one: readonly Json[], other: readonly Json[]): Json[] {
  const same = (a: Json, b: Json) =>
    a.in === b.in && (a.in === 'header' ? a.name.toLowerCase() === b.name.toLowerCase() : a.name === b.name)
  const both = one.map(parameter => {
    const twin = other.find(candidate => same(parameter, candidate))
    if (!twin) return parameter.in === 'path' ? parameter : { ...parameter, required: false }
    const schema = either(parameter.schema, twin.schema)
    return { ...parameter, schema, required: parameter.required && twin.required }
  })
  const rest = other.filter(parameter => !one.some(candidate => same(parameter, candidate)))
  return [...both, ...rest.map(parameter => (parameter.in === 'path' ? parameter : { ...parameter, required: false }))]
}

function bodies(one: Json | undefined, other: Json | undefined): Json | undefined {
  if (!one || !other) {
    const only = one ?? other
    return only && { ...only, required: false }
  }
  return {
    required: one.required === true && other.required === true,
    description: [...new Set([one.description, other.description])].filter(Boolean).join(' '),
    content: contents(one.content, other.content),
  }
}

/** A response may be a reference into the components: merged, it stands here itself. */
function responses(one: Json | undefined, other: Json | undefined): Json {
  if (!one || !other) return (one ?? other) as Json
  if (JSON.stringify(one) === JSON.stringify(other)) return one
  return { merge: [one, other] }
}

/** Puts the responses that `merged` has left side by side together, their references followed. */
export function settled(operation: Json, components: Json): Json {
  const follow = (response: Json): Json[] =>
    response.merge ? response.merge.flatMap(follow) : response.$ref ? [components.responses[response.$ref.split('/').at(-1)]] : [response]
  const settle = (response: Json): Json => {
    if (!response.merge) return response
    const [first, ...rest] = follow(response) as [Json, ...Json[]]
    return rest.reduce(
      (a, b) => ({
        description: [...new Set([...a.description.split('\n\n'), ...b.description.split('\n\n')])].join('\n\n'),
        ...((a.headers || b.headers) && { headers: { ...a.headers, ...b.headers } }),
        ...((a.content || b.content) && { content: contents(a.content ?? {}, b.content ?? {}) }),
      }),
      first,
    )
  }
  return {
    ...operation,
    responses: Object.fromEntries(Object.entries<Json>(operation.responses).map(([status, one]) => [status, settle(one)])),
  }
}

function contents(one: Json, other: Json): Json {
  const types = [...new Set([...Object.keys(one), ...Object.keys(other)])]
  return Object.fromEntries(
    types.map(type => {
      const [a, b] = [one[type], other[type]]
      if (!a || !b) return [type, a ?? b]
      const examples = { ...named(a), ...apart(named(b), named(a)) }
      return [type, { schema: either(a.schema, b.schema), ...(Object.keys(examples).length > 0 && { examples }) }]
    }),
  )
}

const named = ({ examples, example }: Json): Json => examples ?? (example === undefined ? {} : { example: { value: example } })

/** Examples whose names are taken get others; those that say the same are left out. */
function apart(examples: Json, taken: Json): Json {
  return Object.fromEntries(
    Object.entries<Json>(examples).flatMap(([name, example]) => {
      if (!Object.hasOwn(taken, name)) return [[name, example]]
      if (JSON.stringify(taken[name]) === JSON.stringify(example)) return []
      let i = 2
      while (Object.hasOwn(taken, `${name}-${i}`)) i++
      return [[`${name}-${i}`, example]]
    }),
  )
}

/** One of two schemas, or both: `oneOf` would refuse what fits both. */
function either(one: Json, other: Json): Json {
  if (JSON.stringify(one) === JSON.stringify(other)) return one
  return { anyOf: [...(one.anyOf && Object.keys(one).length === 1 ? one.anyOf : [one]), other] }
}
