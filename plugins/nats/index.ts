/** `type: nats`: publishes each event to NATS JetStream (https://docs.nats.io/nats-concepts/jetstream) and waits for its acknowledgement. */
import { headers } from '@nats-io/transport-node'
import { defineDestination, type Message } from '#core/plugin.ts'
import { Failure, receiptOf } from './failure.ts'
import { openLink } from './link.ts'
import { faults, settings } from './settings.ts'
import { compileSubject } from './subject.ts'

export default defineDestination({
  name: 'nats',
  summary: 'Publishes each event to a NATS JetStream stream and waits for its acknowledgement; the stream deduplicates by the event’s id.',
  config: settings,
  check: (config, host) => [...faults(config, host.reachable({ allowPrivate: config.allowPrivate }))],
  open(config, host) {
    const link = openLink(config, host.reachable({ allowPrivate: config.allowPrivate }))
    const subjectOf = compileSubject(config.subject)
    const expect = config.stream === undefined ? {} : { expect: { streamName: config.stream } }
    return {
      async send(message) {
        const subject = subjectOf(message)
        const end = performance.now() + message.timeout
        try {
          const client = await within(link.get(), message.timeout)
          const timeout = Math.max(1, end - performance.now())
          const more = { msgID: message.id, headers: headersOf(message), timeout, ...expect }
          const { stream, seq, duplicate } = await client.publish(subject, message.body, more)
          return { ok: true, response: `${duplicate ? 'duplicate: already in' : 'in'} stream ${stream} as ${seq}` }
        } catch (error) {
          return receiptOf(error, subject)
        }
      },
      close: () => link.close(),
    }
  },
})

function headersOf(message: Message) {
  const all = headers()
  for (const [name, value] of Object.entries(message.headers)) all.set(name, value)
  all.set('Content-Type', message.contentType)
  return all
}

function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Failure('TIMEOUT', 'time was up while connecting')), ms)
    promise.then(done, fail).finally(() => clearTimeout(timer))
  })
}
