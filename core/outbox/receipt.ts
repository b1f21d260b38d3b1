/** Receipts as they can be judged and stored, whatever a kind of destination makes of them. */
import type { Receipt } from '../plugin.ts'

/** Of an answer or a message, in characters. */
const KEPT = 4096

function sound(receipt: Receipt): Receipt {
  if (typeof receipt !== 'object' || receipt === null) return { ok: false, code: 'SENDER_FAILED', message: 'send returned no receipt' }
  const { status, response } = receipt
  const kept = {
    ...(Number.isInteger(status) && Math.abs(status as number) < 1e6 && { status: status as number }),
    ...(typeof response === 'string' && { response }),
  }
  if (receipt.ok === true) return { ok: true, ...kept }
  const { code, message, retryAfter, gone, hopeless } = receipt
  const unclear = receipt.ok === false ? 'send gave no reason' : 'send returned a receipt of which `ok` is neither true nor false'
  return {
    ok: false,
    code: typeof code === 'string' && /^[\w.-]{1,64}$/.test(code) ? code : 'SENDER_FAILED',
    message: typeof message === 'string' ? message : unclear,
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

/**
 * Makes an attempt, and turns whatever comes of it into a receipt that can be judged and stored: a throw, nonsense, or no end within so
 * many milliseconds is a failure. Never rejects.
 */
export function attempted(send: () => unknown, ms: number): Promise<Receipt> {
  return new Promise(done => {
    const timer = setTimeout(() => done({ ok: false, code: 'TIMEOUT', message: 'the attempt did not end' }), ms)
    const made = async () => sound((await send()) as Receipt)
    made()
      .catch((error): Receipt => ({ ok: false, code: 'SENDER_FAILED', message: `the kind of destination failed: ${reasonOf(error)}` }))
      .then(receipt => {
        clearTimeout(timer)
        done(receipt)
      })
  })
}

/** A plugin may throw anything, and nothing. */
function reasonOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error)
  } catch {
    return 'with an error that has no text'
  }
}
