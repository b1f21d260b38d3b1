/** A JSON Schema that samples are compared with: judged before it is used. */
import { nodeOf } from '../config/node.ts'
import { schemaFaults } from '../config/userSchema.ts'
import { knownWhole } from '../config/wholeSchema.ts'
import type { Schema } from './schema.ts'

/** The first thing that is wrong with it. */
export function faultOfSchema(schema: Schema): string | undefined {
  const large = knownWhole(schema)
  if (large) return large
  const [first] = schemaFaults(nodeOf(schema, { file: '', line: 1, column: 1 }))
  return first && `${first.path.length > 0 ? `${first.path.join('.')}: ` : ''}${first.message}`
}
