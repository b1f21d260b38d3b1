/** What health is answered with. */

/** `away`: the store does not answer, or takes nothing. */
export type Readiness = 'ready' | 'draining' | 'away'

const WORDS: Record<Readiness, string> = { ready: 'ready', draining: 'draining', away: 'the store does not answer, or takes nothing' }

export const health = {
  /** The process runs; the store is not asked. */
  live: (): Response => Response.json({ status: 'live' }),
  ready: (state: Readiness): Response => Response.json({ status: WORDS[state] }, { status: state === 'ready' ? 200 : 503 }),
}
