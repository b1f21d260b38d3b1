/** Makes the request of a step as it arrives at the gateway's edge. */
import type { Config } from '../config/config.ts'
import { signedDraft } from '../request/draft.ts'
import type { Step } from './case.ts'
import { type Aim, TOKEN } from './prepare.ts'
import type { Scene } from './stage.ts'

/** The request; a text says why the sender could not have made it. */
export async function requestOf(step: Step, aim: Aim, config: Config, scene: Scene): Promise<Request | string> {
  const token = TOKEN.test(aim.path) && aim.webhook ? await scene.token(aim.webhook.name) : ''
  const path = aim.path.replace(TOKEN, token)
  const target = path + (step.query && `?${step.query}`)
  const headers = new Headers(step.headers as [string, string][])
  if (!step.sign) return made(step.method, target, aim.host, headers, step.body)
  if (!aim.webhook) return `nothing can be signed: there is no webhook at ${path}`
  const { at, privateKey } = step.sign
  const start = { method: step.method, path: target, headers, ...(step.body && { body: step.body }) }
  const signed = await signedDraft(config, aim.webhook, start, { now: () => at, privateKey })
  if ('fault' in signed) return `it cannot be signed: ${signed.fault}`
  const { draft } = signed
  const host = headers.has('host') || step.host !== undefined ? aim.host : (draft.headers.get('host') ?? aim.host)
  return made(draft.method, withoutBase(draft.url, config) + draft.url.search, host, draft.headers, draft.body)
}

/** A proxy in front takes away the path of `publicUrl`. */
function withoutBase({ pathname }: URL, { server: { publicUrl } }: Config): string {
  const base = publicUrl ? new URL(publicUrl).pathname.replace(/\/$/, '') : ''
  return base && pathname.startsWith(`${base}/`) ? pathname.slice(base.length) : pathname
}

function made(method: string, target: string, host: string, headers: Headers, body: Uint8Array | undefined): Request | string {
  headers.set('host', host)
  const bodiless = method === 'GET' || method === 'HEAD'
  if (body && !bodiless) headers.set('content-length', String(body.length))
  try {
    const bytes = body && !bodiless ? { body: body as Uint8Array<ArrayBuffer> } : {}
    return new Request(`http://localhost${target}`, { method, headers, ...bytes })
  } catch (error) {
    return `no request can be made of it: ${error instanceof Error ? error.message : error}`
  }
}
