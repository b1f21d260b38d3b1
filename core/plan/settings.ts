/** Settings of a step that is in both chains: what the table of rules says of a change, and a notice for every other. */
import type { TSchema } from '@sinclair/typebox'
import type { Found, Pair } from './change.ts'
import { RULES, type Settings } from './rules.ts'
import { said, same } from './said.ts'
import { secretSettings, secrets } from './secrets.ts'
import { type Placed, twins } from './steps.ts'

/** Told as what it demands, or as what it judges. */
const ELSEWHERE: Record<string, readonly string[]> = {
  'auth-any': ['of'],
  'auth-shared-secret': ['header', 'query'],
  validation: ['entity', 'schema'],
}

export function* settings(pair: Pair): Generator<Found> {
  for (const { steps } of twins(pair)) for (const { old, new: now } of steps.kept) yield* compare(old, now)
}

function* compare(old: Placed, now: Placed): Generator<Found> {
  const { plugin } = now.step
  const secret = secretSettings(plugin.config)
  const held = ({ step: { settings, shown } }: Placed) => ({ config: plugin.config, settings, shown })
  yield* secrets(held(old), held(now), now.path, 'requests that are signed or sent')
  const [before, after]: [Settings, Settings] = [old.step.shown, now.step.shown]
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    key => !secret.includes(key) && !same(before[key], after[key]),
  )
  const told = new Set<string>(ELSEWHERE[plugin.name])
  for (const rule of RULES) {
    if (rule.plugin !== plugin.name) continue
    const keys = changed.filter(key => rule.settings.includes(key))
    if (!keys.length || (rule.when && !rule.when(before, after))) continue
    const { severity, rule: name, message, cure } = rule
    for (const key of keys) told.add(key)
    yield { severity, rule: name, message, cure, ...values(keys, before, after, plugin.config), path: [...now.path, ...keys.slice(0, 1)] }
  }
  for (const key of changed)
    if (!told.has(key))
      yield {
        severity: 'notice',
        rule: 'setting-changed',
        path: [...now.path, key],
        message: `${plugin.name}.${key} is another`,
        ...values([key], before, after, plugin.config),
        cure: 'see that it is meant',
      }
}

function values(keys: readonly string[], before: Settings, after: Settings, schema: TSchema): { from: string; to: string } {
  const text = (of: Settings) => {
    const [only] = keys
    if (keys.length === 1) return said(of[only!], schema.properties?.[only!]) ?? 'left out'
    return (
      keys.flatMap(key => (of[key] === undefined ? [] : [`${key}: ${said(of[key], schema.properties?.[key])}`])).join(', ') || 'left out'
    )
  }
  return { from: text(before), to: text(after) }
}
