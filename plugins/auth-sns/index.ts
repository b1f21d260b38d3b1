/** `auth-sns`: Amazon SNS signs each message with a certificate of its own. See https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.html */
import { definePlugin, deliveryId, type Send, signedAt } from '#core/plugin.ts'
import { openCertificates } from './certificates.ts'
import { openConfirm } from './confirm.ts'
import { diagnose } from './diagnose.ts'
import { readMessage } from './message.ts'
import { faults, settings } from './settings.ts'

const HOUR = 3_600_000
/** It tries again for up to an hour, each time with the first signature. */
const WINDOW = { tolerance: HOUR, future: 5 * 60_000 }

/** Makes the plugin; `send` stands in for `fetch`, so that tests are their own Amazon. */
export const authSns = (send?: Send) =>
  definePlugin({
    name: 'auth-sns',
    phase: 'verify',
    summary: 'Lets in messages that Amazon SNS has signed for one of your topics, and confirms the subscription.',
    config: settings,
    refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
    gives: [signedAt, deliveryId],
    accepts: ['text/plain'],
    check: config => faults(config),
    sender: ({ topics }) => ({
      headers: {
        'x-amz-sns-message-type': {
          description: 'The `Type` of the body. Amazon SNS sets it.',
          required: true,
          example: 'Notification',
        },
      },
      security: {
        sns: {
          type: 'apiKey',
          in: 'header',
          name: 'x-amz-sns-message-type',
          description: `Amazon SNS signs the body, in its field \`Signature\`, for a subscription of ${topics.join(' or ')}. Raw message delivery is not signed: leave it off.`,
          'x-postern-signature': { kind: 'sns' },
        },
      },
      body: {
        type: 'object',
        required: ['Type', 'MessageId', 'TopicArn', 'Message', 'Timestamp', 'SignatureVersion', 'Signature', 'SigningCertURL'],
        properties: { Type: { const: 'Notification' }, TopicArn: { enum: [...topics] }, SignatureVersion: { enum: ['1', '2'] } },
      },
      stops: 'The end of a subscription is accepted, and nothing is written.',
      handshakes: [
        {
          method: 'POST',
          summary: 'Amazon SNS asks whether the subscription is wanted; it is confirmed by a call to Amazon.',
          headers: { 'x-amz-sns-message-type': { description: '`SubscriptionConfirmation`.', required: true } },
          status: 200,
        },
      ],
    }),
    sign: () => 'only Amazon SNS can sign its messages: publish one to the topic',
    diagnose,

    compile(config, host) {
      const judge = openCertificates(config, host, send)
      const confirm = openConfirm(host, send)
      const topics = new Set(config.topics)
      const refuse = (reason: string) => host.refuse('UNAUTHORIZED', undefined, { reason })
      return async x => {
        const message = readMessage(x.peek())
        if (typeof message === 'string') return refuse(message)
        const { kind, id, topic, time } = message
        if (x.headers.get('x-amz-sns-message-type') !== kind) return refuse('message-type-mismatch')
        // Before anything is fetched: whoever does not know a topic of ours does not make us ask Amazon.
        if (!topics.has(topic)) return refuse('unknown-topic')
        const fault = await judge(message)
        if (fault) return refuse(fault)
        if (kind === 'Notification') {
          x.set(signedAt, { time, ...WINDOW })
          x.set(deliveryId, id)
          return undefined
        }
        // To subscribe again, which its URL would do, is nothing that a machine should decide.
        if (kind === 'UnsubscribeConfirmation') return host.accept()
        const age = host.now() - time
        if (!(age <= WINDOW.tolerance && age >= -WINDOW.future)) return refuse('stale-confirmation')
        if (!config.confirm) {
          host.warn('a subscription waits for its confirmation: call the SubscribeURL of the message, or set confirm: true', { topic })
          return host.accept()
        }
        await confirm(message.confirm as string)
        return { kind: 'answer', status: 200, headers: { 'cache-control': 'no-store' }, body: '' }
      }
    },
  })

export default authSns()
