/** The built-in dialect: RFC 9457 `application/problem+json` with a stable `code`. */
import type { Dialect } from './config.ts'

/** Answers of a webhook that names no dialect. */
export const problemDialect: Dialect = {
  name: 'problem',
  success: { status: 201, body: { id: '{{record.id}}', created: '{{record.created}}' } },
  updated: { status: 200 },
  accepted: { status: 202, body: { accepted: true } },
  error: {
    contentType: 'application/problem+json',
    body: { type: 'about:blank', title: '{{message}}', status: '{{status}}', code: '{{code}}', details: '{{details}}' },
  },
  codes: {},
}
