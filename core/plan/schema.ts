/** Payloads that were taken, and are no longer: by the JSON Schemas, and by what becomes of unknown keys. */
import { accepts } from '../config/accepts.ts'
import type { ChainItem } from '../config/config.ts'
import type { Path } from '../config/problem.ts'
import type { Found, Pair, Side } from './change.ts'
import { same } from './said.ts'
import { twins } from './steps.ts'

type Schema = Record<string, unknown>

export function* schema(pair: Pair): Generator<Found> {
  for (const { new: now, steps } of twins(pair)) {
    const pairs = steps.kept.filter(({ new: { step } }) => step.plugin.sender !== undefined)
    for (const { old, new: next } of pairs) {
      const [before, after] = [bodyOf(old.step, pair.old, now.name), bodyOf(next.step, pair.new, now.name)]
      const entity = typeof next.step.settings.entity === 'string' ? next.step.settings.entity : undefined
      const declared = entity !== undefined && pair.new.config.entities.has(entity)
      const path = declared ? ['entities', entity, 'schema'] : next.path
      if (before && after && !same(before, after)) yield { ...judged(before, after, path), webhook: now.name }
      if (before && after && declared) for (const found of unknown(old.step, entity, pair)) yield { ...found, webhook: now.name }
    }
  }
}

/** The schema that a step tells senders of; what a plugin throws is told when the configuration is loaded. */
export function bodyOf({ plugin, shown }: ChainItem, { config }: Side, webhook: string): Schema | undefined {
  try {
    return plugin.sender?.(shown, { entity: name => config.entities.get(name), publicUrl: config.server.publicUrl, webhook })?.body
  } catch {
    return undefined
  }
}

function judged(before: Schema, after: Schema, path: Path): Found {
  const verdict = accepts(before, after)
  if (verdict.kind === 'compatible')
    return {
      severity: 'notice',
      rule: 'schema-widened',
      path,
      message: 'the schema has changed, and takes all that it took',
      cure: 'receivers may see values that there were not before',
    }
  const narrowed = verdict.kind === 'breaking'
  return {
    severity: 'breaking',
    rule: narrowed ? 'schema-narrowed' : 'schema-unclear',
    path,
    message: narrowed
      ? `payloads that were good get 422: ${verdict.reason}`
      : `whether all payloads that were good still are cannot be told: ${verdict.reason}`,
    cure: narrowed
      ? 'run captured requests through it with `postern requests replay`, and tell senders first'
      : 'look at it, and run captured requests through it with `postern requests replay`',
  }
}

function* unknown(step: ChainItem, entity: string, { old, new: now }: Pair): Generator<Found> {
  const before = old.config.entities.get(String(step.settings.entity))?.unknown
  const after = now.config.entities.get(entity)?.unknown
  if (before === undefined || after === undefined || before === after) return
  const change = { path: ['entities', entity, 'unknown'], from: before, to: after }
  if (after === 'reject')
    yield {
      ...change,
      severity: 'breaking',
      rule: 'unknown-rejected',
      message: 'a payload with a key that the schema does not name gets 422',
      cure: 'look at captured requests for such keys first',
    }
  else if (after === 'keep')
    yield {
      ...change,
      severity: 'security',
      rule: 'unknown-kept',
      message: 'whatever a sender adds is stored and sent on',
      cure: 'name the keys that you want in the schema, and drop the others',
    }
  else
    yield {
      ...change,
      severity: before === 'keep' ? 'breaking' : 'notice',
      rule: 'unknown-dropped',
      message:
        before === 'keep'
          ? 'keys that the schema does not name are in no record and no event any more'
          : 'unknown keys are dropped, and no longer refused',
      cure: before === 'keep' ? 'add the keys that receivers use to the schema' : 'nothing to do',
    }
}
