/** The settings of `auth-sns`. */
import { X509Certificate } from 'node:crypto'
import { type Static, Type } from '#core/plugin.ts'

/** https://docs.aws.amazon.com/sns/latest/dg/sns-create-topic.html */
const TOPIC = '^arn:aws(-[a-z]+)*:sns:[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\\.fifo)?$'

export const settings = Type.Object(
  {
    topics: Type.Array(
      Type.String({ pattern: TOPIC, description: 'The ARN of one topic, whole.', examples: ['arn:aws:sns:eu-west-1:123456789012:orders'] }),
      {
        minItems: 1,
        maxItems: 64,
        uniqueItems: true,
        description: 'Topics that may send here. Amazon signs the messages of everybody’s topics with the same keys.',
      },
    ),
    confirm: Type.Boolean({
      default: true,
      description: 'Whether a subscription of one of the topics is confirmed, by calling Amazon as its request asks.',
    }),
    allowSha1: Type.Boolean({
      default: false,
      description: 'Whether signatures of version 1, which are made with SHA-1, are good. Version 2 is an attribute of the topic.',
    }),
    certificates: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 16_384, description: 'One certificate in PEM.' }), {
        minItems: 1,
        maxItems: 16,
        description: 'The signing certificates themselves, so that none is fetched.',
      }),
    ),
  },
  { additionalProperties: false },
)

export type Settings = Static<typeof settings>

export function faults({ certificates = [] }: Settings): { path: string; message: string }[] {
  return certificates.flatMap((pem, i) => {
    const certificate = read(pem)
    if (!certificate) return [{ path: `/certificates/${i}`, message: 'is no certificate with an RSA key of 2048 bits or more, in PEM' }]
    return []
  })
}

/** The certificate of a PEM, if its key can have signed a message. */
export function read(pem: string): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(pem)
    const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey
    return asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048 ? certificate : undefined
  } catch {
    return undefined
  }
}
