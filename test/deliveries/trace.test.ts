/** A trace goes in with a request and out with its deliveries. */
import { describe, expect, test } from 'bun:test'
import { Exchange } from '#core/request/exchange.ts'
import { readTrace, traceHeaders } from '#core/trace.ts'
import { available } from '../support/available.ts'
import { postgres } from '../support/postgres.ts'
import { running } from './fixture.ts'
import { sink } from './sink.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const whole = `00-${TRACE}-${PARENT}-01`

/** https://www.w3.org/TR/trace-context/#traceparent-header */
const rows: [string, string, string | undefined][] = [
  ['a trace', whole, whole],
  ['one that is not sampled', `00-${TRACE}-${PARENT}-00`, `00-${TRACE}-${PARENT}-00`],
  ['one with a random id', `00-${TRACE}-${PARENT}-03`, `00-${TRACE}-${PARENT}-03`],
  ['flags that mean nothing yet', `00-${TRACE}-${PARENT}-fc`, `00-${TRACE}-${PARENT}-00`],
  ['all flags', `00-${TRACE}-${PARENT}-ff`, `00-${TRACE}-${PARENT}-03`],
  ['a later version with more to say', `cc-${TRACE}-${PARENT}-01-what`, whole],
  ['version 00 with more', `${whole}-what`, undefined],
  ['version ff', `ff-${TRACE}-${PARENT}-01`, undefined],
  ['upper case', whole.toUpperCase(), undefined],
  ['a trace of zeros', `00-${'0'.repeat(32)}-${PARENT}-01`, undefined],
  ['a parent of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`, undefined],
  ['too short', `00-${TRACE.slice(1)}-${PARENT}-01`, undefined],
  ['two headers joined', `${whole}, ${whole}`, undefined],
  ['nothing', '', undefined],
  ['a line of a log', `00-${TRACE}-${PARENT}-01 x`, undefined],
]
describe.each(rows)('%s', (_, header, expected) => {
  test(String(expected), () => expect(readTrace(new Headers({ traceparent: header }))).toBe(expected as string))
})

test('no header, no trace', () => {
  expect(readTrace(new Headers())).toBeUndefined()
  expect(traceHeaders(undefined)).toEqual({})
})

/** What an event has, and what its deliveries carry. */
const sent: [string, string | null, Record<string, string>][] = [
  ['as it is', whole, { traceparent: whole }],
  ['without unknown flags', `00-${TRACE}-${PARENT}-ff`, { traceparent: `00-${TRACE}-${PARENT}-03` }],
  ['nothing that is none', 'a\r\nb', {}],
  ['nothing for an event without', null, {}],
]
test.each(sent)('a delivery carries the trace of its event: %s', (_, stored, expected) => expect(traceHeaders(stored)).toEqual(expected))

const arrived = (headers: Record<string, string>) =>
  new Exchange({
    id: '01',
    webhook: 'w',
    method: 'POST',
    path: '/',
    search: '',
    params: {},
    headers: new Headers(headers),
    ip: '127.0.0.1',
    receivedAt: 0,
    raw: new Uint8Array(),
  })

describe('what an exchange belongs to', () => {
  test('the trace that it came with, under one parent of its own', () => {
    const x = arrived({ traceparent: whole })
    expect(x.trace).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`))
    expect(x.trace).not.toBe(whole)
    expect(x.trace).toBe(x.trace as string)
  })

  const span = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  test.each([
    ['a span is taken as it is', span, span],
    ['unknown flags are not', `${span.slice(0, -2)}f1`, span],
    ['what is none changes nothing', 'x\r\ny', undefined],
  ])('%s', (_, given, expected) => {
    const x = arrived({})
    x.belongTo(given)
    expect(x.trace).toBe(expected as string)
  })
})

const onPostgres = await available('Postgres', postgres)

onPostgres('from a request to its deliveries', () => {
  const seen = sink({ crm: n => (n < 1 ? 503 : 200) })
  const started = running(
    `subscriptions: { all: { webhooks: [things], to: [crm, erp] } }
destinations:
  crm: { url: "SINK/crm", allowPrivate: true, retry: { schedule: [0s, 100ms] } }
  erp: { url: "SINK/erp", allowPrivate: true }`,
    { sink: seen },
  )

  test('under one parent of its own, whatever the destination and the attempt', async () => {
    const { send, admin } = await started
    await send('things', { id: 'a' }, { traceparent: `00-${TRACE}-${PARENT}-ff` })
    await seen.until(() => seen.at('crm').length === 2 && seen.at('erp').length === 1)
    const [{ trace }] = (await admin('events?record=a')).data
    expect(trace).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-03$`))
    expect(trace).not.toContain(PARENT)
    expect(seen.received.map(r => r.headers.get('traceparent'))).toEqual([trace, trace, trace])
  })

  test.each([
    ['none', {}],
    ['nonsense', { traceparent: 'nonsense' }],
  ])('%s comes out as none', async (id, headers) => {
    const { send } = await started
    await send('things', { id }, headers)
    const of = () => seen.at('erp').filter(r => r.body.data.record_id === id)
    await seen.until(() => of().length === 1)
    expect(of()[0]?.headers.get('traceparent')).toBeNull()
  })
})
