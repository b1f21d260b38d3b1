/** Why a message was refused, as far as it tells itself. */
import type { Exchange, Finding, Host } from '#core/plugin.ts'
import { readMessage } from './message.ts'
import { read, type Settings } from './settings.ts'

const RAW = 'x-amz-sns-rawdelivery'

export function diagnose(config: Settings, x: Exchange, host: Pick<Host, 'now'>): Finding[] {
  if (x.headers.get(RAW) !== null)
    return [
      {
        code: 'raw-delivery',
        message: 'The subscription delivers raw messages, which Amazon does not sign.',
        cure: 'Turn raw message delivery off in the subscription.',
      },
    ]
  const message = readMessage(x.peek())
  if (typeof message === 'string') {
    const [code, name] = message.split(': ') as [string, string?]
    if (name === undefined)
      return [
        {
          code,
          message: 'The body is no message of Amazon SNS.',
          cure: 'Let Amazon SNS itself send here: a subscription of the protocol https.',
        },
      ]
    const where =
      name === 'SigningCertURL' || name === 'SubscribeURL'
        ? ' It must be of sns.<region>.amazonaws.com, and of the form that Amazon gives it.'
        : ''
    return [
      {
        code: 'malformed',
        message: `The field ${name} is missing or not as Amazon writes it.${where}`,
        cure: 'Pass the body on as it came.',
      },
    ]
  }
  return [...judged(config, message, x, host.now())]
}

function* judged(
  { topics, allowSha1, certificates }: Settings,
  { kind, topic, version }: Exclude<ReturnType<typeof readMessage>, string>,
  x: Exchange,
  now: number,
): Generator<Finding> {
  if (x.headers.get('x-amz-sns-message-type') !== kind)
    yield {
      code: 'message-type-mismatch',
      message: `The body is of the type ${kind}, and the header x-amz-sns-message-type does not say so.`,
      cure: 'Let proxies pass the headers of Amazon SNS on.',
    }
  if (!topics.includes(topic))
    yield { code: 'unknown-topic', message: `The topic ${topic} is not among \`topics\`.`, cure: 'Add it there, or end its subscription.' }
  if (version === '1' && !allowSha1)
    yield {
      code: 'sha1-not-allowed',
      message: 'The message is signed with SHA-1.',
      cure: "Set the topic's attribute SignatureVersion to 2, or, if you cannot, `allowSha1: true`.",
    }
  const dates = (certificates ?? []).flatMap(pem => read(pem) ?? [])
  if (dates.length > 0 && !dates.some(({ validFrom, validTo }) => Date.parse(validFrom) <= now && now <= Date.parse(validTo)))
    yield {
      code: 'certificate-out-of-date',
      message: 'None of `certificates` is valid now.',
      cure: 'Take them out, so that Amazon is asked, or copy the present one.',
    }
}
