/** `auth-hmac`: the sender signs each request, with a shared secret or a private key, and the scheme is data. */
import { definePlugin, signedAt } from '#core/plugin.ts'
import { compileCandidates, MAX } from './candidates.ts'
import { faults } from './faults.ts'
import { instant } from './instant.ts'
import { compileMatch, keyBytes } from './key.ts'
import { resolve, type Scheme, signsTime, tokensOf } from './scheme.ts'
import { describe } from './sender.ts'
import { settings } from './settings.ts'
import { compileSource, type Look, place, same } from './source.ts'
import { compileTemplate } from './template.ts'

export default definePlugin({
  name: 'auth-hmac',
  phase: 'verify',
  summary: 'Lets in requests that carry a valid signature.',
  config: settings,
  refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
  gives: config => {
    const scheme = resolve(config)
    return scheme && signsTime(scheme) ? [signedAt] : []
  },
  check: (config, host) => faults(config, host),
  sender: config => describe(resolve(config)),

  compile(config, host) {
    const scheme = resolve(config)
    if (!scheme) throw new Error('neither a known preset nor `signature.from`')
    const { timestamp, signature, jsonFormField } = scheme
    const source = (text: string) => {
      const at = place(text)
      if (!at) throw new Error(`'${text}' is no source`)
      return compileSource(at, jsonFormField)
    }
    // A key of no bytes would let everybody sign, so it is no key; with none left, every request is refused.
    const keys = config.secrets.flatMap(text => {
      const bytes = keyBytes(text, scheme.secret)
      return bytes ? [{ text, bytes }] : []
    })
    const required = Object.entries(scheme.require)
    const timeOf = timestamp?.from === undefined ? undefined : source(timestamp.from)
    const candidatesOf = compileCandidates(signature, signature.from.map(source), pairsOf(scheme))
    const messageOf = compileTemplate(scheme.signed, { timestamp: timeOf, publicUrl: host.publicUrl, jsonFormField })
    const matches = compileMatch(scheme, keys)
    const covered = signsTime(scheme)
    const refuse = (reason: string) => host.refuse('UNAUTHORIZED', undefined, { reason })

    return x => {
      for (const [name, value] of required) if (x.headers.get(name) !== value) return refuse(`missing-signature: header ${name}`)
      const look: Look = { x, pairs: new Map() }
      const candidates = candidatesOf(look)
      if (candidates.length === 0) return refuse('missing-signature')
      if (candidates.length > MAX) return refuse('too-many-signatures')

      let time: number | undefined
      if (timestamp && timeOf) {
        const text = timeOf(look)
        if (!text) return refuse('timestamp-missing')
        time = instant(text, timestamp.format)
        if (time === undefined) return refuse('timestamp-malformed')
      }

      const message = messageOf(look)
      if (typeof message === 'string') return refuse(`${same(message, scheme.id) ? 'missing-id' : 'missing-signed-part'}: ${message}`)
      const match = matches(message, candidates)
      if (match === undefined) return refuse('signature-mismatch')
      host.used(match)
      if (timestamp && time !== undefined && covered) x.set(signedAt, { time, tolerance: timestamp.tolerance, future: timestamp.future })
      return undefined
    }
  },
})

/** Names of the pairs that something reads as `sig:<name>`; the others of a header are not kept. */
function pairsOf(scheme: Scheme): Set<string> {
  const places = [scheme.timestamp?.from, ...tokensOf(scheme)].map(text => text && place(text))
  return new Set(places.flatMap(at => (at && at.kind === 'sig' ? [at.name] : [])))
}
