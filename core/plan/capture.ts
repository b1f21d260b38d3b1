/** Samples of requests: what is kept of them, and what is not. */
import type { Found, Pair } from './change.ts'
import { said, without } from './said.ts'
import { twins } from './steps.ts'

export function* capture(pair: Pair): Generator<Found> {
  for (const { old, new: now } of twins(pair)) {
    const path = ['webhooks', now.name, 'capture']
    const unmasked = without(old.capture.mask, now.capture.mask)
    if (unmasked.length && now.capture.last > 0)
      yield {
        severity: 'security',
        rule: 'mask-removed',
        path: [...path, 'mask'],
        message: `samples of requests hold what is at ${unmasked.join(', ')}, for operators to read`,
        from: said(old.capture.mask),
        to: said(now.capture.mask),
        cure: 'keep it masked',
      }
    if (now.capture.last > old.capture.last)
      yield {
        severity: 'notice',
        rule: 'more-captured',
        path: [...path, 'last'],
        message: 'more requests are kept, with their bodies',
        from: `${old.capture.last}`,
        to: `${now.capture.last}`,
        cure: 'see that `mask` names what must not be kept',
      }
  }
}
