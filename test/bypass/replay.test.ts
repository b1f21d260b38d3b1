/** The very same good request, sent again: at once, at the end of its time, and beyond; by a clock that stands still between. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { available } from '../support/available.ts'
import { binary } from '../support/binary.ts'
import { folder } from '../support/child.ts'
import { cli, type Runtime, runtimes } from '../support/process.ts'
import * as forgeries from './forgeries.ts'
import { type Way, ways } from './ways.ts'
import { configOf, good, loaded } from './world.ts'

const UNAUTHORIZED = JSON.stringify({
  type: 'about:blank',
  title: 'The credential, signature or timestamp is missing or wrong.',
  status: 401,
  code: 'UNAUTHORIZED',
})
const SECOND = 1000
const DAY = 86_400 * SECOND
/** Cases of one run of `postern test`, which has a minute. */
const AT_ONCE = 30
/** A preset of each make: time or none, id signed or not, one signature or a list, in a header or in the body, each kind of key. */
const SAMPLE = [
  'inspire',
  'stripe',
  'github',
  'shopify',
  'linear',
  'mailgun',
  'dropbox-sign',
  'hubspot-v3',
  'okta',
  'discord',
  'sendgrid',
  'standard-webhooks',
]
/** A whole second, as most schemes sign it; an hour from now, since the certificate of SNS is made anew and must be in force. */
const T = Math.floor(Date.now() / SECOND) * SECOND + 3600 * SECOND

type Step = Record<string, unknown>
type Literal = { path: string; headers: Record<string, string>; bodyBase64: string }

const wrote = (things: number) => ({ records: things === 0 ? [] : { thing: things }, events: things })
const refused = (things: number) => ({ status: 401, body: UNAUTHORIZED, code: 'UNAUTHORIZED', ...wrote(things) })
const first = { status: 201, replayed: false, ...wrote(1) }
const replayed = { status: 201, replayed: true, same: true, headers: { 'X-Idempotent-Replayed': 'true' }, ...wrote(1) }
const second = (things: number) => ({
  status: 201,
  replayed: false,
  same: false,
  headers: { 'X-Idempotent-Replayed': null },
  ...wrote(things),
})

/** What must come of a request that is sent again and again; `keyed`: the chain goes by the id of its delivery. */
function story(request: Literal, { tolerance }: Pick<Way, 'tolerance'>, keyed: boolean, asks: boolean): Step[] {
  const at = (now: number, expected: object, path = request.path): Step => ({ ...request, path, now, expect: expected })
  const asked = (now: number, things: number) =>
    asks ? [at(now, { status: 200, body: { verified: true }, ...wrote(things) }, request.path.replace(/(?=\?|$)/, '/verify'))] : []
  const again = (things: number) => (keyed ? replayed : second(things))
  const all = keyed ? 1 : 3
  const late = tolerance === undefined ? DAY : tolerance
  return [
    ...(tolerance === undefined ? [] : [at(T - DAY, refused(0))]),
    // A question uses nothing up.
    ...asked(T, 0),
    ...asked(T, 0),
    at(T, first),
    at(T, again(2)),
    at(T + late, again(3)),
    ...(tolerance === undefined
      ? // Nothing says when it was sent: it is good as long as the secret, and new once its id is forgotten.
        [at(T + 8 * DAY, second(all + 1))]
      : [at(T + late + SECOND, refused(all)), ...asked(T + late, all), at(T + DAY, refused(all)), at(T + 20 * DAY, refused(all))]),
    ...(asks && tolerance !== undefined ? [at(T + late + SECOND, refused(all), request.path.replace(/(?=\?|$)/, '/verify'))] : []),
  ]
}

const onOpenssl = await available('openssl', () => binary(['openssl'], () => [], 'openssl'))

onOpenssl('a good request that comes again', openssl => {
  const all = ways(forgeries.keys(openssl))
  const rows = [
    ...all.flatMap(way => [
      {
        name: way.names ? `${way.id}: is replayed by the id of its delivery` : `${way.id}: is a second exchange`,
        way,
        to: way.id,
        keyed: way.names === true,
      },
      ...(way.names ? [{ name: `${way.id}, not by its id: is a second exchange`, way, to: `${way.id}-plain`, keyed: false }] : []),
    ]),
  ]
  const extra = {
    'auth-url-token': { path: '/drop/{token}', chain: ['auth-url-token'] },
    'ip-allow': { path: '/address', chain: [{ 'ip-allow': { allow: ['192.0.2.0/24'] } }] },
  }
  for (const runtime of runtimes) {
    // All of them on Bun; on Deno each way but presets, and of those one of each make: what differs is below the steps.
    const own = rows.filter(({ way: { id } }) => runtime === 'bun' || !id.startsWith('hmac-') || SAMPLE.includes(id.slice('hmac-'.length)))
    describe(`on ${runtime}`, () => {
      let failures: ReadonlyMap<string, unknown>
      beforeAll(async () => {
        const text = configOf(all)
        const config = await loaded(text)
        const cases: { name: string; requests: Step[] }[] = []
        for (const { name, way, to, keyed } of own) {
          const { path, headers = [], body = '' } = await good(config, way, { to, now: T })
          const request = { path, headers: Object.fromEntries(headers), bodyBase64: Buffer.from(body).toString('base64') }
          cases.push({ name, requests: story(request, way, keyed, true) })
        }
        const bodyBase64 = Buffer.from('{"n":1}').toString('base64')
        for (const [name, { path }] of Object.entries(extra))
          cases.push({ name, requests: story({ path, headers: {}, bodyBase64 }, {}, false, false) })
        const ends = [{ upsert: { entity: 'thing', idField: 'no-field-of-theirs' } }, 'dispatch']
        const webhooks = Object.fromEntries(
          Object.entries(extra).map(([name, { path, chain }]) => [name, { path, chain: [...chain, ...ends] }]),
        )
        const options = { aliasDuplicateObjects: false }
        const home = folder()
        writeFileSync(join(home, 'postern.yaml'), `${text}${stringify(webhooks, options).replace(/^(?=.)/gm, '  ')}`)
        const told: [string, unknown][] = []
        for (let i = 0; i < cases.length; i += AT_ONCE) {
          writeFileSync(join(home, 'again.yaml'), stringify({ config: 'postern.yaml', cases: cases.slice(i, i + AT_ONCE) }, options))
          told.push(...(await run(runtime, home)))
        }
        failures = new Map(told)
      }, 280_000)

      test.each([...own.map(({ name }) => name), ...Object.keys(extra)])('%s', name => {
        expect(failures.get(name)).toEqual([])
      })
    })
  }
})

/** The failures of each case. */
async function run(runtime: Runtime, home: string): Promise<[string, unknown][]> {
  const { stdout, stderr } = await cli(['test', 'again.yaml', '--json'], { runtime, cwd: home })
  if (!stdout.startsWith('{')) throw new Error(`no JSON: ${stdout}${stderr}`)
  const told = JSON.parse(stdout) as { cases: { name: string; failures: string[] }[]; problems?: string[] }
  if (told.problems) throw new Error(told.problems.join('\n'))
  return told.cases.map(one => [one.name, one.failures])
}
