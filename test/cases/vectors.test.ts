/** The providers' vectors through the whole chain: each gets its verdict by `postern test`. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { stringify } from 'yaml'
import hmacVectors from '../../plugins/auth-hmac/vectors.json' with { type: 'json' }
import { files, runJson, type Told } from './fixture.ts'
import otherVectors from './vectors.json' with { type: 'json' }

interface Vector {
  id: string
  provider: string
  /** Epoch seconds. */
  now: number
  secret?: string
  secrets?: string[]
  method: string
  url: string
  headers: Record<string, string>
  body: string
  expect: string
}

const known = new Map([...hmacVectors, ...otherVectors].map(vector => [vector.id, vector as Vector]))
const vectors = [...known.values()]

/** Schemes that sign when they do: what is old is refused. */
const TIMED = ['stripe', 'slack', 'standard-webhooks', 'svix', 'gitlab-signing', 'sendgrid', 'discord', 'paddle', 'linear']
const TIMED_TOO = ['hubspot-v3', 'box', 'inspire', 'zoom', 'mailgun']

function chainOf({ provider, secret, secrets = [secret ?? ''] }: Vector): unknown[] {
  if (provider === 'twilio') return [{ 'auth-twilio': { tokens: secrets } }, 'dispatch']
  if (provider === 'ms-graph') return [{ 'auth-msgraph': { clientStates: secrets } }, 'dispatch']
  const timed = [...TIMED, ...TIMED_TOO].includes(provider)
  return [{ 'auth-hmac': { preset: provider, secrets } }, ...(timed ? ['replay-window'] : []), 'dispatch']
}

const pathOf = ({ url }: Vector) => new URL(url).pathname

/** One webhook for each provider and path; which address is public is said by each case's environment. */
const webhooks = Object.fromEntries(
  vectors.map(vector => [
    `${vector.provider}${pathOf(vector).replaceAll('/', '-')}`,
    { path: pathOf(vector), listAs: 'items', chain: chainOf(vector) },
  ]),
)

/** Where the plugin tells the operator more than the vector does. */
const SAID: Record<string, string> = { 'twilio/json-body-without-bodySHA256': 'body-hash-missing' }

const cases = vectors.map(vector => {
  const { origin, pathname, search } = new URL(vector.url)
  const reason = SAID[vector.id] ?? vector.expect.split(':')[1]
  // Verified, and then perhaps no payload that any webhook takes.
  const good = vector.headers['content-type'] === 'text/plain' ? 415 : vector.body === '' ? 400 : 202
  return {
    name: vector.id,
    now: vector.now,
    env: { PUBLIC_URL: origin },
    request: { method: vector.method, path: pathname + search, headers: vector.headers, body: vector.body },
    expect: reason === undefined ? { status: good, events: good === 202 ? 1 : 0 } : { status: 401, reason, events: [] },
  }
})

const told = new Map<string, Told>()
let code: number

beforeAll(async () => {
  const home = files({
    'vectors.yaml': stringify({ version: 1, server: { publicUrl: '$' + '{PUBLIC_URL}' }, webhooks }),
    'cases.yaml': stringify({ config: 'vectors.yaml', cases }, { aliasDuplicateObjects: false, lineWidth: 0 }),
  })
  const ended = await runJson(home, ['cases.yaml'])
  if (ended.problems) throw new Error(ended.problems.join('\n'))
  code = ended.code
  for (const one of ended.cases) told.set(one.name, one)
}, 60_000)

test('there are vectors of every provider, good ones and bad ones', () => {
  expect(vectors.length).toBeGreaterThanOrEqual(115)
  expect(new Set(vectors.map(vector => vector.provider)).size).toBeGreaterThanOrEqual(20)
  expect(vectors.filter(vector => vector.expect === 'valid').length).toBeGreaterThan(30)
  expect(told.size).toBe(vectors.length)
})

describe('the verdict', () => {
  test.each(vectors.map(({ id, expect: verdict }) => [id, verdict]))('on %s is %s', (id, verdict) => {
    const { status, failures, notes } = told.get(id) as Told
    expect(status === 401 ? 'invalid' : 'valid').toBe(verdict.split(':')[0] as string)
    expect({ failures, notes: failures.length > 0 ? notes : [] }).toEqual({ failures: [], notes: [] })
  })
})

test('and the run says so', () => expect(code).toBe(0))
