/** `postern test` as a command: what it runs, what it prints, how it ends, and what is wrong with a case file. */
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { CaseFile } from '#core/cases/format.ts'
import { files, run, runJson } from './fixture.ts'

const good = { webhook: 'things', sign: true, json: { id: 'a', n: 1 } }
const file = (...cases: Record<string, unknown>[]) => stringify({ config: 'postern.yaml', cases }, { aliasDuplicateObjects: false })
const passing = { name: 'passes', request: good, expect: { status: 201 } }
const failing = { name: 'fails', request: good, expect: { status: 200 } }

describe('how it ends', () => {
  const rows: [what: string, texts: Record<string, string | Uint8Array>, args: string[], code: number, told: string | RegExp][] = [
    ['good', { 'a.yaml': file(passing) }, ['a.yaml'], 0, /^✓ passes \(\d+ ms\)\n1 passed \(\d+ ms\)\n$/],
    ['with a failure', { 'a.yaml': file(passing, failing) }, ['a.yaml'], 1, /1 passed, 1 failed \(\d+ ms\)\n$/],
    ['without a path', {}, [], 2, 'PATH… is missing: case files, and folders of them\n'],
    ['with a path that is not there', {}, ['none.yaml', 'other'], 2, 'there is no file or folder none.yaml, other\n'],
    [
      'without a case',
      { 'sub/a.yaml': 'version: 1\n' },
      ['sub'],
      2,
      'there are no cases in sub: a case file is YAML with cases: [ … ] at its top\n',
    ],
    [
      'with a filter that finds none',
      { 'a.yaml': file(passing) },
      ['a.yaml', '--filter', 'x'],
      2,
      "no case has 'x' in its name: there are 1\n",
    ],
    ['with an unknown option', {}, ['.', '--junti', 'x'], 2, /^there is no option --junti — did you mean '--junit'\?/],
    ['with a bad file', { 'a.yaml': 'config: postern.yaml\ncases: [{ nam: x }]\n' }, ['a.yaml'], 78, /^a\.yaml:2:11 /],
    ['with a file that is no YAML', { 'a.yaml': 'cases: [\n' }, ['.'], 78, /^a\.yaml:\d+:\d+ no valid YAML/],
    [
      'with a file in a folder that is too large',
      { 'a.yaml': file(passing), 'b.yaml': `cases: []\n#${'x'.repeat(1_000_001)}\n` },
      ['.'],
      78,
      'b.yaml:1:1 is larger than 1 MB\n',
    ],
    [
      'with a file in a folder that is no UTF-8',
      { 'a.yaml': file(passing), 'b.yaml': Buffer.from('cases: []\n# \xff\n', 'latin1') },
      ['.'],
      78,
      'b.yaml:1:1 cannot be read: it is not UTF-8 text\n',
    ],
    [
      'with other YAML in a folder that is too large',
      { 'a.yaml': file(passing), 'b.yaml': `#${'x'.repeat(1_000_001)}\n` },
      ['.'],
      0,
      /^✓ passes/,
    ],
    [
      'with a file that is named and has no cases',
      { 'a.yaml': 'config: postern.yaml\n' },
      ['a.yaml'],
      78,
      'a.yaml:1:1 cases: is missing: expected a list\n',
    ],
  ]
  test.each(rows)('%s', async (_, texts, args, code, told) => {
    const ended = await run(files(texts), args)
    const text = ended.stdout || ended.stderr
    if (typeof told === 'string') expect([ended.code, text]).toEqual([code, told])
    else expect([ended.code, text]).toEqual([code, expect.stringMatching(told)])
  })
})

