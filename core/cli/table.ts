/** Rows for people: aligned columns under a heading. */
import process from 'node:process'
import { printable } from '../printable.ts'

/** One line for each row, and the heading above them. */
export function table(heading: readonly string[], rows: readonly (readonly unknown[])[]): string[] {
  const texts = rows.map(row => row.map(printable))
  const widths = heading.map((name, i) => Math.max(name.length, ...texts.map(row => (row[i] ?? '').length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  return [faint(line(heading)), ...texts.map(line)]
}

/** `name  value` lines of what there is. */
export function facts(of: Record<string, unknown>): string[] {
  const there = Object.entries(of).filter(([, value]) => value !== null && value !== undefined)
  const width = Math.max(0, ...there.map(([name]) => name.length))
  return there.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`)
}

/** A time to the second, as UTC. */
export const moment = (time: unknown) => (typeof time === 'string' ? time.slice(0, 19).replace('T', ' ') : undefined)

function faint(text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? `\u001b[2m${text}\u001b[0m` : text
}
