/** Configurations from YAML text, and what their documents say. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import type { Config } from '#core/config/config.ts'
import { load } from '#core/config/load.ts'
import { formatProblem } from '#core/config/problem.ts'
import { openDocs } from '#core/docs/docs.ts'
import { guard } from '#core/request/guard.ts'
import { builtins } from '#plugins/index.ts'
import { folder } from '../support/child.ts'

/** What every secret in these tests is: it must stand in no document. */
export const CANARY = 'canary-secret-0123456789abcdef'

/** Reads a file, or YAML text; throws with every problem. */
export async function read(text: string, env: Record<string, string> = {}): Promise<Config> {
  let file = text
  if (text.includes('\n')) {
    file = join(folder(), 'postern.yaml')
    writeFileSync(file, text)
  }
  const importPlugin = () => Promise.reject(new Error('none'))
  const { config, problems } = await load(file, { env: { SECRET: CANARY, ...env }, builtins, importPlugin })
  if (!config) throw new Error(problems.map(formatProblem).join('\n'))
  return config
}

/** Asks for a document as the edge does. */
export function documents(config: Config) {
  const docs = openDocs(config)
  return async (path: string, init: RequestInit = {}, peer = '127.0.0.1'): Promise<Response | undefined> => {
    const headers = { host: 'gateway.example.com', ...(init.headers as Record<string, string>) }
    const target = guard(new Request(`http://gateway.example.com${path}`, { ...init, headers }))
    return target && docs?.(target, peer)
  }
}

/** The OpenAPI document of a configuration. */
export async function documentOf(text: string, env?: Record<string, string>): Promise<any> {
  const response = await documents(await read(text, env))('/openapi.json')
  return response?.json()
}

/** What is wrong with a document as OpenAPI 3.1, and the references that lead nowhere. */
export async function faultsOf(document: any): Promise<unknown[]> {
  const { valid, errors } = await new Validator().validate(structuredClone(document))
  const lost: string[] = []
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const ref = (value as { $ref?: unknown }).$ref
    if (typeof ref === 'string' && ref.startsWith('#') && at(document, ref) === undefined) lost.push(ref)
    for (const inner of Object.values(value)) visit(inner)
  }
  visit(document)
  return [...(valid ? [] : [errors].flat()), ...lost]
}

/** What a reference within the document points to. */
export function at(document: any, ref: string): any {
  const parts = ref.slice(2).split('/')
  return parts.reduce((value, part) => value?.[decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')], document)
}

/** The page of a webhook as text. */
export async function pageOf(text: string, webhook: string, env?: Record<string, string>): Promise<string> {
  const response = await documents(await read(text, env))(`/docs/${webhook}`)
  return (await response?.text()) ?? ''
}