describe('a bad case file is told at its line, all of it at once:', () => {
  const rows: [what: string, yaml: string, told: string[]][] = [
    [
      'unknown keys',
      `config: postern.yaml
cses: []
cases:
  - name: a
    requset: { path: /things }
    expect: { stauts: 1, body: { anything: goes } }
  - name: b
    request: { path: /things, header: { a: b } }
    expect: { record: {} }
`,
      [
        "2:1 cses: unknown setting 'cses' — did you mean 'cases'?",
        "5:5 cases[0].requset: unknown setting 'requset' — did you mean 'request'?",
        "6:15 cases[0].expect.stauts: unknown setting 'stauts' — did you mean 'status'?",
        "8:31 cases[1].request.header: unknown setting 'header' — did you mean 'headers'?",
        "9:15 cases[1].expect.record: unknown setting 'record' — did you mean 'records'?",
      ],
    ],
    [
      'values that are none',
      `config: postern.yaml
cases:
  - name: a
    now: yesterday
    request: { path: /things, bodyBase64: "!", sign: { at: never } }
  - { name: b, request: { path: /things, body: a, json: {} } }
  - { name: c, request: { path: /things, headers: { "a b": c, d: "e\\nf" } } }
  - { name: d, request: { method: GET, path: /things, json: {} } }
  - { name: e }
  - { name: f, request: { json: {} } }
  - { name: g, requests: [{ path: /things, now: 1, after: 5m }] }
  - { name: h, request: { path: /things }, requests: [{ path: /things }] }
  - { name: i, requests: [{ path: /things, expect: {} }], expect: {} }
  - { name: j, request: { path: /things, bodyFile: none.bin } }
  - { name: k, request: { path: /things, privateKey: x } }
`,
      [
        '4:10 cases[0].now: is no time: write an RFC 3339 time such as 2026-01-15T12:00:00Z, or unix seconds or milliseconds',
        '5:43 cases[0].request.bodyBase64: is no base64: letters, digits, + and / alone, with = at the end',
        '5:60 cases[0].request.sign.at: is no time: write an RFC 3339 time such as 2026-01-15T12:00:00Z, or unix seconds or milliseconds',
        '6:57 cases[1].request.json: there is a body already: write one of body, json, bodyBase64 and bodyFile',
        '7:60 cases[2].request.headers["a b"]: is no header: its name is letters, digits and -, its value one line of ISO-8859-1',
        '7:66 cases[2].request.headers.d: is no header: its name is letters, digits and -, its value one line of ISO-8859-1',
        '8:61 cases[3].request.json: a GET has no body: its parameters go into query',
        '9:5 cases[4]: has nothing to send: write request: { … } or requests: [ … ]',
        '10:25 cases[5].request: needs a path, or the name of a webhook',
        '11:59 cases[6].requests[0].after: write now or after, not both',
        '12:54 cases[7].requests: write request or requests, not both',
        '13:67 cases[8].expect: the last request has an expect of its own: write one of the two',
        '14:52 cases[9].request.bodyFile: the file none.bin cannot be read: ENOENT',
        '15:54 cases[10].request.privateKey: signs nothing without sign: true',
      ],
    ],
    [
      'what the configuration does not have',
      `config: postern.yaml
cases:
  - { name: a, request: { webhook: thngs } }
  - { name: b, request: { path: "/things/{token}" } }
  - { name: c, secrets: { STORD_KEY: x }, request: { path: /stored } }
`,
      [
        "3:25 webhook: there is no webhook 'thngs' — did you mean 'things'?",
        '4:25 path: no webhook has a {token} there: write one of /things, /open/{token}, /limited, /stored',
        '5:5 the configuration has no ${' + "secret:STORD_KEY} — did you mean 'STORED_KEY'?",
      ],
    ],
  ]
  test.each(rows)('%s', async (_, yaml, told) => {
    const { code, stderr, stdout } = await run(files({ 'a.yaml': yaml }), ['a.yaml'])
    expect([code, stdout, stderr.trimEnd().split('\n')]).toEqual([78, '', told.map(line => `a.yaml:${line}`)])
  })

  test('a bad configuration, for each environment that makes it one', async () => {
    const home = files({
      'other.yaml': 'version: 1\nserver: { prot: 1, publicUrl: "$' + '{URL}" }\n',
      'a.yaml': 'config: other.yaml\ncases: [{ name: a, request: { path: / } }]\n',
    })
    const told = [
      "other.yaml:2:11 server.prot: unknown setting 'prot' — did you mean 'port'?",
      'other.yaml:2:31 server.publicUrl: the environment variable URL is not set: set it, or give a default: $' + '{URL:-…}',
      "a.yaml:2:9 this is the configuration, with this env, of the case 'a'",
    ]
    // Set where it runs, it is not seen all the same.
    const { code, stderr } = await run(home, ['a.yaml'], { env: { URL: 'https://a.example' } })
    expect([code, stderr.trimEnd().split('\n')]).toEqual([78, told])
    const json = await runJson(home, ['a.yaml'])
    expect([json.code, json.cases, json.problems]).toEqual([78, [], told])
  })
})

describe('what is found', () => {
  const home = files({
    'one.yaml': `\ufeff${file({ ...passing, name: 'one' })}`,
    'deep/er/two.yml': `config: ../../postern.yaml\ncases: [${JSON.stringify({ ...passing, name: 'two' })}]\n`,
    'deep/other.yaml': 'version: 1\n',
    'deep/broken.yaml': ': [',
    'deep/three.txt': file(passing),
    'deep/.hidden/four.yaml': file(passing),
    'node_modules/five.yaml': file(passing),
  })

  test('every case file of a folder, and nothing else', async () => {
    const { code, cases } = await runJson(home)
    expect([code, cases.map(one => [one.name, one.file, one.line])]).toEqual([
      0,
      [
        ['two', 'deep/er/two.yml', 2],
        ['one', 'one.yaml', 3],
      ],
    ])
  })

  test('several paths, each file once', async () => {
    const { cases } = await runJson(home, ['one.yaml', 'deep', './one.yaml', '.'])
    expect(cases.map(one => one.name)).toEqual(['one', 'two'])
  })
})

