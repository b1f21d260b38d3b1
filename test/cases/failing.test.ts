/** A runner that cannot fail is worth nothing: each kind of expectation, once right and once wrong. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { stringify } from 'yaml'
import { files, run, runJson, type Told } from './fixture.ts'

const good = { webhook: 'things', sign: true, json: { id: 'a', n: 1, kind: 'x' } }
const keyed = { ...good, headers: { 'X-Idempotency-Key': 'k' } }
const unsigned = { webhook: 'things', json: { id: 'a' } }
const invalid = { webhook: 'things', sign: true, json: { n: 'one' } }

type Row = [what: string, wrong: Record<string, unknown>, right: Record<string, unknown>, failures: string[]]

/** With one request each, unless `requests` says otherwise. */
const rows: Row[] = [
  ['status', { request: good, expect: { status: 200 } }, { request: good, expect: { status: 201 } }, ['status: expected 200, got 201']],
  [
    'one of several statuses',
    { request: good, expect: { status: [200, 202] } },
    { request: good, expect: { status: [200, 201] } },
    ['status: expected [200,202], got 201'],
  ],
  [
    'class of status',
    { request: good, expect: { status: '4xx' } },
    { request: good, expect: { status: '2xx' } },
    ['status: expected "4xx", got 201'],
  ],
  [
    'a value in the body',
    { request: unsigned, expect: { body: { code: 'NOT_FOUND' } } },
    { request: unsigned, expect: { body: { code: 'UNAUTHORIZED' } } },
    ['body.code: expected "NOT_FOUND", got "UNAUTHORIZED"'],
  ],
  [
    'a value deep in the body',
    { request: invalid, expect: { body: { details: { id: ['Nonsense.'], n: ['The n field must be a number.'] } } } },
    { request: invalid, expect: { body: { details: { id: ['The id field is required.'] } } } },
    ['body.details.id[0]: expected "Nonsense.", got "The id field is required."'],
  ],
  [
    'a longer list in the body',
    { request: invalid, expect: { body: { details: { id: ['The id field is required.', 'More.'] } } } },
    { request: invalid, expect: { body: { details: { id: ['The id field is required.'] } } } },
    ['body.details.id: expected 2 items, got 1 item: ["The id field is required."]'],
  ],
  [
    'a key that the body does not have',
    { request: good, expect: { body: { id: 'a', more: 1 } } },
    { request: good, expect: { body: { id: 'a', more: null } } },
    ['body.more: expected 1, got nothing'],
  ],
  [
    'a key that the body shall not have',
    { request: good, expect: { body: { id: null } } },
    { request: good, expect: { body: { nothing: null } } },
    ['body.id: expected null, got "a"'],
  ],
  [
    'a number for a text',
    { request: { ...good, json: { id: '7' } }, expect: { body: { id: 7 } } },
    { request: { ...good, json: { id: '7' } }, expect: { body: { id: '7' } } },
    ['body.id: expected 7, got "7"'],
  ],
  [
    'a pattern',
    { request: good, expect: { body: { id: { $match: '^b' } } } },
    { request: good, expect: { body: { id: { $match: '^[a-c]$' } } } },
    ['body.id: expected text that matches ^b, got "a"'],
  ],
  [
    'the exact text of the body',
    { request: good, expect: { body: '{"id":"a"}' } },
    { request: good, expect: { body: '{"id":"a","created":true}' } },
    ['body: expected "{\\"id\\":\\"a\\"}", got "{\\"id\\":\\"a\\",\\"created\\":true}"'],
  ],
  [
    'an empty body',
    { request: good, expect: { body: null } },
    { request: good, expect: {} },
    ['body: expected null, got "{\\"id\\":\\"a\\",\\"created\\":true}"'],
  ],
  [
    'a header',
    { request: good, expect: { headers: { 'Content-Type': 'text/plain' } } },
    { request: good, expect: { headers: { 'Content-Type': 'application/json' } } },
    ['headers.Content-Type: expected "text/plain", got "application/json"'],
  ],
  [
    'a header that is not there',
    { request: good, expect: { headers: { 'x-none': 'a' } } },
    { request: good, expect: { headers: { 'x-none': null } } },
    ['headers.x-none: expected "a", got nothing'],
  ],
  [
    'a header that shall not be there',
    { request: good, expect: { headers: { 'content-type': null } } },
    { request: good, expect: { headers: { 'content-type': { $match: 'json' } } } },
    ['headers.content-type: expected null, got "application/json"'],
  ],
  [
    'the code',
    { request: unsigned, expect: { code: 'NOT_FOUND' } },
    { request: unsigned, expect: { code: 'UNAUTHORIZED' } },
    ['code: expected "NOT_FOUND", got "UNAUTHORIZED"'],
  ],
  [
    'a code where nothing was refused',
    { request: good, expect: { code: 'NOT_FOUND' } },
    { request: good, expect: {} },
    ['code: expected "NOT_FOUND", got nothing'],
  ],
  [
    'the code where no webhook is',
    { request: { path: '/nowhere' }, expect: { code: 'METHOD_NOT_ALLOWED' } },
    { request: { path: '/nowhere' }, expect: { code: 'NOT_FOUND' } },
    ['code: expected "METHOD_NOT_ALLOWED", got "NOT_FOUND"'],
  ],
  [
    'the reason for the operator',
    { request: unsigned, expect: { reason: 'wrong-key' } },
    { request: unsigned, expect: { reason: 'missing' } },
    ['reason: expected "wrong-key", got "missing-authorization"'],
  ],
  [
    'how many records there are',
    { request: good, expect: { records: { thing: [] } } },
    { request: good, expect: { records: { thing: 1, other: [] } } },
    ['records.thing: expected 0, got 1: [{"id":"a","data":{"n":1,"id":"a"}}]'],
  ],
  [
    'a record that was not written',
    { request: unsigned, expect: { records: { thing: [{ id: 'a' }] } } },
    { request: unsigned, expect: { records: { thing: [] } } },
    ['records.thing: expected 1, got 0'],
  ],
  [
    'that there are no records at all',
    { request: good, expect: { records: [] } },
    { request: unsigned, expect: { records: [] } },
    ['records: expected 0, got 1: [{"id":"a","data":{"n":1,"id":"a"}}]'],
  ],
  [
    'a field of a record',
    { request: good, expect: { records: { thing: [{ id: 'a', n: 2 }] } } },
    { request: good, expect: { records: { thing: [{ id: 'a', n: 1 }] } } },
    ['records.thing[0].n: expected 2, got 1'],
  ],
  [
    'a field of the data of a record',
    { request: good, expect: { records: { thing: [{ webhook: 'things', data: { n: 2 } }] } } },
    { request: good, expect: { records: { thing: [{ webhook: 'things', data: { n: 1 } }] } } },
    ['records.thing[0].data.n: expected 2, got 1'],
  ],
  [
    'one of several records, in whatever order they are',
    { requests: [good, { ...good, json: { id: 'b', n: 5 } }], expect: { records: { thing: [{ n: 5 }, { n: 2 }] } } },
    { requests: [good, { ...good, json: { id: 'b', n: 5 } }], expect: { records: { thing: [{ n: 5 }, { n: 1 }] } } },
    ['records.thing[1].n: expected 2, got 1'],
  ],
  [
    'how many events were raised',
    { request: good, expect: { events: [] } },
    { request: good, expect: { events: 1 } },
    ['events: expected 0, got 1: [{"type":"record.created","id":"*","data":{"n":1,"id":"a"}}]'],
  ],
  [
    'the type of an event',
    { request: good, expect: { events: ['record.updated'] } },
    { request: good, expect: { events: ['record.created'] } },
    ['events[0].type: expected "record.updated", got "record.created"'],
  ],
  [
    'the data of an event, and their order',
    {
      requests: [good, { ...good, json: { id: 'a', n: 2 } }],
      expect: { events: [{ data: { n: 2 } }, { data: { n: 2 }, previous: { n: 7 } }] },
    },
    {
      requests: [good, { ...good, json: { id: 'a', n: 2 } }],
      expect: { events: [{ data: { n: 1 } }, { data: { n: 2 }, previous: { n: 1 } }] },
    },
    ['events[0].data.n: expected 2, got 1', 'events[1].previous.n: expected 7, got 1'],
  ],
  [
    'variables',
    { request: good, expect: { variables: { kind: 'y' } } },
    { request: good, expect: { variables: { kind: 'x' } } },
    ['variables.kind: expected "y", got "x"'],
  ],
  [
    'variables of what was refused',
    { request: unsigned, expect: { variables: { kind: 'x' } } },
    { request: unsigned, expect: {} },
    ['variables: expected {"kind":"x"}, got nothing'],
  ],
  [
    'that it was a replay',
    { request: keyed, expect: { replayed: true } },
    { request: keyed, expect: { replayed: false } },
    ['replayed: expected true, got false'],
  ],
  [
    'that it was none',
    { requests: [keyed, keyed], expect: { replayed: false } },
    { requests: [keyed, keyed], expect: { replayed: true } },
    ['requests[1].replayed: expected false, got true'],
  ],
  [
    'that two answers are the same',
    { requests: [good, good], expect: { same: true } },
    { requests: [good, good], expect: { same: false } },
    [
      'requests[1].same: expected the answer before, 201 "{\\"id\\":\\"a\\",\\"created\\":true}", got 200 "{\\"id\\":\\"a\\",\\"created\\":false}"',
    ],
  ],
  [
    'that two answers differ',
    { requests: [keyed, keyed], expect: { same: false } },
    { requests: [keyed, keyed], expect: { same: true } },
    [
      'requests[1].same: expected another answer than 201 "{\\"id\\":\\"a\\",\\"created\\":true}", got 201 "{\\"id\\":\\"a\\",\\"created\\":true}"',
    ],
  ],
  [
    'a request before',
    { before: [{ ...good, expect: { status: 200 } }], request: good, expect: { status: 200 } },
    { before: [{ ...good, expect: { status: 201 } }], request: good, expect: { status: 200 } },
    ['before[0].status: expected 200, got 201'],
  ],
  [
    'one of several times',
    { requests: [{ path: '/limited', json: {}, times: 3, expect: { status: 202 } }] },
    { requests: [{ path: '/limited', json: {}, times: 2, expect: { status: 202 } }] },
    ['requests[0]#3.status: expected 202, got 429'],
  ],
  [
    'what cannot be signed',
    { request: { path: '/nowhere', sign: true } },
    { request: { path: '/nowhere' } },
    ['nothing can be signed: there is no webhook at /nowhere'],
  ],
]

