/** The operator's log: JSON lines on stderr, readable lines when that is a terminal. */
import process from 'node:process'
import { type Logger, pino } from 'pino'
import { secretNeedles } from './needles.ts'
import { printable } from './printable.ts'

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>

/** `secrets` gives the values that must not appear in any line, as lists of which none changes. */
export function openLog(secrets: () => readonly (readonly string[])[], level = process.env.LOG_LEVEL ?? 'info'): Log {
  const terminal = process.stderr.isTTY === true
  const blank = (line: string) => secrets().reduce((clean, list) => secretNeedles(list)?.replace(clean, '[secret]') ?? clean, line)
  const write = (line: string) => void process.stderr.write(blank(terminal ? readable(line, blank) : line))
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: label => ({ level: label }) } },
    { write },
  )
}

const COLOURS: Record<string, number> = { debug: 90, info: 36, warn: 33, error: 31, fatal: 31 }

/** Senders write keys and headers that come to stand in reasons. Secrets go first: what is printable of them may not look like them. */
function readable(line: string, blank: (text: string) => string): string {
  const { level, time, msg, ...fields } = JSON.parse(line)
  const plain = (value: unknown) => printable(blank(typeof value === 'string' ? value : (JSON.stringify(value) ?? '')))
  const rest = Object.entries(fields).map(([key, value]) => {
    // An error comes with its stack; no further line of it may look like one of the log.
    const lines = key === 'error' && typeof value === 'string' ? blank(value).split('\n') : [value]
    return `${plain(key)}=${lines.map(part => plain(part).trimStart()).join('\n    ')}`
  })
  const label = process.env.NO_COLOR ? level : `\u001b[${COLOURS[level] ?? 0}m${level}\u001b[0m`
  return `${String(time).slice(11, 19)} ${label} ${plain(msg ?? '')}${rest.length > 0 ? `  ${rest.join(' ')}` : ''}\n`
}
