/** What reaches the log is blanked: each spelling of a secret, by itself, and nothing else. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { openLog } from '#core/log.ts'
import { spelled } from './plugins.ts'

const secret = 'canary-LOG-0123456789abcdef"\\/ &\u00e9'
const lines: string[] = []
const { write, isTTY } = process.stderr

beforeAll(() => {
  // Lines of JSON, also where somebody runs it on a terminal.
  process.stderr.isTTY = false
  process.stderr.write = ((line: string) => lines.push(line) > 0) as typeof write
})
afterAll(() => {
  Object.assign(process.stderr, { write, isTTY })
})

const logged = (known: readonly string[], fields: object, message: string) => {
  lines.length = 0
  openLog(() => [known], 'info').warn(fields, message)
  return lines.join('')
}

describe('a secret in a line', () => {
  test.each(Object.entries(spelled(secret)))('%s', (_, text) => {
    for (const [fields, message] of [
      [{}, text],
      [{ error: text }, 'a field'],
      [{ error: String(new Error(JSON.stringify({ answer: text }))) }, 'an error'],
    ] as const) {
      const line = logged([secret], fields, message)
      expect(line).toContain('[secret]')
      expect(line).not.toContain('canary-LOG')
      // The row is about this secret alone: without it the line is as it was.
      expect(logged([], fields, message)).not.toContain('[secret]')
    }
  })

  test.each<[string, string]>([
    ['the address of the store', `connect ECONNREFUSED postgres://u:${encodeURIComponent(secret)}@host:5432/x`],
    ['what a receiver answered', `410 {"your":"Basic ${Buffer.from(`someone:${secret}`).toString('base64')}"}`],
    ['in lower-case percent-encoding', encodeURIComponent(secret).replace(/%[0-9A-F]{2}/g, c => c.toLowerCase())],
    ['in Latin-1', Buffer.from(`user:${secret}`, 'latin1').toString('base64')],
  ])('%s', (_, text) => {
    expect(logged([secret], { error: text }, 'it failed')).toContain('[secret]')
  })

  test('one that is learned later', () => {
    const known: string[][] = []
    const log = openLog(() => known, 'info')
    lines.length = 0
    log.warn({}, 'x canary-LATER-0123')
    known.push(['canary-LATER-0123'])
    log.warn({}, 'x canary-LATER-0123')
    expect(lines.map(line => JSON.parse(line).msg)).toEqual(['x canary-LATER-0123', 'x [secret]'])
  })
})
