/** A question of one provider, and its answer. */
import type { Answer, Exchange, Handshake, Host, Refusal } from '#core/plugin.ts'
import type { Settings } from './settings.ts'

export interface Question {
  /** Methods by which it asks, beyond those by which it delivers. */
  methods: readonly ('GET' | 'OPTIONS')[]
  handshake: Handshake
  /** How it says no. */
  refusals: readonly ('UNAUTHORIZED' | 'CHALLENGE_REFUSED')[]
  /** Compiles what looks at each request: undefined when it is not this question. */
  compile(config: Settings, host: Asked): (x: Exchange) => undefined | Answer | Refusal
}

export type Asked = Host<'UNAUTHORIZED' | 'CHALLENGE_REFUSED'>
