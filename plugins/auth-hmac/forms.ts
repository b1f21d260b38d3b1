/** The forms in which the body and the URL may have been signed, for senders that sign before or after they escape. */
import type { Scheme } from './scheme.ts'
import { tokensOf } from './scheme.ts'
import type { Look } from './source.ts'
import { urlOf } from './template.ts'

/** Sets the body and the URL of `look` to one form after the other, and ends at the last; at most four. */
export type Forms = (look: Look) => Iterable<unknown>

const AS_IT_CAME: readonly unknown[] = [undefined]

export function compileForms(scheme: Scheme, publicUrl: string | undefined): Forms {
  const tokens = tokensOf(scheme)
  const { bodyVariants } = scheme
  const escapes = tokens.includes('body') && bodyVariants.includes('escapedUnicode')
  const raw = !escapes || bodyVariants.includes('raw')
  const decodes = tokens.includes('url') && scheme.url === 'decoded' && publicUrl !== undefined
  if (!escapes && !decodes) return () => AS_IT_CAME

  return function* forms(look) {
    // The usual one first, and nothing made for the others until it does not fit.
    if (raw) yield
    const url = decodes ? decoded(urlOf(look.x, publicUrl)) : undefined
    const body = escapes ? escaped(look.x.raw) : undefined
    if (raw && url !== undefined) {
      look.url = url
      yield
    }
    // With nothing to escape this form is the body as it came.
    if (raw && body === undefined) return
    look.body = body
    look.url = undefined
    yield
    look.url = url
    if (url !== undefined) yield
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const HEX = Buffer.from('0123456789abcdef')

/** The body with each UTF-16 unit from U+007F on as `\u00e9`; undefined when there is none, or it is no UTF-8. */
function escaped(raw: Uint8Array): Uint8Array | undefined {
  let text: string
  try {
    text = UTF8.decode(raw)
  } catch {
    return undefined
  }
  let length = text.length
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7e) length += 5
  if (length === text.length) return undefined
  // By hand: a callback for each letter takes a hundred times as long, and anybody may send a body of such letters.
  const out = new Uint8Array(length)
  let at = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit <= 0x7e) {
      out[at++] = unit
      continue
    }
    out[at] = 0x5c
    out[at + 1] = 0x75
    for (let digit = 0; digit < 4; digit++) out[at + 2 + digit] = HEX[(unit >> (12 - 4 * digit)) & 15]!
    at += 6
  }
  return out
}

/** What HubSpot has decoded when it signs: `: / ? @ ! $ ' ( ) * , ;`, and nothing else. */
const DECODED = /%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/gi

function decoded(url: string): string | undefined {
  const text = url.replace(DECODED, decodeURIComponent)
  return text === url ? undefined : text
}
