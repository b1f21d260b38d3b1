/** Headers and query parameters that a request must have now, and did not before. */
import type { ChainItem } from '../config/config.ts'
import type { Found, Pair, Side } from './change.ts'
import { type Placed, twins } from './steps.ts'

export function* demands(pair: Pair): Generator<Found> {
  for (const { new: now, steps } of twins(pair)) {
    for (const { old, new: next } of steps.kept) yield* more(wanted(old.step, pair.old, now.name), next, pair.new, now.name)
    // A way to authenticate that was not there before is told as that.
    for (const next of steps.added) if (next.step.plugin.phase !== 'verify') yield* more(new Map(), next, pair.new, now.name)
  }
}

function* more(before: ReadonlyMap<string, string>, { step, path }: Placed, side: Side, webhook: string): Generator<Found> {
  const fresh = [...wanted(step, side, webhook)].filter(([key]) => !before.has(key)).map(([, what]) => what)
  if (fresh.length)
    yield {
      severity: 'breaking',
      rule: 'more-required',
      path,
      message: `requests need ${fresh.join(' and ')} now`,
      cure: 'tell senders to send it before this runs',
    }
}

/** What is required, by its kind and its name in lower case. */
function wanted({ plugin, shown }: ChainItem, { config }: Side, webhook: string): Map<string, string> {
  try {
    const host = { entity: (name: string) => config.entities.get(name), publicUrl: config.server.publicUrl, webhook }
    const { headers = {}, query = {} } = plugin.sender?.(shown, host) ?? {}
    const required = (fields: typeof headers) => Object.entries(fields).filter(([, field]) => field.required)
    return new Map([
      ...required(headers).map(([name]): [string, string] => [`header ${name.toLowerCase()}`, `the header ${name}`]),
      ...required(query).map(([name]): [string, string] => [`query ${name}`, `the query parameter ${name}`]),
    ])
  } catch {
    return new Map()
  }
}
