/** Why a signature did not match: tries what senders get wrong, one thing at a time and then two, until it would have matched. */
import { credentialFindings, type Exchange, type Finding, type Host } from '#core/plugin.ts'
import { compileCandidates, mostOf } from './candidates.ts'
import { isForm } from './form.ts'
import { instant } from './instant.ts'
import { offersOf, placeOf, shapeOf } from './offers.ts'
import { resolve, type Scheme, tokensOf } from './scheme.ts'
import { type Message, search } from './search.ts'
import type { Settings } from './settings.ts'
import { compileSource, type Look, numbered, place } from './source.ts'
import { type SuspectMessage, suspectBodies, suspectShapes, suspectTimes, suspectUrls } from './suspects.ts'
import { behind, compileTemplate, runsOn } from './template.ts'

/** A larger body is not written anew. */
const LARGEST = 1 << 20

type Around = Pick<Host, 'publicUrl'>

/** The likeliest first. A finding with the code `nothing-matched` tells what was tried in vain. */
export function diagnose(settings: Settings, x: Exchange, { publicUrl }: Around): Finding[] {
  const scheme = resolve(settings)
  if (!scheme) return []
  if (scheme.kind === 'static') return ofStatic(scheme, settings, x)
  const look: Look = { x, pairs: new Map() }
  const sources = scheme.signature.from.flatMap(text => {
    const at = place(text)
    return at ? numbered(at).map(one => compileSource(one, scheme.jsonFormField)) : []
  })
  const named = [scheme.timestamp?.from, ...tokensOf(scheme)].flatMap(text => (text?.startsWith('sig:') ? text.slice(4) : []))
  const candidates = compileCandidates(scheme.signature, sources, new Set(named))(look)
  const timeOf = scheme.timestamp?.from === undefined ? undefined : compiled(scheme.timestamp.from, scheme)
  const time = timeOf?.(look)
  const plain = [...lacks(scheme, look, time), ...(candidates.length > mostOf(scheme.kind) ? [tooMany(mostOf(scheme.kind))] : [])]

  const offers = offersOf(scheme, look)
  if (offers.length === 0) {
    if (sources.slice(0, mostOf(scheme.kind)).some(source => source(look))) {
      const message = `What stands in ${placeOf(scheme)} is no signature: it is cut, a placeholder, or something else.`
      return [{ code: 'signature-malformed', message, cure: `Send the whole signature, as ${shapeOf(scheme)}.` }, ...plain]
    }
    const cure = `Send the signature in ${placeOf(scheme)}, as ${shapeOf(scheme)}; a proxy on the way may have taken it out.`
    return [{ code: 'signature-missing', message: 'The request carries no signature.', cure }, ...plain]
  }
  const messageOf = (from: SuspectMessage): Message | undefined => {
    const read = from.timestamp === undefined ? timeOf : () => from.timestamp
    const signed =
      from.method === undefined ? (from.signed ?? scheme.signed) : (from.signed ?? scheme.signed).replaceAll('{method}', from.method)
    const template = compileTemplate(signed, { timestamp: read, publicUrl, jsonFormField: scheme.jsonFormField })
    const pieces = template({ ...look, ...(from.body && { body: from.body }), ...(from.url !== undefined && { url: from.url }) })
    return typeof pieces === 'string' ? undefined : pieces
  }
  const signs = tokensOf(scheme).includes('timestamp')
  const small = x.raw.length <= LARGEST
  const shapes = () => [...suspectShapes(scheme, x), ...suspectTimes(scheme, time, signs), ...suspectUrls(scheme, x, publicUrl)]
  const bodies = () => (small ? suspectBodies(x) : [])
  const found = search(scheme, settings, offers, messageOf, { shapes, bodies })
  if (found && found.length + plain.length === 0) return [RIGHT]
  if (found) return [...found, ...plain]
  if (plain.length > 0 && candidates.length === 0) return plain
  return [...plain, inVain(small)]
}

