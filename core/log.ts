/** The operator's log: JSON lines on stderr, readable lines when that is a terminal. */
import process from 'node:process'
import { type Logger, pino } from 'pino'

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>

/** Shorter values would blank harmless text. */
export const SHORTEST_SECRET = 6

/** `secrets` gives the values that must not appear in any line. */
export function openLog(secrets: () => readonly string[], level = process.env.LOG_LEVEL ?? 'info'): Log {
  const terminal = process.stderr.isTTY === true
  const blank = (line: string) => {
    let clean = line
    for (const secret of secrets()) {
      if (secret.length < SHORTEST_SECRET) continue
      // As it is, and as JSON writes it: a quote or a backslash in it would stand escaped in the line.
      clean = clean.replaceAll(secret, '[secret]').replaceAll(JSON.stringify(secret).slice(1, -1), '[secret]')
    }
    return clean
  }
  const write = (line: string) => void process.stderr.write(blank(terminal ? readable(line) : line))
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: label => ({ level: label }) } },
    { write },
  )
}

const COLOURS: Record<string, number> = { debug: 90, info: 36, warn: 33, error: 31, fatal: 31 }

function readable(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line)
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const label = process.env.NO_COLOR ? level : `\u001b[${COLOURS[level] ?? 0}m${level}\u001b[0m`
  return `${time.slice(11, 19)} ${label} ${msg ?? ''}${rest.length > 0 ? `  ${rest.join(' ')}` : ''}\n`
}
