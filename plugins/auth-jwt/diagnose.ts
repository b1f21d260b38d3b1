/** Why a token was refused, as far as the token itself tells. */
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose'
import type { Exchange, Finding, Host } from '#core/plugin.ts'
import { resolve, type Settings } from './settings.ts'
import { bearer } from './token.ts'

const FAULTS: Record<string, [message: string, cure: string]> = {
  'missing-authorization': ['There is no Authorization header.', 'Send `Authorization: Bearer <token>`; a proxy may have taken it out.'],
  'several-authorizations': ['There are two Authorization headers, or one with a comma.', 'Send one, with one token.'],
  'not-bearer': ['The Authorization header does not begin with `Bearer `.', 'Send the word Bearer, one space, and the token.'],
  'token-too-long': ['The token has more than 8 KiB.', 'Ask the issuer for one with fewer claims.'],
  'malformed-token': [
    'What stands after `Bearer ` is no signed JWT of three parts.',
    'Send the ID token as it was issued: not an opaque access token, an encrypted one, or one in quotes.',
  ],
}

/** What a stranger wrote, short and in one line. */
const shown = (value: unknown) => (JSON.stringify(value) ?? 'nothing').slice(0, 120)

export function diagnose(config: Settings, x: Exchange, host: Pick<Host, 'now'>): Finding[] {
  const found = bearer(x.headers.get('authorization'))
  if ('fault' in found) {
    const [message, cure] = FAULTS[found.fault] as [string, string]
    return [{ code: found.fault, message, cure }]
  }
  let header: ReturnType<typeof decodeProtectedHeader>
  let claims: JWTPayload
  try {
    header = decodeProtectedHeader(found.token)
    claims = decodeJwt(found.token)
  } catch {
    const [message, cure] = FAULTS['malformed-token'] as [string, string]
    return [{ code: 'malformed-token', message, cure }]
  }
  return [...judged(resolve(config), header, claims, host.now())]
}

function* judged(
  { issuer, audience, algorithms, keys, claims: wanted, clockTolerance, maxAge }: ReturnType<typeof resolve>,
  { alg, kid }: ReturnType<typeof decodeProtectedHeader>,
  claims: JWTPayload,
  now: number,
): Generator<Finding> {
  const { iss, exp, nbf, iat } = claims
  const ago = (seconds: number) => `${Math.round(Math.abs(now / 1000 - seconds))} s`
  if (!algorithms.some(name => name === alg))
    yield {
      code: 'algorithm-not-allowed',
      message: `The token is signed with ${shown(alg)}, and ${algorithms.join(', ')} are allowed.`,
      cure: 'Let the issuer sign with one of them, or add it to `algorithms`.',
    }
  if (iss === undefined || !issuer.includes(iss))
    yield {
      code: 'wrong-issuer',
      message: `The token says that ${shown(iss)} issued it.`,
      cure: `Use a token of ${issuer.join(' or ')}, or correct \`issuer\`: every letter counts, the slash at its end too.`,
    }
  if (![claims.aud ?? []].flat().some(one => audience.includes(one)))
    yield {
      code: 'wrong-audience',
      message: `The token is for ${shown(claims.aud)}.`,
      cure: `Ask the issuer for one with the audience ${audience.join(' or ')}, or correct \`audience\`.`,
    }
  if (exp === undefined) yield { code: 'no-expiry', message: 'The token has no `exp`.', cure: 'Let the issuer give it a lifetime.' }
  else if (now / 1000 >= exp + clockTolerance / 1000)
    yield {
      code: 'expired',
      message: `The token expired ${ago(exp)} ago.`,
      cure: 'Get a new token before each request, or shortly before the old one ends.',
    }
  const early = [nbf, iat].find(at => at !== undefined && at > now / 1000 + clockTolerance / 1000)
  if (early !== undefined)
    yield { code: 'not-yet-valid', message: `The token begins ${ago(early)} from now.`, cure: "Set the issuer's clock, or ours, by NTP." }
  if (maxAge !== undefined && iat !== undefined && now - iat * 1000 > maxAge + clockTolerance)
    yield { code: 'older-than-max-age', message: `The token was issued ${ago(iat)} ago.`, cure: 'Get a new one, or raise `maxAge`.' }
  for (const [name, value] of Object.entries(wanted))
    if (!Object.hasOwn(claims, name) || claims[name] !== value)
      yield {
        code: 'claim-mismatch',
        message: `Its claim \`${name}\` is ${shown(claims[name])}.`,
        cure: `Use a token in which it is ${shown(value)}, or correct \`claims\`.`,
      }
  if (keys && kid !== undefined && !keys.some(key => key.kid === kid))
    yield { code: 'unknown-key', message: `None of \`keys\` has the id ${shown(kid)}.`, cure: "Copy the issuer's present keys." }
}
