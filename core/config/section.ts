/** What the sections of a configuration file are made with. */
import { type TProperties, type TSchema, Type } from '@sinclair/typebox'
import type { Node } from './node.ts'

/** Of webhooks, entities and the like. */
export const NAME = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$'

/** Settings of which no other may stand beside. */
export const closed = <P extends TProperties>(properties: P, description: string) =>
  Type.Object(properties, { description, additionalProperties: false })

/** Things by names of the user's own. */
export const named = <S extends TSchema>(schema: S, description: string) =>
  Type.Record(Type.String({ pattern: NAME }), schema, { description })

/** A part that is decoded later, by code that needs its positions; `shape` is for the reference, its `x-editor` for editors. */
export const later = (shape: Record<string, unknown>, description: string) =>
  Type.Unsafe<Node>({ 'x-postern': 'node', ...shape, description })
