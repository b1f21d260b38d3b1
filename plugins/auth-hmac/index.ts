/** `auth-hmac`: the sender signs each request, with a shared secret or a private key, and the scheme is data. */
import { definePlugin, deliveryId, type Exchange, signedAt } from '#core/plugin.ts'
import { compileCandidates, mostOf } from './candidates.ts'
import { diagnose } from './diagnose.ts'
import { faults } from './faults.ts'
import { isForm } from './form.ts'
import { compileForms } from './forms.ts'
import { instant } from './instant.ts'
import { compileMatch, keyBytes } from './key.ts'
import { lint } from './lint.ts'
import { resolve, type Scheme, signsTime, tokensOf } from './scheme.ts'
import { describe } from './sender.ts'
import { settings } from './settings.ts'
import { sign } from './sign.ts'
import { compileId, compileSource, type Look, numbered, type Place, place, same } from './source.ts'
import { compileStatic } from './static.ts'
import { behind, compileTemplate, runsOn } from './template.ts'

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
    const scheme = resolve(config)
    if (!scheme) throw new Error('neither a known preset nor `signature.from`')
    const { timestamp, signature, jsonFormField, bodyVariants: _, ...rest } = scheme
    const source = (at: Place) => compileSource(at, jsonFormField)
    const refuse = (reason: string) => host.refuse('UNAUTHORIZED', undefined, { reason })
    const idOf = scheme.id === undefined ? undefined : compileId(known(scheme.id), jsonFormField)
    /** Only of a request that was let in: else anybody could use up an id that is still to come. */
    const tell = (x: Exchange, look: Look) => {
      const id = idOf?.(look)
      if (id) x.set(deliveryId, id)
    }

    if (scheme.kind === 'static') {
      const secretOf = compileStatic(source(known(signature.from[0]!)), signature.prefix ?? '', config.secrets)
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
    const required = Object.entries(scheme.require)
    const timeOf = timestamp?.from === undefined ? undefined : source(known(timestamp.from))
    const places = signature.from.flatMap(text => numbered(known(text)))
    const candidatesOf = compileCandidates(signature, places.map(source), pairsOf(scheme))
    const messageOf = compileTemplate(scheme.signed, { timestamp: timeOf, publicUrl: host.publicUrl, jsonFormField })
    const formsOf = compileForms(scheme, host.publicUrl)
    const matches = compileMatch({ ...rest, kind: scheme.kind }, keys)
    const most = mostOf(scheme.kind)
    const covered = signsTime(scheme)
    const mark = behind(scheme.signed, scheme.id)
    const markedOf = mark === undefined ? undefined : source(known(scheme.id as string))
    const joined = runsOn(scheme.signed)

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

function known(text: string): Place {
  const at = place(text)
  if (!at) throw new Error(`'${text}' is no source`)
  return at
}

/** Names of the pairs that something reads as `sig:<name>`; the others of a header are not kept. */
function pairsOf(scheme: Scheme): Set<string> {
  const places = [scheme.timestamp?.from, scheme.id, ...tokensOf(scheme)].map(text => text && place(text))
  return new Set(places.flatMap(at => (at && at.kind === 'sig' ? [at.name] : [])))
}
