/** The operator's log on a terminal: one line for each message, and nothing that a sender wrote reaches the terminal as a command. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import process from 'node:process'
import { openLog } from '#core/log.ts'
import { parsePayload } from '#core/request/payload.ts'

const { isTTY, write } = process.stderr
let said = ''

beforeEach(() => {
  said = ''
  process.stderr.isTTY = true
  process.env.NO_COLOR = '1'
  process.stderr.write = ((text: string) => {
    said += text
    return true
  }) as typeof process.stderr.write
})
afterEach(() => {
  process.stderr.isTTY = isTTY
  process.stderr.write = write
  delete process.env.NO_COLOR
})

/** What was said, but for the time in front. */
const told = (log: (log: ReturnType<typeof openLog>) => void, secrets: string[] = []) => {
  log(openLog(() => [secrets], 'info'))
  return said.replace(/^\d\d:\d\d:\d\d /gm, '')
}

const NASTY = '\u001b]0;owned\u0007\u001b[2J\r\n12:00:00 info forged \u007f\u009b31m\u202e'
const PLAIN = '\\u001b]0;owned\\u0007\\u001b[2J\\u000d\\u000a12:00:00 info forged \\u007f\\u009b31m\\u202e'

test.each<[title: string, fields: object, message: string, line: string]>([
  ['a value', { reason: NASTY }, 'refused', `info refused  reason=${PLAIN}`],
  ['a list', { paths: [NASTY] }, 'refused', `info refused  paths=["${PLAIN.replaceAll('\\u000d\\u000a', '\\r\\n')}"]`],
  ['a name', { [NASTY]: 1 }, 'refused', `info refused  ${PLAIN}=1`],
  ['the message', {}, NASTY, `info ${PLAIN}`],
  ['harmless text', { name: 'Zoë 😀', n: 1.5, nothing: null }, 'hello – world', 'info hello – world  name=Zoë 😀 n=1.5 nothing=null'],
])('shows what would command it as its code: %s', (_, fields, message, line) => {
  expect(told(log => log.info(fields, message))).toBe(`${line}\n`)
})

test("the lines of an error's stack stay lines, which begin as no line of the log does", () => {
  const error = `Error: ${NASTY}\n    at one (a.ts:1)\n    at two (b.ts:2)`
  const [head = '', ...more] = told(log => log.error({ error, webhook: 'one' }, 'a step failed')).split('\n')
  expect(head).toStartWith('error a step failed  error=Error: \\u001b]0;owned\\u0007')
  expect(more).toEqual([expect.stringMatching(/^ {4}12:00:00 info forged/), '    at one (a.ts:1)', '    at two (b.ts:2) webhook=one', ''])
})

test.each([
  ['of several lines', 'line-one-of-it\nline-two-of-it'],
  ['with a control character', 'before-it\u009bafter-it'],
  ['with a quote', 'before-"it"-after'],
])('a secret is blanked there as well: %s', (_, secret) => {
  const line = told(log => log.error({ reason: `x ${secret} y`, list: [secret], error: `Error: ${secret}\n    at one` }, secret), [secret])
  expect(line).toBe('error [secret]  reason=x [secret] y list=["[secret]"] error=Error: [secret]\n    at one\n')
})

test.each([
  ['a key of the body', { raw: `{${JSON.stringify(NASTY)}:{"__proto__":1}}` }],
  ['Content-Type', { contentType: NASTY }],
  ['Content-Encoding', { contentEncoding: NASTY }],
])('the reason of a refusal is one line: %s', (_, { raw = '{}', contentType = null, contentEncoding = null }: Record<string, any>) => {
  const sent = { method: 'POST', query: '', raw: new TextEncoder().encode(raw), contentType, contentEncoding }
  const { reason } = parsePayload(sent) as { reason: string }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  expect(told(log => log.info({ reason }, 'refused'))).toMatch(/^info refused {2}reason=[^\u0000-\u001f\u007f-\u009f]+\n$/)
})
