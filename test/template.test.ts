/** `{{path}}` templates, as dialects and subscription bodies compile them. */
import { expect, test } from 'bun:test'
import { compileTemplate, walk } from '#core/template.ts'

const values = { code: 'BAD', details: { name: ['is missing'] }, record: { id: 7, created: false } }

test.each<[unknown, unknown]>([
  ['{{code}}', 'BAD'],
  ['{{ record.id }}', 7],
  ['{{details}}', { name: ['is missing'] }],
  ['{{nothing}}', undefined],
  ['code: {{code}}', 'code: BAD'],
  ['{{code}} of {{record.id}}{{nothing}}', 'BAD of 7'],
  ['{{details}}!', '{"name":["is missing"]}!'],
  ['no path', 'no path'],
  // Each text is looked at from its beginning, wherever the path stood in the one before.
  [
    ['a long text before {{code}}', '{{code}}, short', 'x {{code}}', { a: '{{code}}.' }],
    ['a long text before BAD', 'BAD, short', 'x BAD', { a: 'BAD.' }],
  ],
  ['{{constructor.name}}', undefined],
  [5, 5],
  [null, null],
])('%j', (source, want) => {
  for (let round = 0; round < 3; round++) expect(compileTemplate(source).render(path => walk(values, path))).toEqual(want)
})

test('each path is told once', () => {
  expect(compileTemplate(['x {{a.b}} {{c}}', '{{a.b}}']).paths).toEqual([['a', 'b'], ['c']])
})
