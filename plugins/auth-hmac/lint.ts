/** What makes a scheme weak where it stands: a signature that is good for ever, or that leaves the body open. */
import type { Hint, LintHost, NestedStep } from '#core/plugin.ts'
import { resolve, type Scheme, signsTime, tokensOf } from './scheme.ts'
import type { Settings } from './settings.ts'
import { same } from './source.ts'

export function lint(settings: Settings, host: LintHost): Hint[] {
  const scheme = resolve(settings)
  if (!scheme) return []
  const behind = host.chain.slice(host.index + 1)
  // Within auth-any a later step cannot count on the time that only some of its ways sign.
  const nested = host.chain[host.index]?.plugin.name !== 'auth-hmac'
  const once = behind.some(step => isOnce(step, scheme))
  return [...replays(settings, scheme, once, nested, behind), ...body(settings, scheme)]
}

function replays(settings: Settings, scheme: Scheme, once: boolean, nested: boolean, behind: readonly NestedStep[]): Hint[] {
  const path = settings.preset === undefined ? '' : '/preset'
  const danger = 'whoever gets hold of one signed request can send it again'
  if (signsTime(scheme)) {
    const guarded = behind.some(({ plugin }) => plugin.name === 'replay-window') || (nested && once)
    const cure = nested
      ? 'add `idempotency: { required: true }`'
      : 'the time is signed, but nothing looks at it: add `- replay-window` behind this step'
    return guarded ? [] : [{ rule: 'no-replay-window', path, message: `${danger} for ever; ${cure}` }]
  }
  if (once) return []
  const cure =
    scheme.id === undefined
      ? 'add `idempotency` by the id that the sender gives each delivery, such as `from: json:id`'
      : 'add `idempotency: { from: preset }`'
  return [{ rule: 'replayable', path, message: `the scheme signs no time, so that ${danger} for ever: ${cure}` }]
}

/** Whether a step takes each delivery once: one that lets a request without a key through is no hindrance to whoever leaves the key out. */
function isOnce({ plugin, settings }: NestedStep, scheme: Scheme): boolean {
  if (plugin.name !== 'idempotency') return false
  const { required, header, from } = settings
  return (
    required === true ||
    from !== undefined ||
    (typeof header === 'string' && scheme.id !== undefined && same(`header:${header}`, scheme.id))
  )
}

/** Of a preset, the provider has decided; its page says what that means. */
function body(settings: Settings, scheme: Scheme): Hint[] {
  if (settings.signed === undefined) return []
  const tokens = tokensOf(scheme)
  if (tokens.some(token => token === 'body' || token.startsWith('form:'))) return []
  const message = 'the signature does not cover the body, which anybody on the way can then change: sign {body} too'
  return [{ rule: 'body-not-signed', path: '/signed', message }]
}
