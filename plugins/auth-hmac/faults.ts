/** Faults of the settings that only show once the whole scheme is known. */
import { keyBytes, publicKey } from './key.ts'
import { presets } from './presets/index.ts'
import { resolve, type Scheme, tokensOf } from './scheme.ts'
import type { Settings } from './settings.ts'
import { place } from './source.ts'
import { fault, runsOn } from './template.ts'

type Fault = { path: string; message: string }

/** What of the webhook the scheme must agree with. */
type Around = { publicUrl: string | undefined; methods: readonly string[] }

export function faults(settings: Settings, around: Around): Fault[] {
  const { preset, signature, kind } = settings
  const base = preset === undefined ? undefined : presets.get(preset)
  if (preset !== undefined && !base)
    return [{ path: '/preset', message: `there is no preset '${preset}'; there are ${[...presets.keys()].join(', ')}` }]
  if (base && kind !== undefined && (kind === 'static') !== (base.kind === 'static'))
    return [{ path: '/kind', message: `the preset '${preset}' is of the kind ${base.kind ?? 'hmac'}: leave out one of the two` }]
  const mixed = [...strays(settings, (kind ?? base?.kind) === 'static')]
  if (mixed.length > 0) return mixed
  const scheme = resolve(settings)
  if (scheme?.kind === 'static') return [...sources(scheme)]
  if (kind === 'static') return [{ path: '', message: 'nothing says where the secret is: write `from: "header:Authorization"`, say' }]
  if (!scheme)
    return [
      { path: signature ? '/signature' : '', message: 'nothing says where the signature is: name a `preset`, or give `signature.from`' },
    ]
  return [...sources(scheme), ...signed(scheme, settings, around), ...secrets(scheme, settings.secrets)]
}

const OF_SIGNATURES = [
  ...(['algorithm', 'encoding', 'secret', 'require', 'signature', 'timestamp', 'signed'] as const),
  ...(['bodyVariants', 'url', 'jsonFormField'] as const),
]

/** What is said of a signature where there is none, and the other way round. */
function* strays(settings: Settings, isStatic: boolean): Generator<Fault> {
  for (const name of isStatic ? OF_SIGNATURES : (['from', 'prefix'] as const)) {
    if (settings[name] === undefined) continue
    yield {
      path: `/${name}`,
      message: isStatic
        ? `\`${name}\` is about a signature, and of the kind static nothing is signed: remove it, or name another \`kind\``
        : `\`${name}\` goes with \`kind: static\`: for a signature write \`signature: { ${name}: … }\``,
    }
  }
}

function* sources({ kind: schemeKind, signature, timestamp, id, require }: Scheme): Generator<Fault> {
  const isStatic = schemeKind === 'static'
  const main = isStatic ? '/from' : '/signature/from'
  const named = [...signature.from.map(text => ({ path: main, text }))]
  if (timestamp?.from !== undefined) named.push({ path: '/timestamp/from', text: timestamp.from })
  if (id !== undefined) named.push({ path: '/id', text: id })
  for (const { path, text } of named) {
    const { kind, count } = place(text) ?? {}
    // A sample of a request shows its body: a secret in there would be known to whoever reads samples.
    if (path === '/from' && (kind !== 'header' || count)) {
      yield { path, message: `'${text}' is no place of a secret: write header:<name>` }
      continue
    }
    if (!kind) yield { path, message: `'${text}' is no source: write header:<name>, json:<path> or sig:<name>` }
    if (count && path !== '/signature/from') yield { path, message: `'${text}' is several headers: name the one` }
    if (kind === 'sig' && path === '/signature/from')
      yield { path, message: `'${text}' is part of a signature: name the header or field that holds it all` }
    else if (kind === 'sig' && !signature.kv) yield { path, message: `'${text}' needs \`signature.kv\`, which cuts a signature into pairs` }
  }
  if (!signature.kv !== !signature.key)
    yield { path: '/signature', message: '`kv` and `key` belong together: what cuts a pair, and which pairs are signatures' }
  if (timestamp && timestamp.from === undefined) yield { path: '/timestamp', message: 'say in `timestamp.from` where the timestamp is' }
  for (const name of Object.keys(require)) {
    const at = place(`header:${name}`)
    if (!at || at.count) yield { path: `/require/${name}`, message: `'${name}' is no name of a header` }
  }
}

function* signed(scheme: Scheme, settings: Settings, { publicUrl, methods }: Around): Generator<Fault> {
  const path = settings.signed === undefined && settings.preset !== undefined ? '/preset' : '/signed'
  const wrong = fault(scheme.signed)
  if (wrong) yield { path, message: wrong }
  const tokens = tokensOf(scheme)
  if (tokens.length === 0) yield { path, message: 'nothing of the request is signed, so that one signature fits all: write {body}, say' }
  if (tokens.includes('timestamp') && !scheme.timestamp)
    yield { path, message: '{timestamp} is signed, and `timestamp.from` does not say where it is' }
  if (tokens.includes('url') && !publicUrl)
    yield { path, message: 'the URL is signed: set `server.publicUrl`, since the Host header is whatever the sender says' }
  if (tokens.length > 0 && methods.includes('GET') && !tokens.includes('url'))
    yield {
      path,
      message: 'the webhook takes GET, whose payload is the query, and that is not signed: sign {url}, or take GET out of `methods`',
    }
  if (runsOn(scheme.signed) && !tokens.includes('method') && methods.includes('GET') && methods.length > 1)
    yield {
      path,
      message:
        'the webhook takes GET, and the body of another request, put behind its URL, would be signed as the query of one: sign {method}, too, or take GET out of `methods`',
    }
  if (tokens.some(token => place(token)?.kind === 'sig') && !scheme.signature.kv) yield { path, message: '{sig:…} needs `signature.kv`' }
  yield* forms(scheme, tokens)
}

/** A form that is not signed would be left out in silence; of public keys each one costs a whole verification. */
function* forms({ kind, bodyVariants, url }: Scheme, tokens: readonly string[]): Generator<Fault> {
  const given = [
    ...(bodyVariants.includes('escapedUnicode') ? [{ path: '/bodyVariants', token: 'body' }] : []),
    ...(url === 'decoded' ? [{ path: '/url', token: 'url' }] : []),
  ]
  for (const { path, token } of given) {
    if (!tokens.includes(token)) yield { path, message: `{${token}} is not signed, so that its form does not matter: remove this` }
    if (kind !== 'hmac') yield { path, message: `goes with \`kind: hmac\`: remove it` }
  }
}

/** Empty secrets are the core's to judge: they close the webhook. */
function* secrets(scheme: Scheme, texts: readonly string[]): Generator<Fault> {
  for (const [i, text] of texts.entries()) {
    const bytes = keyBytes(text, scheme.secret)
    const { encoding } = scheme.secret
    if (text && !bytes)
      yield { path: `/secrets/${i}`, message: `this secret is not ${encoding === 'utf8' ? 'more than its prefix' : encoding}` }
    else if (bytes && (scheme.kind === 'ed25519' || scheme.kind === 'ecdsa-p256') && !publicKey(scheme.kind, bytes))
      yield {
        path: `/secrets/${i}`,
        message: `this is no public key: ${scheme.kind === 'ed25519' ? '32 bytes' : 'P-256, as SPKI in DER'}, written in ${encoding}`,
      }
  }
}
