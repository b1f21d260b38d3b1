/** Why a signature of Twilio did not match. */
import { createHmac } from 'node:crypto'
import type { Exchange, Finding } from '#core/plugin.ts'
import { isForm, same, signedPart } from './body.ts'
import { compileUrls } from './url.ts'

/** What would have let the request pass; tries other addresses and other ways to sign, with each of the tokens. */
export function diagnose(tokens: readonly string[], x: Exchange, publicUrl: string | undefined): Finding[] {
  const signature = x.headers.get('x-twilio-signature')
  if (!signature)
    return [
      {
        code: 'signature-missing',
        message: 'There is no X-Twilio-Signature header.',
        cure: 'Have Twilio call this address itself; a proxy on the way must pass the header on.',
      },
    ]
  if (signature.includes(','))
    return [
      {
        code: 'signature-twice',
        message: 'X-Twilio-Signature came more than once.',
        cure: 'Send it once: see which proxy on the way adds a header of its own.',
      },
    ]
  if (!publicUrl || !URL.canParse(publicUrl)) return []
  const part = signedPart(x)
  const rest = 'text' in part ? part.text : ''
  const fits = (url: string, algorithm = 'sha1', encoding: 'base64' | 'hex' = 'base64', body = rest, search = x.search, path = x.path) =>
    tokens.some(token =>
      [...compileUrls(url, 'lenient')(path, search)].some(text =>
        same(createHmac(algorithm, token).update(text).update(body).digest(encoding), signature),
      ),
    )
  const findings: Finding[] = []
  const add = (code: string, message: string, cure: string) => void findings.push({ code, message, cure })

  if ('reason' in part && part.reason === 'body-hash-missing')
    add(
      'body-hash-missing',
      'The body is no form, and the URL has no bodySHA256, so that nothing signs the body.',
      'Keep the query that Twilio calls with, on every proxy; your own sender must add bodySHA256 or send a form.',
    )
  else if ('reason' in part && part.reason === 'body-hash-mismatch')
    add(
      'body-changed',
      'The body is not the one whose SHA-256 stands in the URL as bodySHA256.',
      'See what rewrites the body on the way; the hash is over its exact bytes, in lower-case hex, and stands in the URL once.',
    )
  else if ('reason' in part)
    add(
      part.reason,
      'The form cannot be read: it has more than 1,000 parameters, or is not percent-encoded UTF-8.',
      'Send fewer parameters, each percent-encoded as UTF-8.',
    )

  const host = x.headers.get('host')
  const [scheme, address] = publicUrl.split('://') as [string, string]
  const other = scheme === 'https' ? 'http' : 'https'
  const around = host ? [`https://${host}`, `http://${host}`].filter(url => URL.canParse(url) && !publicUrl.startsWith(url)) : []
  const slashed = x.path.endsWith('/') ? x.path.slice(0, -1) : `${x.path}/`
  if (fits(`${other}://${address}`))
    add(
      'other-scheme',
      `The URL was signed with ${other}://, and server.publicUrl has ${scheme}://.`,
      `Write server.publicUrl with ${other}://, or the address in Twilio's console with ${scheme}://.`,
    )
  else if (around.some(url => fits(url)))
    add(
      'other-host',
      'The URL was signed with the host of the Host header, and server.publicUrl names another.',
      "Make server.publicUrl and the address in Twilio's console the same.",
    )
  else if (fits(publicUrl, 'sha1', 'base64', rest, x.search, slashed))
    add(
      'other-path',
      'The URL was signed with another slash at the end of its path.',
      "Write the address in Twilio's console as the webhook's `path` is written.",
    )
  else if (x.search && fits(publicUrl, 'sha1', 'base64', rest, ''))
    add(
      'query-unsigned',
      'The URL was signed without its query.',
      'See what adds the query on the way; Twilio signs the whole address that it calls.',
    )
  else if (rest && fits(publicUrl, 'sha1', 'base64', ''))
    add(
      'form-unsigned',
      'The URL was signed without the parameters of the form.',
      'Sign the URL and behind it each name and value, in the order of the names.',
    )
  else if (fits(publicUrl, 'sha1', 'hex')) add('hex-for-base64', 'The signature is in hex.', 'Write it in base64.')
  else if (fits(publicUrl, 'sha256'))
    add('sha256-for-sha1', 'The signature is an HMAC-SHA-256.', 'Sign with HMAC-SHA-1, which is what Twilio does.')
  else if (findings.length === 0)
    add(
      'other-token',
      `The signature fits none of the tokens for this URL${isForm(x.headers) ? ' and this form' : ''}.`,
      "Compare `tokens` with the auth token of the account, or subaccount, that calls, and server.publicUrl with the address in Twilio's console.",
    )
  return findings
}
