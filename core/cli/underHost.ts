/** Sends a request under another host than that of its URL: `fetch` takes no Host header on every runtime. */
import { request as http, type IncomingMessage } from 'node:http'
import { request as https } from 'node:https'
import type { Draft } from '../plugin.ts'

/** Rejects when there is no answer. */
export async function underHost({ method, url, headers, body }: Draft, signal: AbortSignal): Promise<Response> {
  const bodiless = method === 'GET' || method === 'HEAD'
  const sent = Object.fromEntries([...headers, ...(bodiless ? [] : [['content-length', String(body.length)]])])
  const answer = await new Promise<IncomingMessage>((done, fail) => {
    const request = (url.protocol === 'https:' ? https : http)(url, { method, headers: sent, signal }, done)
    request.on('error', fail)
    request.end(bodiless ? undefined : body)
  })
  const parts: Buffer[] = []
  for await (const part of answer) parts.push(part as Buffer)
  const status = answer.statusCode ?? 500
  const told = Object.entries(answer.headers).flatMap(([name, value]) => [value ?? []].flat().map((one): [string, string] => [name, one]))
  return new Response(status === 204 || status === 304 ? null : Buffer.concat(parts), { status, headers: told })
}