describe('what is run', () => {
  test('not what is skipped, which says so', async () => {
    const home = files({ 'a.yaml': file({ ...failing, skip: true, name: 'a' }, { ...failing, skip: 'not yet', name: 'b' }) })
    const { code, cases } = await runJson(home)
    expect([code, cases.map(({ ok, status, skipped }) => [ok, status, skipped])]).toEqual([
      0,
      [
        [true, null, true],
        [true, null, 'not yet'],
      ],
    ])
    const { stdout } = await run(home)
    expect(stdout).toMatch(/^- a \(skipped\)\n- b \(skipped: not yet\)\n0 passed, 2 skipped \(\d+ ms\)\n$/)
  })

  test('only what says so, and what the filter finds, whatever its case', async () => {
    const home = files({
      'a.yaml': file(failing, { ...passing, only: true, name: 'Only this' }, { ...passing, only: true, name: 'or that' }),
    })
    expect((await runJson(home)).cases.map(one => one.name)).toEqual(['Only this', 'or that'])
    expect((await runJson(home, ['.', '--filter', 'only'])).cases.map(one => one.name)).toEqual(['Only this'])
  })
})

test('--json prints cases, and nothing else', async () => {
  const { stdout } = await runJson(files({ 'a.yaml': file(passing, failing) }))
  const told = JSON.parse(stdout)
  expect(Object.keys(told)).toEqual(['cases'])
  expect(told.cases).toMatchObject([
    { name: 'passes', ok: true, status: 201, failures: [] },
    { name: 'fails', ok: false, status: 201, failures: ['status: expected 200, got 201'] },
  ])
})

test('--junit writes XML that any reader takes', async () => {
  const name = 'odd <&>"\' \u001b[31m \u0000 \ud800 \ufffe ]]> é\n'
  const home = files({
    'a.yaml': file(passing, { ...failing, name, expect: { body: { id: name } } }, { ...passing, name: 'later', skip: 'a < b' }),
  })
  const { code } = await run(home, ['a.yaml', '--junit', 'report.xml'])
  expect(code).toBe(1)
  const xml = readFileSync(join(home, 'report.xml'), 'utf8')
  expect(xml).toStartWith(
    '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="postern" tests="3" failures="1" errors="0" skipped="1"',
  )
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may stand in XML 1.0
  expect(xml).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/)
  const tags = [...xml.matchAll(/<(\/?)([a-z]+)((?: [a-z]+="[^"<]*")*)(\/?)>/g)]
  // Nothing is left between the tags but text, every tag is closed by its own, and no & stands alone.
  const open: string[] = []
  for (const [, end, tag = '', , alone] of tags) {
    if (end) expect(open.pop()).toBe(tag)
    else if (!alone) open.push(tag)
  }
  expect(open).toEqual([])
  expect(xml.replace(/<\?xml[^>]*\?>/, '').replace(/<(\/?)([a-z]+)((?: [a-z]+="[^"<]*")*)(\/?)>/g, '')).not.toMatch(/[<>]/)
  expect(xml).not.toMatch(/&(?!amp;|lt;|gt;|quot;|#\d+;)/)
  expect(tags.map(([, , tag]) => tag).filter(tag => tag === 'testcase' || tag === 'skipped' || tag === 'failure')).toEqual([
    'testcase',
    'testcase',
    'failure',
    'failure',
    'testcase',
    'testcase',
    'skipped',
    'testcase',
  ])
})

test('a report that cannot be written is a failure that says so', async () => {
  const { code, stderr } = await run(files({ 'a.yaml': file(passing) }), ['a.yaml', '--junit', 'no/such/folder.xml'])
  expect([code, stderr]).toEqual([1, expect.stringContaining('the report cannot be written: ')])
})

test('names cannot colour or move the terminal', async () => {
  const { stdout } = await run(files({ 'a.yaml': file({ ...passing, name: 'a\u001b[2Jb' }) }))
  expect(stdout).toStartWith('✓ a\\u001b[2Jb (')
})

test('the documentation names every key of the format', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/tests.md'), 'utf8')
  const keys = (schema: any): string[] => [
    ...Object.keys(schema.properties ?? {}),
    ...Object.values<any>(schema.properties ?? {}).flatMap(keys),
    ...(schema.items ? keys(schema.items) : []),
    ...(schema.anyOf ?? []).flatMap(keys),
  ]
  const all = new Set(keys(CaseFile))
  expect(all.size).toBeGreaterThan(35)
  expect([...all].filter(key => key !== 'at' && !page.includes(`\`${key}\``))).toEqual([])
})
