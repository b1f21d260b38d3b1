/** How often an event has gone round: a count that travels with its deliveries, signed, so that nobody can silence events by claiming a high one. */
import { createHmac, timingSafeEqual } from 'node:crypto'

/** The headers that a delivery carries: what it is an echo of, and how often it has gone round. */
export function hopHeaders(brand: string, key: string, event: string, hops: number): Record<string, string> {
  const prefix = `x-${brand.toLowerCase()}`
  return { [`${prefix}-webhook-id`]: event, [`${prefix}-hops`]: `${hops};${sign(key, event, hops)}` }
}

/** The count of a request that is a delivery of ours come back; 0 when it has none, or a forged one. */
export function readHops(brand: string, key: string, headers: Headers): number {
  const prefix = `x-${brand.toLowerCase()}`
  const text = headers.get(`${prefix}-hops`)
  if (text === null) return 0
  const [, count = '', signature = ''] = /^(\d{1,4});([0-9a-f]{64})$/.exec(text) ?? []
  const wanted = sign(key, headers.get(`${prefix}-webhook-id`) ?? '', Number(count))
  return signature !== '' && timingSafeEqual(Buffer.from(signature), Buffer.from(wanted)) ? Number(count) : 0
}

function sign(key: string, event: string, hops: number): string {
  return createHmac('sha256', key).update(`${event}.${hops}`).digest('hex')
}
