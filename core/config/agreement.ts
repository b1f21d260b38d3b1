/** Whether the webhooks of one subscription agree on what their data is like. */
import { compatible, type Side, type Verdict } from './compatible.ts'
import type { Payload } from './payload.ts'

/** The first disagreement, with the two that disagree; else the first pair that cannot be judged. */
export function agreement(
  payloads: readonly Payload[],
  used: readonly (readonly string[])[],
): Verdict & { between?: readonly [Payload, Payload] } {
  let doubt: (Verdict & { between: readonly [Payload, Payload] }) | undefined
  for (const [i, later] of payloads.entries()) {
    for (const earlier of payloads.slice(0, i)) {
      const verdict = pair(earlier, later, used)
      const between = [earlier, later] as const
      if (verdict.kind === 'breaking') return { ...verdict, between }
      if (verdict.kind === 'unknown') doubt ??= { ...verdict, between }
    }
  }
  return doubt ?? { kind: 'compatible' }
}

function pair(a: Payload, b: Payload, used: readonly (readonly string[])[]): Verdict {
  const [left, right] = [sideOf(a), sideOf(b)]
  if (left && right) return compatible(left, right, used)
  return { kind: 'unknown', reason: (left ? b.why : a.why) ?? '' }
}

function sideOf({ webhook, shape, declared }: Payload): Side | undefined {
  const found = shape ?? declared
  return found && { name: webhook, schema: found.schema, closed: found.closed }
}

/** Paths within the data that a subscription reads. */
export function dataPaths(paths: readonly (readonly string[])[]): string[][] {
  return paths.filter(([first]) => first === 'data' || first === 'previous').map(([, ...rest]) => rest)
}
