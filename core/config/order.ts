/** The order of a chain: phases, steps that may stand once, and slots that a later step needs from an earlier one. */
import { type AnyPlugin, deliveryId, type Phase, type Slot, signedAt } from '../plugin.ts'
import type { Position } from './config.ts'
import { formatPosition, type Path, type Problems } from './problem.ts'

/** Every phase, in the order that a chain must keep. */
export const PHASES: readonly Phase[] = ['verify', 'admit', 'shape', 'write', 'emit']

/** `admit` and `shape` steps may stand in any order. */
const RANK: Record<Phase, number> = { verify: 0, admit: 1, shape: 1, write: 2, emit: 3 }

/** One step as far as its order matters. */
export interface Placed {
  plugin: AnyPlugin
  at: Position
  path: Path
  /** Undefined: its settings have a fault, and it may give anything. */
  gives: readonly Slot<unknown>[] | undefined
  needs: readonly Slot<unknown>[]
}

/** Tells every step that stands where it must not. `undefined` is a step that is not known. */
export function checkOrder(steps: readonly (Placed | undefined)[], plugins: Iterable<AnyPlugin>, problems: Problems): void {
  for (const [i, step] of steps.entries()) {
    if (!step) continue
    const { plugin, at, path, needs } = step
    const before = steps.slice(0, i)
    const later = before.find(other => other && RANK[other.plugin.phase] > RANK[plugin.phase])?.plugin
    if (later) problems.error(at, path, `'${plugin.name}' (${plugin.phase}) must come before '${later.name}' (${later.phase}): move it up`)
    const twin = plugin.single && before.find(other => other?.plugin === plugin)
    const place = twin && formatPosition(twin.at)
    if (twin) problems.error(at, path, `'${plugin.name}' may stand only once in a chain, and it is already at ${place}: remove one`)
    // What an unknown step, or one with faulty settings, would give cannot be told.
    if (before.some(other => !other?.gives)) continue
    for (const slot of needs) {
      if (before.some(other => givesIt(other, slot))) continue
      const after = steps.slice(i + 1).find(other => givesIt(other, slot))?.plugin
      // That one is told to move already.
      if (after && RANK[after.phase] < RANK[plugin.phase]) continue
      const cure = after ? `move '${after.name}' up, before it` : giver(slot, plugins)
      problems.error(at, path, `'${plugin.name}' needs '${slot.name}', which no earlier step gives: ${cure}`)
    }
  }
}

function givesIt(step: Placed | undefined, slot: Slot<unknown>): boolean {
  return step?.gives?.some(given => given.name === slot.name) ?? false
}

function giver(slot: Slot<unknown>, plugins: Iterable<AnyPlugin>): string {
  const all = [...plugins]
  const names = (some: readonly AnyPlugin[]) => some.map(plugin => plugin.name).join(' or ')
  const surely = names(all.filter(({ gives }) => Array.isArray(gives) && gives.some(given => given.name === slot.name)))
  // Which slots a function gives shows only with settings.
  const perhaps = names(all.filter(({ gives }) => typeof gives === 'function'))
  const such = SUCH[slot.name]
  const cures = [surely, ...(perhaps && (such || !surely) ? [such ? `${perhaps} ${such}` : perhaps] : [])].filter(Boolean)
  return cures.length ? `put ${cures.join(', or ')} before it` : 'no plugin gives it, so remove this step'
}

/** What the settings of those must be like that give a slot only with some. */
const SUCH: Record<string, string> = {
  [signedAt.name]: 'with a scheme that signs a timestamp',
  [deliveryId.name]: 'with a scheme that says where the id of a delivery is',
}
