/** Results of cases as lines for people, as JSON, and as JUnit XML. */
import type { Position } from '../config/config.ts'
import { formatPosition, showFile } from '../config/problem.ts'
import { escaped, printable } from '../printable.ts'
import type { Result } from './run.ts'

/** Wraps a text in a colour of the terminal, or leaves it alone. */
export type Paint = (colour: 'red' | 'green' | 'yellow' | 'faint', text: string) => string

const CODES = { red: 31, green: 32, yellow: 33, faint: 2 } as const

/** Colours, where there are to be any. */
export function painter(colours: boolean): Paint {
  return (colour, text) => (colours ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text)
}

/** The lines of one result: its name, and what failed beneath it. */
export function resultLines(result: Result, paint: Paint): string[] {
  const { name, ok, skipped, ms, failures, notes } = result
  if (skipped !== undefined)
    return [`${paint('yellow', '-')} ${printable(name)} ${paint('faint', `(skipped${skipped && `: ${printable(skipped)}`})`)}`]
  const took = paint('faint', `(${ms} ms)`)
  if (ok) return [`${paint('green', '✓')} ${printable(name)} ${took}`]
  return [
    `${paint('red', '✗')} ${printable(name)} ${took}  ${paint('faint', placeOf(result.at))}`,
    ...failures.map(failure => `    ${paint('red', printable(failure))}`),
    ...notes.map(note => `    ${paint('faint', `refused: ${printable(note)}`)}`),
  ]
}

/** `12 passed, 1 failed, 2 skipped (340 ms)`. */
export function summary(results: readonly Result[], ms: number, paint: Paint): string {
  const skipped = results.filter(result => result.skipped !== undefined).length
  const failed = results.filter(result => !result.ok).length
  const parts = [
    paint('green', `${results.length - failed - skipped} passed`),
    ...(failed > 0 ? [paint('red', `${failed} failed`)] : []),
    ...(skipped > 0 ? [paint('yellow', `${skipped} skipped`)] : []),
  ]
  return `${parts.join(', ')} ${paint('faint', `(${Math.round(ms)} ms)`)}`
}

/** For machines. */
export function resultJson({ name, ok, status, failures, notes, skipped, ms, at }: Result) {
  const where = { file: showFile(at.file), line: at.line }
  return { name, ok, status, failures, notes, ...where, ms, ...(skipped !== undefined && { skipped: skipped || true }) }
}

/** JUnit XML, a suite for each file. */
export function junit(results: readonly Result[], ms: number): string {
  const files = new Map<string, Result[]>()
  for (const result of results) files.set(result.at.file, [...(files.get(result.at.file) ?? []), result])
  const suites = [...files].flatMap(([file, own]) => [
    `  <testsuite name="${xml(showFile(file))}" ${counts(own)} time="${seconds(own.reduce((sum, result) => sum + result.ms, 0))}">`,
    ...own.flatMap(result => testcase(result, showFile(file))),
    '  </testsuite>',
  ])
  const head = `<testsuites name="postern" ${counts(results)} time="${seconds(ms)}">`
  return ['<?xml version="1.0" encoding="UTF-8"?>', head, ...suites, '</testsuites>', ''].join('\n')
}

function testcase({ name, at, ms, failures, notes, skipped }: Result, file: string): string[] {
  const open = `    <testcase name="${xml(name)}" classname="${xml(file)}" file="${xml(file)}" line="${at.line}" time="${seconds(ms)}"`
  if (skipped !== undefined) return [`${open}>`, `      <skipped${skipped && ` message="${xml(skipped)}"`}/>`, '    </testcase>']
  if (failures.length === 0) return [`${open}/>`]
  const text = [...failures, ...notes.map(note => `refused: ${note}`), placeOf(at)].join('\n')
  return [`${open}>`, `      <failure message="${xml(failures[0] ?? '')}">${xml(text)}</failure>`, '    </testcase>']
}

function counts(results: readonly Result[]): string {
  const skipped = results.filter(result => result.skipped !== undefined).length
  return `tests="${results.length}" failures="${results.filter(result => !result.ok).length}" errors="0" skipped="${skipped}"`
}

const seconds = (ms: number) => (ms / 1000).toFixed(3)
const placeOf = (at: Position) => formatPosition(at)

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
  '\t': '&#9;',
  '\r': '&#13;',
}

/** XML 1.0 has no way at all to write most control characters. */
function xml(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]/g, escaped)
      .replace(/[&<>"\n\t\r]/g, c => ENTITIES[c] as string)
  )
}