/** A body that carries no signature, or not all that is signed. */
function lacks(scheme: Scheme, look: Look, time: string | undefined): Finding[] {
  const { x } = look
  const findings: Finding[] = []
  for (const [name, value] of Object.entries(scheme.require))
    if (x.headers.get(name) !== value)
      findings.push({ code: 'required-header', message: `The header ${name} is missing or another.`, cure: `Send ${name}: ${value}` })
  const { timestamp, signed, id } = scheme
  const mark = behind(signed, id)
  if (id !== undefined && mark !== undefined && compiled(id, scheme)?.(look)?.includes(mark) && isForm(x))
    findings.push({
      code: 'id-with-separator',
      message: `The id has \`${mark}\` in it, which marks its end in what is signed, and the body is a form.`,
      cure: `Make ids without \`${mark}\`, or send JSON.`,
    })
  if (runsOn(signed) && isForm(x))
    findings.push({
      code: 'form-behind-url',
      message: 'The body is a form, of which nothing signed tells where it begins behind the URL.',
      cure: 'Send JSON, with Content-Type: application/json.',
    })
  const at = timestamp?.from === undefined ? undefined : place(timestamp.from)
  const where = at && `${at.kind === 'header' ? 'the header' : at.kind === 'sig' ? 'the pair' : 'the field'} ${at.name}`
  if (timestamp && !time)
    findings.push({
      code: 'timestamp-missing',
      message: `There is no timestamp in ${where}.`,
      cure: `Send it there, as ${UNITS[timestamp.format]}.`,
    })
  else if (timestamp && time && instant(time, timestamp.format) === undefined)
    findings.push({
      code: 'timestamp-malformed',
      message: `The timestamp in ${where} is not ${UNITS[timestamp.format]}.`,
      cure: `Write it as ${UNITS[timestamp.format]}, with nothing around it.`,
    })
  if ((scheme.jsonFormField !== undefined || tokensOf(scheme).includes('form:sorted')) && !isForm(x))
    findings.push({
      code: 'not-a-form',
      message: 'The body is not sent as a form.',
      cure: 'Send Content-Type: application/x-www-form-urlencoded.',
    })
  for (const token of tokensOf(scheme)) {
    const source = place(token) && compiled(token, scheme)
    if (source && token !== timestamp?.from && !source(look))
      findings.push({
        code: 'signed-part-missing',
        message: `\`${token}\` is signed, and the request has none.`,
        cure: 'Send it, and sign it.',
      })
  }
  return findings
}

const UNITS = {
  unix: 'whole seconds since 1970',
  unix_ms: 'whole milliseconds since 1970',
  rfc3339: 'RFC 3339, such as 2026-01-15T12:00:00Z',
}

const RIGHT: Finding = {
  code: 'signature-right',
  message: 'The signature is right for the request as it came.',
  cure: 'See `bodyVariants`, `url` and `require` of the scheme: one of them wants another form of it.',
}

const tooMany = (most: number): Finding => ({
  code: 'too-many-signatures',
  message: `There are more than ${most} signatures in the request.`,
  cure: 'Send one for each live secret; see that nothing adds another on each attempt.',
})

function compiled(text: string, { jsonFormField }: Scheme) {
  const at = place(text)
  return at && compileSource(at, jsonFormField)
}

function ofStatic(scheme: Scheme, { secrets }: Settings, x: Exchange): Finding[] {
  const [from = ''] = scheme.signature.from
  const value = compiled(from, scheme)?.({ x, pairs: new Map() })
  const { prefix } = scheme.signature
  const accepted = secrets.filter(Boolean)
  return credentialFindings({ accepted, place: placeOf(scheme), value, ...(prefix && { prefix }), headers: x.headers, query: x.query })
}

const inVain = (small: boolean): Finding => ({
  code: 'nothing-matched',
  message: `Tried in vain: other writings of the signature and other places for it, other hashes, the secret decoded, with and without its prefix, with a line break or empty, ${small ? 'the JSON written anew in the ways of several libraries, ' : ''}the body empty or with another end, other parts, orders and separators, other writings of the timestamp and of the URL, and pairs of these.`,
  cure: 'The likeliest left: another secret, or a body that was changed on the way. Compare the first and last letters of the secret on both sides, and the SHA-256 of the body as it was sent with that of the body as it came.',
})
