/** Lets through the requests that an expression is true of. */
import { compileExpression, definePlugin, type Expression, Type } from '#core/plugin.ts'

const NAMES = { objects: ['data', 'payload', 'custom_variables', 'query'], texts: ['webhook', 'method'] }

export default definePlugin({
  name: 'filter',
  phase: 'shape',
  summary: 'Lets through the requests that a CEL expression is true of.',
  config: Type.Object(
    {
      when: Type.String({
        minLength: 1,
        maxLength: 2000,
        description: 'CEL over data, payload, custom_variables, query, webhook and method.',
        examples: ['data.email != "" && data.amount > 10'],
      }),
      otherwise: Type.Union([Type.Literal('accept'), Type.Literal('refuse')], {
        default: 'accept',
        description: 'What the others get: a success that writes nothing, or FILTERED.',
      }),
    },
    { additionalProperties: false },
  ),
  refusals: { FILTERED: { status: 422, summary: 'The webhook does not take requests like this one.' } },
  sender: c => ({
    ...(c.otherwise === 'accept' && { stops: 'The webhook has no use for a request like this one.', refusals: [] }),
    query: Object.fromEntries(
      parametersOf(compileExpression(c.when, NAMES)).map(name => [name, { description: 'Decides whether the request is taken.' }]),
    ),
  }),
  check(c) {
    try {
      parametersOf(compileExpression(c.when, NAMES))
      return []
    } catch (error) {
      return [{ path: '/when', message: (error as Error).message }]
    }
  },
  leaves: () => ({}),
  compile(c, host) {
    const expression = compileExpression(c.when, NAMES)
    const ask = asker(parametersOf(expression))
    const stop = c.otherwise === 'accept' ? host.accept() : host.refuse('FILTERED')
    let warned = false
    return x => {
      const { data, payload, variables: custom_variables, webhook, method } = x
      try {
        return expression.holds({ data, payload, custom_variables, query: ask(x.query), webhook, method }) ? undefined : stop
      } catch (error) {
        // A value that the expression cannot work with, a missing field say: what cannot be judged does not pass.
        if (!warned) host.warn('the filter met a value that its expression cannot work with; this counts as not matching', why(error))
        warned = true
        return stop
      }
    }
  },
})

/** Query parameters that it asks for: only by name, so that senders can be told which there are. */
function parametersOf({ paths }: Expression): string[] {
  const asked = paths.filter(path => path[0] === 'query')
  const named = new Set(asked.filter(path => path.length > 1).map(path => path[1] as string))
  // `query.source` counts twice: as itself, and as the `query` in it.
  if (asked.filter(path => path.length === 1).length > asked.filter(path => path.length === 2).length)
    throw new Error(`'query' takes a name, as in query.source or query["utm-source"]`)
  return [...named]
}

const NONE: Record<string, string> = Object.freeze({})

/** The first value of each parameter that the expression asks for; one that is not there is no key. */
function asker(names: readonly string[]): (query: URLSearchParams) => Record<string, string> {
  if (names.length === 0) return () => NONE
  return query => {
    const values: Record<string, string> = Object.create(null)
    for (const name of names) {
      const value = query.get(name)
      if (value !== null) values[name] = value
    }
    return values
  }
}

/** The code alone: the library's messages quote the sender's values. */
function why(error: unknown): { code: string } {
  return { code: (error as { code?: string }).code ?? (error as Error).name }
}