/** In failures of a case with one request, or of the last of several, the part that names the request. */
const bare = (failure: string) => failure.replace(/^requests\[\d+\]\.(?!same|replayed|status)/, '').replace(/"evt_\w+"/, '"*"')

const told = new Map<string, Told>()
let home: string
let code: number

beforeAll(async () => {
  const cases = rows.flatMap(([what, wrong, right]) => [
    { name: `wrong: ${what}`, ...wrong },
    { name: `right: ${what}`, ...right },
  ])
  home = files({ 'cases.yaml': stringify({ config: 'postern.yaml', cases }, { aliasDuplicateObjects: false }) })
  const ended = await runJson(home)
  if (ended.problems) throw new Error(ended.problems.join('\n'))
  code = ended.code
  for (const one of ended.cases) told.set(one.name, one)
}, 60_000)

describe('a wrong expectation is found:', () => {
  test.each(rows)('%s', (what, _wrong, _right, failures) => {
    expect(told.get(`wrong: ${what}`)).toMatchObject({ ok: false })
    expect(told.get(`wrong: ${what}`)?.failures.map(bare)).toEqual(failures)
  })
})

describe('and the right one passes:', () => {
  test.each(rows)('%s', what => {
    expect(told.get(`right: ${what}`)).toMatchObject({ ok: true, failures: [] })
  })
})

test('the exit code is 1', () => expect(code).toBe(1))

test('for people: the name, the place, what failed, and why it was refused', async () => {
  const { code, stdout } = await run(home, ['cases.yaml', '--filter', 'wrong: the reason'])
  const [first = '', ...rest] = stdout.split('\n')
  expect(first).toMatch(/^✗ wrong: the reason for the operator \(\d+ ms\) {2}cases\.yaml:\d+:\d+$/)
  expect(rest.slice(0, 2)).toEqual([
    '    reason: expected "wrong-key", got "missing-authorization"',
    '    refused: 401 UNAUTHORIZED by auth-bearer: missing-authorization',
  ])
  expect(rest[2]).toMatch(/^0 passed, 1 failed \(\d+ ms\)$/)
  expect(code).toBe(1)
})
