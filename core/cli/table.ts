/** Rows for people: aligned columns under a heading. */
import process from 'node:process'

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

/** Senders choose ids and texts: what would move the cursor or colour the terminal is shown as its code. */
export function printable(value: unknown): string {
  if (value === null || value === undefined) return '-'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, c => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

function faint(text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? `\u001b[2m${text}\u001b[0m` : text
}
