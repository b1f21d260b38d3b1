/** Problems: collected, put in order, and printed as `file:line:column path: message`. */
import { isAbsolute, relative } from 'node:path'
import type { Position, Problem } from './config.ts'

/** Keys and list indexes from the top of the file, or of some settings, to a value. */
export type Path = readonly (string | number)[]

/** Gathers every problem of one load. */
export class Problems {
  readonly #list: Problem[] = []

  error(at: Position, path: Path, message: string): void {
    this.#list.push({ severity: 'error', at, path: pathText(path), message })
  }

  warn(at: Position, path: Path, message: string): void {
    this.#list.push({ severity: 'warning', at, path: pathText(path), message })
  }

  /** Sorted by file, line and column. One fault that several paths reach through an anchor is told once. */
  sorted(): Problem[] {
    const once = new Map<string, Problem>()
    for (const problem of this.#list) {
      const fault = `${formatPosition(problem.at)} ${problem.message}`
      if (!once.has(fault)) once.set(fault, problem)
    }
    return ordered([...once.values()])
  }
}

/** By file, line and column. */
export function ordered(problems: readonly Problem[]): Problem[] {
  return [...problems].sort((a, b) => order(a.at.file, b.at.file) || a.at.line - b.at.line || a.at.column - b.at.column)
}

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** One problem as a line for people, and for editors that jump to `file:line:column`. */
export function formatProblem({ severity, at, path, message }: Problem): string {
  return `${formatPosition(at)} ${severity === 'warning' ? 'warning: ' : ''}${path && `${path}: `}${message}`
}

/** A place as `file:line:column`. */
export function formatPosition({ file, line, column }: Position): string {
  return `${showFile(file)}:${line}:${column}`
}

/** A file's name relative to the current directory when it lies below it. */
export function showFile(file: string): string {
  const near = relative(process.cwd(), file)
  return !near || near.startsWith('..') || isAbsolute(near) ? file : near
}

/** `webhooks.sales.chain[1].auth-hmac.secrets`; a key of other characters stands in brackets and quotes. */
export function pathText(path: Path): string {
  const part = (key: string | number) =>
    typeof key === 'number' ? `[${key}]` : /^[\w$-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
  return path.map(part).join('').replace(/^\./, '')
}

/** A JSON Pointer such as `/fields/a/0`. */
export function pointer(path: Path): string {
  return path.map(key => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** The keys of a JSON Pointer. */
export function pointerPath(text: string): Path {
  const keys = text.split('/').slice(1)
  return keys.map(key => (/^(0|[1-9]\d*)$/.test(key) ? Number(key) : key.replaceAll('~1', '/').replaceAll('~0', '~')))
}

/** The known name that was most likely meant: at most about a third of its letters wrong, left out, added or swapped. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const limit = Math.floor(Math.max(name.length, candidate.length) / 3)
    if (Math.abs(name.length - candidate.length) > limit) continue
    const distance = edits(name.toLowerCase(), candidate.toLowerCase())
    if (distance <= limit && distance < least) [best, least] = [candidate, distance]
  }
  return best
}

/** ` — did you mean 'feature'?`, or nothing when no known name is near. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const near = nearest(name, known)
  return near === undefined ? '' : ` — did you mean '${near}'?`
}

/** Damerau-Levenshtein distance, in which no piece is edited twice. */
function edits(a: string, b: string): number {
  let [older, old] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const now = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      now[j] = Math.min(old[j]! + 1, now[j - 1]! + 1, old[j - 1]! + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) now[j] = Math.min(now[j]!, older[j - 2]! + 1)
    }
    ;[older, old] = [old, now]
  }
  return old[b.length]!
}
