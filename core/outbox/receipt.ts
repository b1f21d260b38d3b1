/** Receipts as they can be judged and stored, whatever a kind of destination makes of them. */
import type { Receipt } from '../plugin.ts'

/** Of an answer or a message, in characters. */
const KEPT = 4096

export function sound(receipt: Receipt): Receipt {
  if (typeof receipt !== 'object' || receipt === null) return { ok: false, code: 'SENDER_FAILED', message: 'send returned no receipt' }
  const { status, response } = receipt
  const kept = {
    ...(Number.isInteger(status) && Math.abs(status as number) < 1e6 && { status: status as number }),
    ...(typeof response === 'string' && { response }),
  }
  if (receipt.ok === true) return { ok: true, ...kept }
  const { code, message, retryAfter, gone, hopeless } = receipt
  return {
    ok: false,
    code: /^[\w.-]{1,64}$/.test(String(code)) ? String(code) : 'SENDER_FAILED',
    message: String(message ?? ''),
    ...kept,
    ...(Number.isFinite(retryAfter) && { retryAfter: retryAfter as number }),
    ...(gone === true && { gone }),
    ...(hopeless === true && { hopeless }),
  }
}

/** Text as Postgres keeps it: no NUL, no half of a character. */
export function storable(text: string): string {
  return text.slice(0, KEPT).replaceAll('\0', '\ufffd').toWellFormed()
}

/** The receipt, or that of an attempt that did not end within so many milliseconds. */
export function within(sending: Promise<Receipt>, ms: number): Promise<Receipt> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => done({ ok: false, code: 'TIMEOUT', message: 'the attempt did not end' }), ms)
    sending.then(done, fail).finally(() => clearTimeout(timer))
  })
}
