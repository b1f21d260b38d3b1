/** Credentials in settings, by the names that the files have for them; their values are never told. */
import type { TSchema } from '@sinclair/typebox'
import type { Path } from '../config/problem.ts'
import type { Found } from './change.ts'
import { same, without } from './said.ts'

/** What `show` puts in the place of a secret that stands in the file itself. */
const INLINE = '$SECRET'

interface Held {
  readonly config: TSchema
  readonly settings: Record<string, unknown>
  readonly shown: Record<string, unknown>
}

/** Top-level settings that are, or hold, secrets. */
export function secretSettings({ properties = {} }: TSchema): string[] {
  return Object.keys(properties).filter(key => isSecret(properties[key]))
}

function isSecret(schema: TSchema): boolean {
  if (schema['x-postern'] === 'secret') return true
  const inner: TSchema[] = [schema.items, ...Object.values(schema.patternProperties ?? {}), ...Object.values(schema.properties ?? {})]
  return inner.some(one => one && isSecret(one))
}

/** What has changed of the secrets of a step or a destination; `who` goes by them. */
export function* secrets(old: Held, now: Held, path: Path, who: string): Generator<Found> {
  for (const key of secretSettings(now.config)) {
    const [before, after] = [names(old.shown[key]), names(now.shown[key])]
    const [lost, won] = [without(before, after), without(after, before)]
    const change = { path: [...path, key], from: listed(before), to: listed(after) }
    if (!lost.length && !won.length) {
      // Of a stored or an unset secret nothing is known here but its name.
      if (!same(old.settings[key], now.settings[key]))
        yield {
          ...change,
          severity: 'breaking',
          rule: 'secret-changed',
          message: `has another value under the same name: ${who} by the old one fail`,
          cure: 'keep the old one beside the new one until nobody uses it',
        }
      continue
    }
    if (won.includes(INLINE))
      yield {
        ...change,
        severity: 'security',
        rule: 'secret-inline',
        message: 'a secret stands in the file itself, for everybody who reads it',
        cure: 'write ${' + 'NAME} or ${' + 'secret:NAME} in its place, and change it: it is known now',
      }
    if (lost.length)
      yield {
        ...change,
        severity: 'breaking',
        rule: 'secret-removed',
        message: `${who} by ${lost.join(', ')} fail`,
        cure: 'look first whether it is still in use; `postern secret list` tells it of stored ones',
      }
    else
      yield {
        ...change,
        severity: 'notice',
        rule: 'secret-added',
        message: `${won.join(', ')} is good, too`,
        cure: 'take the old one out when nobody uses it any more',
      }
  }
}

function names(value: unknown): string[] {
  if (value === undefined) return []
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return [...new Set(Object.values(value).flatMap(names))]
}

const listed = (list: readonly string[]) => `[${list.join(', ')}]`
