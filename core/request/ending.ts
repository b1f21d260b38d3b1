/** How a request ended: the answer, and what operators are told of it. */
import type { Refusal } from '../plugin.ts'
import type { SampleOutcome } from '../store/requests.ts'
import type { Outcome } from '../store/unit.ts'
import type { Stop } from './chain.ts'
import type { CompiledDialect } from './dialect.ts'
import type { Exchange } from './exchange.ts'

export interface Ending {
  readonly response: Response
  readonly outcome: SampleOutcome
  readonly refusal?: Refusal
  /** That refused; `commit` for the store. */
  readonly plugin?: string
  /** That it wrote, or that an earlier one had written. */
  readonly record?: Outcome['record']
}

/** The end of a chain that a step, or the commit, has stopped. */
export function stopped(dialect: CompiledDialect, x: Exchange, { reply, plugin }: Pick<Stop, 'reply' | 'plugin'>): Ending {
  if (reply.kind === 'answer')
    return { response: new Response(reply.body, { status: reply.status, headers: reply.headers }), outcome: 'accepted' }
  if (reply.kind === 'accepted') return { response: dialect.success({ replayed: false, shown: [] }, dialect.shown(x)), outcome: 'accepted' }
  return { response: dialect.refusal(reply), outcome: outcomeOf(reply), refusal: reply, plugin }
}

/** The end of an exchange that is committed, or whose key an earlier one held. */
export function written(dialect: CompiledDialect, x: Exchange, outcome: Outcome, shown: readonly unknown[]): Ending {
  const { record } = outcome
  const about = record && { record }
  if (!outcome.replayed) return { response: dialect.success(outcome, shown), outcome: 'accepted', ...about }
  const header = x.unit.key?.replayedHeader
  const response = dialect.success(outcome, dialect.recalled(outcome.shown), header ? { [header]: 'true' } : undefined)
  return { response, outcome: 'replayed', ...about }
}

export const outcomeOf = ({ status }: Refusal): SampleOutcome => (status >= 500 ? 'failed' : 'refused')
