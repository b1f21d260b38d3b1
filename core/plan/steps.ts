/** The steps of two chains side by side: the first `quota` of one goes with the first `quota` of the other. */
import type { ChainItem, Webhook } from '../config/config.ts'
import type { Path } from '../config/problem.ts'
import type { Pair } from './change.ts'
import { heirs } from './heirs.ts'

export interface Placed {
  readonly step: ChainItem
  /** From the top of the configuration, the plugin's name included. */
  readonly path: Path
}

export interface Steps {
  readonly kept: readonly { old: Placed; new: Placed }[]
  readonly lost: readonly Placed[]
  readonly added: readonly Placed[]
  /** What is kept comes in another order. */
  readonly moved: boolean
}

/** A webhook that both configurations have. */
export interface Twins {
  readonly old: Webhook
  readonly new: Webhook
  readonly steps: Steps
}

/** Every webhook that both have, also under another name. */
export function twins(of: Pair): Twins[] {
  return [...heirs(of)].map(([before, after]) => {
    const [old, now] = [of.old.config.webhooks.get(before)!, of.new.config.webhooks.get(after)!]
    return { old, new: now, steps: pair(old, now) }
  })
}

function pair(before: Webhook, after: Webhook): Steps {
  const rest = placed(after)
  const [kept, lost]: [{ old: Placed; new: Placed }[], Placed[]] = [[], []]
  for (const old of placed(before)) {
    const found = rest.findIndex(({ step }) => step.plugin.name === old.step.plugin.name)
    if (found < 0) lost.push(old)
    else kept.push({ old, new: rest.splice(found, 1)[0]! })
  }
  const places = kept.map(({ new: { path } }) => Number(path[3]))
  return { kept, lost, added: rest, moved: places.some((place, i) => i > 0 && place < places[i - 1]!) }
}

function placed({ name, chain }: Webhook): Placed[] {
  return chain.map((step, i) => ({ step, path: ['webhooks', name, 'chain', i, step.plugin.name] }))
}
