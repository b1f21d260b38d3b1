/** A case as it is run: checked, with defaults filled in and every time and body worked out. */
import type { Position } from '../config/config.ts'
import type { Expectation } from './format.ts'

/** One request of a case, and what must come of it. */
export interface Step {
  /** What it is called in failures, `before[0]` say; empty for the only one. */
  readonly title: string
  readonly at: Position
  /** Epoch milliseconds. */
  readonly now: number
  readonly times: number
  readonly webhook?: string
  readonly method: string
  readonly path?: string
  /** Without the question mark. */
  readonly query: string
  readonly host?: string
  readonly headers: readonly (readonly [string, string])[]
  readonly ip: string
  readonly https: boolean
  /** Undefined: none was given. */
  readonly body?: Uint8Array
  readonly sign?: { readonly at: number; readonly privateKey?: string }
  readonly expect: Expectation
}

export interface Case {
  readonly name: string
  /** Absolute name of its configuration. */
  readonly config: string
  readonly at: Position
  readonly env: Readonly<Record<string, string>>
  /** Live values by name, the newest first. */
  readonly secrets: ReadonlyMap<string, readonly string[]>
  /** Why it is not run; empty when there is no reason told. */
  readonly skip?: string
  readonly only: boolean
  readonly steps: readonly Step[]
}
