/** Setting types beyond plain TypeBox: they are written as text in YAML and reach the code as numbers of one unit. */
import { type TUnsafe, Type } from '@sinclair/typebox'

/** What the decoder does with a marked setting; kept in the schema under `x-postern`. */
export type Mark = 'duration' | 'size' | 'secret' | 'steps'

interface Options {
  description: string
  default?: string
  examples?: string[]
}

interface Bounded extends Options {
  /** Least value allowed, written as in YAML. */
  min?: string
  /** Greatest value allowed, written as in YAML. */
  max?: string
}

interface SecretOptions extends Options {
  /** It only may be a credential: a short text that stands in the file itself is none. */
  plain?: true
}

const DURATION = /^(\d{1,9})(ms|s|m|h|d)$/
const SIZE = /^(\d{1,12})(B|KB|KiB|MB|MiB)$/
const MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const BYTES = { B: 1, KB: 1000, KiB: 1024, MB: 1_000_000, MiB: 1_048_576 } as const

/** A span of time such as `300ms`, `30s`, `5m`, `24h` or `7d`; milliseconds in code. */
export function Duration(options: Bounded): TUnsafe<number> {
  return Type.Unsafe<number>({ type: 'string', pattern: DURATION.source, 'x-postern': 'duration', ...options })
}

/** A number of bytes such as `256KiB` or `1MB`; bytes in code. */
export function Size(options: Bounded): TUnsafe<number> {
  return Type.Unsafe<number>({ type: 'string', pattern: SIZE.source, 'x-postern': 'size', ...options })
}

/** A credential. Empty at run time, it closes its webhook; it never shows in logs, errors or docs. */
export function Secret({ plain, ...options }: SecretOptions): TUnsafe<string> {
  return Type.Unsafe<string>({ type: 'string', 'x-postern': 'secret', ...(plain && { 'x-plain': true }), ...options })
}

/** A list of steps within a step, written as in a chain; `Step` is `NestedStep` of the contract. */
export function Steps<Step>(options: { description: string; minItems?: number; maxItems?: number }): TUnsafe<readonly Step[]> {
  return Type.Unsafe<readonly Step[]>({ type: 'array', 'x-postern': 'steps', ...options })
}

/** Milliseconds of `5m`, or undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const m = DURATION.exec(text)
  return m ? Number(m[1]) * MS[m[2] as keyof typeof MS] : undefined
}

/** Bytes of `256KiB`, or undefined when the text is no size. */
export function parseSize(text: string): number | undefined {
  const m = SIZE.exec(text)
  return m ? Number(m[1]) * BYTES[m[2] as keyof typeof BYTES] : undefined
}
