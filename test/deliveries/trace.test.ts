/** A trace goes in with a request and out with its deliveries. */
import { describe, expect, test } from 'bun:test'
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

const onPostgres = await available('Postgres', postgres)

onPostgres('from a request to its deliveries', () => {
  const seen = sink()
  const started = running(
    'subscriptions: { all: { webhooks: [things], to: [crm] } }\ndestinations: { crm: { url: "SINK/crm", allowPrivate: true } }',
    { sink: seen },
  )

  test('under a parent of its own each time', async () => {
    const { send, admin } = await started
    await send('things', { id: 'a' }, { traceparent: whole })
    await send('things', { id: 'b' })
    await send('things', { id: 'c' }, { traceparent: 'nonsense' })
    await seen.until(() => seen.at('crm').length === 3)
    const sent = new Map(seen.at('crm').map(r => [r.body.data.record_id, r.headers.get('traceparent')]))
    expect(sent.get('a')).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`))
    expect(sent.get('a')).not.toContain(PARENT)
    expect([sent.get('b'), sent.get('c')]).toEqual([null, null])
    const { data } = await admin('events?record=a')
    expect(data[0].trace).toBe(whole)
  })
})
