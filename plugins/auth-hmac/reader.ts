/** What a scheme reads of a request: all of the step but its keys, so that webhooks of one scheme have it in common. */
import { compileCandidates } from './candidates.ts'
import { compileForms } from './forms.ts'
import { type Scheme, signsTime, tokensOf } from './scheme.ts'
import { compileId, compileSource, numbered, type Place, place } from './source.ts'
import { behind, compileTemplate, runsOn } from './template.ts'

export type Reader = ReturnType<typeof compileReader>

/** Schemes of which the readers are kept: each of some thousand webhooks may have one of its own. */
const MOST = 500
const kept = new Map<string, Reader>()

/** `publicUrl` is that of the server, which some schemes sign. */
export function readerOf(scheme: Scheme, publicUrl: string | undefined): Reader {
  const key = JSON.stringify([scheme, publicUrl])
  const reader = kept.get(key) ?? compileReader(scheme, publicUrl)
  if (kept.size >= MOST) kept.clear()
  kept.set(key, reader)
  return reader
}

function compileReader(scheme: Scheme, publicUrl: string | undefined) {
  const { timestamp, signature, jsonFormField } = scheme
  const source = (text: string) => compileSource(known(text), jsonFormField)
  const places = signature.from.flatMap(text => numbered(known(text)))
  const timeOf = timestamp?.from === undefined ? undefined : source(timestamp.from)
  const mark = behind(scheme.signed, scheme.id)
  return {
    scheme,
    required: Object.entries(scheme.require),
    /** Of the kind `static`, where the secret itself is. */
    carrier: () => source(signature.from[0]!),
    timeOf,
    idOf: scheme.id === undefined ? undefined : compileId(known(scheme.id), jsonFormField),
    candidatesOf: compileCandidates(
      signature,
      places.map(at => compileSource(at, jsonFormField)),
      pairsOf(scheme),
    ),
    messageOf: compileTemplate(scheme.signed, { timestamp: timeOf, publicUrl, jsonFormField }),
    formsOf: compileForms(scheme, publicUrl),
    covered: signsTime(scheme),
    /** The text behind the id in what is signed, and the id as it stands there. */
    mark,
    markedOf: mark === undefined ? undefined : source(scheme.id as string),
    joined: runsOn(scheme.signed),
  }
}

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
