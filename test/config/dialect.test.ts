/** Dialects: templates, what they leave out, and codes. */
import { expect, test } from 'bun:test'
import { problemDialect } from '#core/config/problemDialect.ts'
import { loadWorld, type Row, table, top } from './fixture.ts'

const dialect = (settings: string) => top(`dialects:\n  d: { ${settings} }`)

export const rows: Row[] = [
  ['nothing', dialect('')],
  [
    'every name in reach',
    dialect(
      'success: { body: { a: "{{record.id}} {{record.created}} {{record.fieldsUpdated}}", b: ["{{data.x.y}}", "{{ data.a }}"], c: "{{custom_variables.plan}}", d: "{{event.id}}{{event.type}}", e: "{{webhook}}", f: "{{data}}" } }, error: { body: "{{code}}{{message}}{{details}}{{status}}{{webhook}}" }',
    ),
  ],
  [
    'a name with a typing error',
    dialect('success: { body: { id: "{{recrd.id}}" } }'),
    `c.yaml:3:31 dialects.d.success.body.id: {{recrd.id}} is not in reach here — did you mean 'record.id'?`,
  ],
  [
    'a field that a record has not',
    dialect('success: { body: { id: "{{record.ids}}" } }'),
    `c.yaml:3:31 dialects.d.success.body.id: {{record.ids}} is not in reach here — did you mean 'record.id'?`,
  ],
  [
    'a name with something below it',
    dialect('success: { body: { id: "{{webhook.name}}" } }'),
    'c.yaml:3:31 dialects.d.success.body.id: {{webhook.name}} is not in reach here; known are record.id, record.created, record.fieldsUpdated, data.*, custom_variables.*, event.id, event.type, webhook',
  ],
  [
    'a head with a typing error',
    dialect('success: { body: ["{{custom_variable.plan}}"] }'),
    `c.yaml:3:26 dialects.d.success.body[0]: {{custom_variable.plan}} is not in reach here — did you mean 'custom_variables.plan'?`,
  ],
  [
    'a name of errors in a success',
    dialect('success: { body: "{{code}}" }'),
    'c.yaml:3:25 dialects.d.success.body: {{code}} is not in reach here; known are record.id, record.created, record.fieldsUpdated, data.*, custom_variables.*, event.id, event.type, webhook',
  ],
  [
    'a name of successes in an error',
    dialect('error: { body: { id: "{{record.id}}" } }'),
    'c.yaml:3:29 dialects.d.error.body.id: {{record.id}} is not in reach here; known are code, message, details, status, webhook',
  ],
  [
    'an empty name',
    dialect('success: { body: "{{}}" }'),
    'c.yaml:3:25 dialects.d.success.body: {{}} is not in reach here; known are record.id, record.created, record.fieldsUpdated, data.*, custom_variables.*, event.id, event.type, webhook',
  ],
  [
    'an expression',
    dialect('success: { body: "{{data.a || 1}}" }'),
    'c.yaml:3:25 dialects.d.success.body: {{data.a || 1}} is not in reach here; known are record.id, record.created, record.fieldsUpdated, data.*, custom_variables.*, event.id, event.type, webhook',
  ],
  ['an open one', dialect('success: { body: "{{data.a" }'), `c.yaml:3:25 dialects.d.success.body: '{{' has no '}}' after it: close it`],
  [
    'a dot too much',
    dialect('success: { body: "{{data.}}" }'),
    'c.yaml:3:25 dialects.d.success.body: {{data.}} is not in reach here; known are record.id, record.created, record.fieldsUpdated, data.*, custom_variables.*, event.id, event.type, webhook',
  ],
  [
    'two faults in one text',
    dialect('success: { body: "{{a}}{{b}}" }'),
    'c.yaml:3:25 dialects.d.success.body: {{a}} is not in reach here; known are record.id, record.created, record.fieldsUpdated, data.*, custom_variables.*, event.id, event.type, webhook',
    'c.yaml:3:25 dialects.d.success.body: {{b}} is not in reach here; known are record.id, record.created, record.fieldsUpdated, data.*, custom_variables.*, event.id, event.type, webhook',
  ],
  [
    'in updated and accepted',
    dialect('updated: { body: "{{cod}}" }, accepted: { body: { deep: { in: "{{webhok}}" } } }'),
    'c.yaml:3:25 dialects.d.updated.body: {{cod}} is not in reach here; known are record.id, record.created, record.fieldsUpdated, data.*, custom_variables.*, event.id, event.type, webhook',
    `c.yaml:3:70 dialects.d.accepted.body.deep.in: {{webhok}} is not in reach here — did you mean 'webhook'?`,
  ],
  ['a status that is no success', dialect('success: { status: 404 }'), 'c.yaml:3:27 dialects.d.success.status: must be at most 299'],
  [
    'a status that is no error',
    dialect('codes: { UNAUTHORIZED: { status: 200 } }'),
    'c.yaml:3:41 dialects.d.codes.UNAUTHORIZED.status: must be at least 400',
  ],
  [
    'a code in small letters',
    dialect('codes: { unauthorized: { status: 403 } }'),
    `c.yaml:3:17 dialects.d.codes.unauthorized: the name 'unauthorized' must match ^[A-Z][A-Z0-9_]*$`,
  ],
  [
    'a code with a typing error',
    dialect('codes: { UNAUTORIZED: { status: 403 }, QUOTA_EXCEDED: { status: 403 } }'),
    `c.yaml:3:17 warning: dialects.d.codes.UNAUTORIZED: nothing refuses with 'UNAUTORIZED' — did you mean 'UNAUTHORIZED'?`,
    `c.yaml:3:47 warning: dialects.d.codes.QUOTA_EXCEDED: nothing refuses with 'QUOTA_EXCEDED' — did you mean 'QUOTA_EXCEEDED'?`,
  ],
  ['a code of a plugin that is not here', dialect('codes: { GEO_BLOCKED: { status: 403 } }')],
  [
    'a media type that is none',
    dialect('error: { contentType: json }'),
    'c.yaml:3:30 dialects.d.error.contentType: must match ^[\\w.+-]+/[\\w.+-]+(; ?[\\w-]+=[\\w.-]+)*$, such as application/json',
  ],
  [
    'an unknown part',
    dialect('sucess: { status: 201 }'),
    `c.yaml:3:8 dialects.d.sucess: unknown setting 'sucess' — did you mean 'success'?`,
  ],
  [
    'an unknown part of a part',
    dialect('success: { staus: 201 }'),
    `c.yaml:3:19 dialects.d.success.staus: unknown setting 'staus' — did you mean 'status'?`,
  ],
  [
    'the built-in one',
    top('dialects: { problem: { success: { status: 200 } } }'),
    `c.yaml:2:13 dialects.problem: 'problem' is the built-in dialect: choose another name`,
  ],
  ['a text', top('dialects: { d: x }'), 'c.yaml:2:16 dialects.d: expected a map, got text'],
]

table(rows)

test('what is left out comes from the built-in dialect', async () => {
  const { config } = await loadWorld({
    files: {
      'c.yaml': top(
        'dialects: { a: {}, b: { success: { body: 1 }, updated: { status: 204 }, accepted: {}, error: { body: { e: 1 } }, codes: { INTERNAL: { code: X } } }, c: { error: { contentType: application/json } } }',
      ),
    },
  })
  expect(config?.dialects.get('problem')).toBe(problemDialect)
  expect(config?.dialects.get('a')).toEqual({
    name: 'a',
    success: { status: 200, body: problemDialect.success.body },
    error: problemDialect.error,
    codes: {},
  })
  expect(config?.dialects.get('b')).toEqual({
    name: 'b',
    success: { status: 200, body: 1 },
    updated: { status: 204 },
    accepted: {},
    error: { body: { e: 1 } },
    codes: { INTERNAL: { code: 'X' } },
  })
  expect(config?.dialects.get('c')?.error).toEqual({ contentType: 'application/json', body: problemDialect.error.body })
})
