/** Entities and their JSON Schemas, inline and in files. */
import { expect, test } from 'bun:test'
import { loadWorld, type Row, table, top } from './fixture.ts'

const entity = (schema: string) => top(`entities:\n  e:\n    schema:\n${schema.replace(/^/gm, '      ')}`)
const inFile = (name: string, text: string) => ({
  files: { 'c.yaml': top(`entities: { e: { schema: ${name} } }`), [name]: text },
  path: 'c.yaml',
})

export const rows: Row[] = [
  ['no schema', top('entities: { e: {} }')],
  ['nothing', top('entities: { e: }')],
  ['a good one', entity('type: object\nrequired: [a]\nproperties:\n  a: { type: string, format: email, minLength: 3 }')],
  ['required alone', entity('anyOf: [{ required: [a] }, { required: [b] }]')],
  [
    'an unknown keyword',
    entity('type: object\npropertis: {}'),
    `c.yaml:6:7 entities.e.schema.propertis: unknown keyword 'propertis' — did you mean 'properties'?`,
  ],
  [
    'an unknown keyword further in',
    entity('type: object\nproperties:\n  a: { type: string, minlength: 3 }'),
    `c.yaml:7:28 entities.e.schema.properties.a.minlength: unknown keyword 'minlength' — did you mean 'minLength'?`,
  ],
  [
    'a property that is named like the unknown keyword',
    entity('properties:\n  typ: { type: string }\n  b: { typ: string }'),
    `c.yaml:7:14 entities.e.schema.properties.b.typ: unknown keyword 'typ' — did you mean 'type'?`,
  ],
  [
    'several unknown words',
    entity(
      'typ: object\nproperties:\n  a: { typ: string, format: emial }\n  b: { typ: string, format: emial, minlen: 3 }\n  c: { type: strin }',
    ),
    `c.yaml:5:7 entities.e.schema.typ: unknown keyword 'typ' — did you mean 'type'?`,
    `c.yaml:7:14 entities.e.schema.properties.a.typ: unknown keyword 'typ' — did you mean 'type'?`,
    `c.yaml:7:35 entities.e.schema.properties.a.format: unknown format 'emial' — did you mean 'email'?`,
    `c.yaml:8:14 entities.e.schema.properties.b.typ: unknown keyword 'typ' — did you mean 'type'?`,
    `c.yaml:8:35 entities.e.schema.properties.b.format: unknown format 'emial' — did you mean 'email'?`,
    `c.yaml:8:42 entities.e.schema.properties.b.minlen: unknown keyword 'minlen' — did you mean 'minLength'?`,
    `c.yaml:9:20 entities.e.schema.properties.c.type: must be one of array, boolean, integer, null, number, object, string — did you mean 'string'?`,
  ],
  ['a name that no keyword may have', entity('"a b": 1'), `c.yaml:5:7 entities.e.schema["a b"]: unknown keyword 'a b'`],
  [
    'the words of one schema are unknown in the next',
    top('entities: { a: { schema: { typ: x } }, b: { schema: { typ: x } } }'),
    `c.yaml:2:28 entities.a.schema.typ: unknown keyword 'typ' — did you mean 'type'?`,
    `c.yaml:2:55 entities.b.schema.typ: unknown keyword 'typ' — did you mean 'type'?`,
  ],
  [
    'an unknown type',
    entity('properties:\n  a: { type: strin }'),
    `c.yaml:6:20 entities.e.schema.properties.a.type: must be one of array, boolean, integer, null, number, object, string — did you mean 'string'?`,
  ],
  [
    'an unknown type in a list',
    entity('properties:\n  a: { type: [string, nul] }'),
    `c.yaml:6:29 entities.e.schema.properties.a.type[1]: must be one of array, boolean, integer, null, number, object, string — did you mean 'null'?`,
  ],
  [
    'an unknown format',
    entity('properties:\n  a: { type: string, format: emial }'),
    `c.yaml:6:36 entities.e.schema.properties.a.format: unknown format 'emial' — did you mean 'email'?`,
  ],
  [
    'a value of the wrong kind',
    entity('properties:\n  a: { maxLength: "5" }\n  b: { minimum: x }'),
    'c.yaml:6:25 entities.e.schema.properties.a.maxLength: must be integer',
    'c.yaml:7:23 entities.e.schema.properties.b.minimum: must be number',
  ],
  ['a schema that is a number', entity('properties:\n  a: 5'), 'c.yaml:6:12 entities.e.schema.properties.a: must be object,boolean'],
  [
    'a reference to nothing',
    entity('properties:\n  a: { $ref: "#/$defs/b" }'),
    `c.yaml:6:20 entities.e.schema.properties.a.$ref: there is nothing at '#/$defs/b'`,
  ],
  ['a reference to something', entity('$defs: { b: { type: string } }\nproperties:\n  a: { $ref: "#/$defs/b" }')],
  [
    'a broken pattern',
    entity('properties:\n  a: { pattern: "^a" }\n  b: { pattern: "(" }'),
    'c.yaml:7:23 entities.e.schema.properties.b.pattern: is no regular expression: Invalid regular expression: missing )',
  ],
  [
    'an older draft',
    entity('$schema: http://json-schema.org/draft-07/schema#'),
    'c.yaml:5:16 entities.e.schema.$schema: only JSON Schema 2020-12 is known: remove this line, or write https://json-schema.org/draft/2020-12/schema',
  ],
  [
    'if without then',
    entity('if: {}'),
    'c.yaml:4:5 entities.e.schema: is no good JSON Schema: strict mode: "if" without "then" and "else" is ignored',
  ],
  ['two with one $id', top('entities: { a: { schema: { $id: x } }, b: { schema: { $id: x } } }')],
  [
    'a list',
    top('entities: { e: { schema: [] } }'),
    'c.yaml:2:26 entities.e.schema: expected a JSON Schema as a map, or the path of a file that holds one',
  ],
  [
    'a number',
    top('entities: { e: { schema: 5 } }'),
    'c.yaml:2:26 entities.e.schema: expected a JSON Schema as a map, or the path of a file that holds one',
  ],
  [
    'an empty text',
    top('entities: { e: { schema: "" } }'),
    'c.yaml:2:26 entities.e.schema: expected a JSON Schema as a map, or the path of a file that holds one',
  ],
  [
    'an unknown setting',
    top('entities: { e: { schema: {}, unkown: keep } }'),
    `c.yaml:2:30 entities.e.unkown: unknown setting 'unkown' — did you mean 'unknown'?`,
  ],
  [
    'an unknown choice',
    top('entities: { e: { unknown: ignore } }'),
    `c.yaml:2:27 entities.e.unknown: expected 'drop', 'keep' or 'reject', got 'ignore'`,
  ],
  [
    'a file that is not there',
    top('entities: { e: { schema: schemas/e.json } }'),
    `c.yaml:2:26 entities.e.schema: the file 'schemas/e.json' cannot be read: there is no such file`,
  ],
  [
    'a JSON file',
    inFile('schemas/e.json', '{\n  "type": "object",\n  "propertis": {}\n}'),
    `schemas/e.json:3:3 entities.e.schema.propertis: unknown keyword 'propertis' — did you mean 'properties'?`,
  ],
  [
    'a YAML file',
    inFile('e.yaml', 'type: object\nproperties:\n  a: { type: strin }\n'),
    `e.yaml:3:14 entities.e.schema.properties.a.type: must be one of array, boolean, integer, null, number, object, string — did you mean 'string'?`,
  ],
  [
    'a broken file',
    inFile('e.json', '{\n  "type": "object",\n'),
    'e.json:3:1 entities.e.schema: no valid YAML: Flow map must end with a }',
  ],
  [
    'an empty file',
    inFile('e.json', ''),
    'e.json:1:1 entities.e.schema: expected a JSON Schema as a map, or the path of a file that holds one',
  ],
  [
    'a file of text',
    inFile('e.json', '"text"'),
    'e.json:1:1 entities.e.schema: expected a JSON Schema as a map, or the path of a file that holds one',
  ],
]

table(rows)

test('what an entity means', async () => {
  const { config } = await loadWorld({
    files: { 'c.yaml': top('entities: { a: {}, b: { schema: e.json, unknown: reject } }'), 'e.json': '{"type":"object"}' },
    path: 'c.yaml',
  })
  expect(config && [...config.entities.values()]).toEqual([
    { name: 'a', schema: {}, unknown: 'drop' },
    { name: 'b', schema: { type: 'object' }, unknown: 'reject' },
  ])
})
