/** `auth-hmac`: the sender signs each request, with a shared secret or a private key, and the scheme is data. */
import { definePlugin, deliveryId, type Exchange, signedAt } from '#core/plugin.ts'
import { mostOf } from './candidates.ts'
import { diagnose } from './diagnose.ts'
import { faults } from './faults.ts'
import { isForm } from './form.ts'
import { instant } from './instant.ts'
import { compileMatch, keyBytes } from './key.ts'
import { lint } from './lint.ts'
import { readerOf } from './reader.ts'
import { resolve, signsTime } from './scheme.ts'
import { describe } from './sender.ts'
import { settings } from './settings.ts'
import { sign } from './sign.ts'
import { type Look, same } from './source.ts'
import { compileStatic } from './static.ts'

export default definePlugin({
  name: 'auth-hmac',
  phase: 'verify',
  summary: 'Lets in requests that carry a valid signature.',
  config: settings,
  refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
  gives: config => {
    const scheme = resolve(config)
    return scheme ? [...(signsTime(scheme) ? [signedAt] : []), ...(scheme.id === undefined ? [] : [deliveryId])] : []
  },
  check: (config, host) => faults(config, host),
  lint,
  sender: config => describe(resolve(config), config.secrets),
  sign,
  diagnose,

  compile(config, host) {
    const own = resolve(config)
    if (!own) throw new Error('neither a known preset nor `signature.from`')
    const reader = readerOf(own, host.publicUrl)
    const { scheme } = reader
    const { timestamp, kind } = scheme
    const { refuse: no } = host
    const refuse = (reason: string) => no('UNAUTHORIZED', undefined, { reason })
    /** Only of a request that was let in: else anybody could use up an id that is still to come. */
    const tell = (x: Exchange, look: Look) => {
      const id = reader.idOf?.(look)
      if (id) x.set(deliveryId, id)
    }

    if (kind === 'static') {
      const secretOf = compileStatic(reader.carrier(), scheme.signature.prefix ?? '', config.secrets)
      return x => {
        const look: Look = { x, pairs: new Map() }
        const found = secretOf(look)
        if (typeof found === 'string') return refuse(found)
        host.used(found.match)
        tell(x, look)
        return undefined
      }
    }

    // A key of no bytes would let everybody sign, so it is no key; with none left, every request is refused.
    const keys = config.secrets.flatMap(text => {
      const bytes = keyBytes(text, scheme.secret)
      return bytes ? [{ text, bytes }] : []
    })
    const { algorithm, encoding } = scheme
    const matches = compileMatch({ kind, algorithm, encoding }, keys)
    const most = mostOf(kind)
    const { required, timeOf, candidatesOf, messageOf, formsOf, covered, mark, markedOf, joined } = reader

    return x => {
      for (const [name, value] of required) if (x.headers.get(name) !== value) return refuse(`missing-signature: header ${name}`)
      const look: Look = { x, pairs: new Map() }
      const candidates = candidatesOf(look)
      if (candidates.length === 0) return refuse('missing-signature')
      if (candidates.length > most) return refuse('too-many-signatures')
      // Any end of a URL is a form, and any end of a body: cut elsewhere, the same signed text would be another payload. JSON is whole or none.
      if (joined && isForm(x)) return refuse('form-behind-url')
      if (mark !== undefined && markedOf?.(look)?.includes(mark) && isForm(x)) return refuse('malformed-id')

      let time: number | undefined
      if (timestamp && timeOf) {
        const text = timeOf(look)
        if (!text) return refuse('timestamp-missing')
        time = instant(text, timestamp.format)
        if (time === undefined) return refuse('timestamp-malformed')
      }

      let match: string | undefined
      for (const _form of formsOf(look)) {
        const message = messageOf(look)
        if (typeof message === 'string') return refuse(`${same(message, scheme.id) ? 'missing-id' : 'missing-signed-part'}: ${message}`)
        match = matches(message, candidates)
        if (match !== undefined) break
      }
      if (match === undefined) return refuse('signature-mismatch')
      host.used(match)
      if (timestamp && time !== undefined && covered) x.set(signedAt, { time, tolerance: timestamp.tolerance, future: timestamp.future })
      tell(x, look)
      return undefined
    }
  },
})
