/** `ip-allow`: requests from some addresses are let in, and from no others. */
import { definePlugin, type Exchange, type Finding, Type } from '#core/plugin.ts'
import { compileWithin, parseAddress, parseRange, type Range } from './range.ts'

const addresses = (minItems: number, description: string) =>
  Type.Array(Type.String({ maxLength: 64, description: 'An address or a CIDR range.', examples: ['192.0.2.0/24'] }), {
    minItems,
    maxItems: 1000,
    description,
  })

const rangesOf = (texts: readonly string[]): Range[] =>
  texts.map(text => {
    const range = parseRange(text)
    if (typeof range === 'string') throw new Error(`an address of ip-allow ${range}`)
    return range
  })

export default definePlugin({
  name: 'ip-allow',
  phase: 'verify',
  summary: 'Lets in requests from known addresses alone.',
  config: Type.Object(
    {
      allow: addresses(1, 'Addresses and CIDR ranges, of IPv4 and IPv6, that are let in.'),
      deny: Type.Optional(addresses(0, 'Addresses and CIDR ranges that are refused all the same, though `allow` has them.')),
    },
    { additionalProperties: false },
  ),
  refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
  check: ({ allow, deny = [] }) =>
    Object.entries({ allow, deny }).flatMap(([name, texts]) =>
      texts.flatMap((text, i) => {
        const range = parseRange(text)
        return typeof range === 'string' ? [{ path: `/${name}/${i}`, message: range }] : []
      }),
    ),
  lint({ allow }, { chain, index }) {
    // Within another step this one may be all that lets a request in, whatever stands beside it there.
    const proves = chain.some(
      ({ plugin }, i) => i !== index && plugin.phase === 'verify' && plugin.verifies !== false && !NO_PROOF.includes(plugin.name),
    )
    const wide = allow.findIndex(text => /\/0+$/.test(text))
    return [
      ...(proves
        ? []
        : [
            {
              rule: 'address-alone',
              path: '',
              message:
                'nothing but an address tells who sends, and whoever shares that address can send too: add a step that checks a secret or a signature',
            },
          ]),
      ...(wide < 0
        ? []
        : [{ rule: 'every-address', path: `/allow/${wide}`, message: 'lets in every address there is: name the ranges of the sender' }]),
    ]
  },
  // An address is nothing to be sent: beside it, what the other steps want is all.
  sender: () => ({ security: {} }),
  diagnose,

  compile({ allow, deny = [] }, host) {
    const allowed = compileWithin(rangesOf(allow))
    const denied = compileWithin(rangesOf(deny))
    const refuse = (reason: string) => host.refuse('UNAUTHORIZED', undefined, { reason })
    return x => {
      const address = parseAddress(x.ip)
      if (!address) return refuse('address-unreadable')
      if (denied(address)) return refuse('address-denied')
      return allowed(address) ? undefined : refuse('address-not-allowed')
    }
  },
})

/** Verify steps that know nothing of the sender either. */
const NO_PROOF = ['ip-allow', 'auth-none']

function diagnose({ allow, deny = [] }: { allow: string[]; deny?: string[] }, x: Exchange): Finding[] {
  const address = parseAddress(x.ip)
  if (!address)
    return [{ code: 'address-unreadable', message: 'The request has no address that can be read.', cure: 'Let it come over IPv4 or IPv6.' }]
  const allowed = compileWithin(rangesOf(allow))
  if (compileWithin(rangesOf(deny))(address))
    return [
      { code: 'address-denied', message: `The request came from ${x.ip}, which is in \`deny\`.`, cure: 'Take the range out of `deny`.' },
    ]
  if (allowed(address)) return []
  const findings: Finding[] = []
  // Read from the right, as the core does; here it is a hint to the operator and lets nobody in.
  const claimed = x.headers.get('x-forwarded-for')?.split(',').slice(-20) ?? []
  const [behind] = claimed.reverse().flatMap(text => {
    const one = parseAddress(text.trim())
    return one && allowed(one) ? [text.trim()] : []
  })
  if (behind !== undefined)
    findings.push({
      code: 'untrusted-proxy',
      message: `The request came from ${x.ip}, which says that it passes it on for ${behind}.`,
      cure: 'If that is a proxy of yours, list its address in `server.trustedProxies`.',
    })
  findings.push({
    code: 'address-not-allowed',
    message: `The request came from ${x.ip}, which is in no range of \`allow\`.`,
    cure: 'Add the address, if it is one of the sender.',
  })
  return findings
}
