/** A message of Amazon SNS: its fields, and the text that is signed. See https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html */

export type Kind = 'Notification' | 'SubscriptionConfirmation' | 'UnsubscribeConfirmation'

export interface Message {
  kind: Kind
  id: string
  topic: string
  /** Epoch milliseconds. */
  time: number
  version: '1' | '2'
  signature: Uint8Array
  /** Where Amazon publishes the certificate. */
  certificate: string
  /** Of a confirmation alone. */
  confirm: string | undefined
  /** What is signed. */
  text: string
}

/** Names of a region, `us-gov-west-1` say: letters first, so that no bucket of S3 and no other service is meant. */
const HOST = 'https://sns\\.[a-z]{2,4}(?:-[a-z]+){1,2}-[0-9]{1,2}\\.amazonaws\\.com(?:\\.cn)?'
const CERTIFICATE = new RegExp(`^${HOST}/SimpleNotificationService-[A-Za-z0-9]{32}\\.pem$`)
const CONFIRM = new RegExp(`^${HOST}/\\?Action=ConfirmSubscription&[A-Za-z0-9_.~%:=&-]{1,1800}$`)

/** In the order of the signed text; a `Subject` may be left out. */
const SIGNED: Record<Kind, readonly string[]> = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
  UnsubscribeConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
}

/**
 * What each field but the message itself may be. Nothing marks where a field ends but a line break: with one inside of a field, the same
 * signed text could be cut into other fields.
 */
const FORMS: Record<string, RegExp> = {
  MessageId: /^[\w-]{1,128}$/,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be in it
  Subject: /^[^\x00-\x1f\x7f]{1,400}$/,
  Timestamp: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z$/,
  Token: /^[\w.~-]{1,1024}$/,
  TopicArn: /^[\w:.-]{1,400}$/,
  SubscribeURL: CONFIRM,
  SigningCertURL: CERTIFICATE,
  Signature: /^[A-Za-z0-9+/]{300,1400}={0,2}$/,
  SignatureVersion: /^[12]$/,
}

/** Reads a body; a text says why it is no message. */
export function readMessage(body: unknown): Message | string {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return 'not-a-message'
  const field = (name: string): string | undefined => {
    const value = Object.hasOwn(body, name) ? (body as Record<string, unknown>)[name] : undefined
    return typeof value === 'string' && value.isWellFormed() && (FORMS[name]?.test(value) ?? true) ? value : undefined
  }
  const kind = field('Type') as Kind | undefined
  if (kind === undefined || !Object.hasOwn(SIGNED, kind)) return 'not-a-message'
  let text = ''
  for (const name of SIGNED[kind]) {
    // Where there is no subject, some clients of SNS write null.
    if (name === 'Subject' && ((body as Record<string, unknown>).Subject ?? undefined) === undefined) continue
    const value = field(name)
    if (value === undefined) return `malformed: ${name}`
    text += `${name}\n${value}\n`
  }
  for (const name of ['Signature', 'SignatureVersion', 'SigningCertURL']) if (field(name) === undefined) return `malformed: ${name}`
  const time = Date.parse(field('Timestamp') as string)
  if (Number.isNaN(time)) return 'malformed: Timestamp'
  const topic = field('TopicArn') as string
  const confirm = kind === 'Notification' ? undefined : field('SubscribeURL')
  if (confirm !== undefined && new URL(confirm).searchParams.get('TopicArn') !== topic) return 'malformed: SubscribeURL'
  return {
    kind,
    id: field('MessageId') as string,
    topic,
    time,
    version: field('SignatureVersion') as '1' | '2',
    signature: Buffer.from(field('Signature') as string, 'base64'),
    certificate: field('SigningCertURL') as string,
    confirm,
    text,
  }
}
