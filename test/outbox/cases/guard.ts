/** Where a client goes, and where it never does. */
import { createClient } from '#core/outbox/request.ts'
import { names, once, outcome } from '../attempt.ts'
import { type Case, report, sleep, until } from '../program.ts'
import { always, answer, receiver } from '../receiver.ts'

/** Ways to write an address of this machine, or of its surroundings; {P} is the port of a server on it. */
const BYPASSES: [form: string, reachesUs: boolean, code?: string][] = [
  ['http://127.0.0.1:{P}/', true],
  ['http://localhost:{P}/', true],
  ['http://2130706433:{P}/', true],
  ['http://0x7f.1:{P}/', true],
  ['http://0:{P}/', true],
  ['http://[::1]:{P}/', true],
  ['http://[::ffff:127.0.0.1]:{P}/', true],
  ['http://[::ffff:7f00:1]:{P}/', true],
  ['http://169.254.169.254:{P}/', false],
  ['http://[64:ff9b::7f00:1]:{P}/', false],
  ['http://①②⑦.0.0.1:{P}/', true],
  ['http://127.1:{P}/', true],
  ['file:///etc/passwd', false, 'BAD_URL'],
  ['http://user@127.0.0.1:{P}/', false, 'BAD_URL'],
  ['http://127.0.0.1.:{P}/', true],
  // The sixteenth is a name of /etc/hosts, ip6-localhost, which not every machine has: see below.
  ['http://localhost.:{P}/', true],
  ['http://LOCALHOST:{P}/', true],
  ['http://0177.0.0.1:{P}/', true],
  ['http://127.0.0.2:{P}/', false],
  ['http://[::]:{P}/', true],
  ['http://[::127.0.0.1]:{P}/', false],
  ['http://[::ffff:0:7f00:1]:{P}/', false],
  ['http://[2002:7f00:1::]:{P}/', false],
  ['http://[fe80::1]:{P}/', false],
  ['http://[fd00:ec2::254]:{P}/', false],
  ['http://10.0.0.1:{P}/', false],
  ['http://100.100.100.200:{P}/', false],
  ['http://user:pass@example.com/', false, 'BAD_URL'],
  ['http://127.0.0.1:0/', false, 'BAD_URL'],
  ['ftp://example.com/', false, 'BAD_URL'],
  ['gopher://127.0.0.1:{P}/', false, 'BAD_URL'],
  ['data:text/plain,x', false, 'BAD_URL'],
  ['http://[fe80::1%25lo]:{P}/', false, 'BAD_URL'],
  ['http://127.0.0.1:99999/', false, 'BAD_URL'],
  ['//127.0.0.1:{P}/', false, 'BAD_URL'],
  ['', false, 'BAD_URL'],
]

const bypasses = BYPASSES.map(([form, reachesUs, code = 'BLOCKED_ADDRESS']): Case => {
  const run = async () => {
    const v4 = await receiver(always(answer()))
    // Where there is no IPv6, the guard is still asked.
    const v6 = await receiver(always(answer()), { host: '::1', port: v4.port }).catch(() => undefined)
    const url = form.replace('{P}', `${v4.port}`)
    const guarded = await once({}, { url: url || ' ' })
    const connections = v4.connections + (v6?.connections ?? 0)
    // The same form must reach the server once it may, or the row would prove nothing.
    const open = reachesUs && (v6 || !form.includes('[::')) ? (await once({ allowPrivate: true }, { url })).status : 200
    return { code: guarded.code, connections, open }
  }
  return [`refused: ${form || 'nothing'}`, run, { code, connections: 0, open: 200 }]
})

export const cases: readonly Case[] = [
  ...bypasses,
  [
    'refused: a name that resolves to a loopback address',
    async () => {
      const at = await receiver(always(answer()))
      const got = await once({ resolve: names('::1') }, { url: `http://ip6-localhost:${at.port}/` })
      return { code: got.code, connections: at.connections, named: got.message?.includes('ip6-localhost resolves to ::1') }
    },
    { code: 'BLOCKED_ADDRESS', connections: 0, named: true },
  ],
  [
    'one forbidden address refuses the whole name',
    async () => {
      const at = await receiver(always(answer()), { host: '127.0.0.2' })
      const policy = (...found: string[]) => ({ allowed: ['127.0.0.2'], resolve: names(found) })
      const url = `http://a.test:${at.port}/`
      const codes = []
      for (const found of [['127.0.0.2'], ['127.0.0.2', '127.0.0.1'], ['127.0.0.1', '127.0.0.2'], ['127.0.0.2', '::ffff:10.0.0.1']])
        codes.push((({ status, code }) => status ?? code)(await once(policy(...found), { url })))
      return { codes, connections: at.connections }
    },
    { codes: [200, 'BLOCKED_ADDRESS', 'BLOCKED_ADDRESS', 'BLOCKED_ADDRESS'], connections: 1 },
  ],
  [
    'an answer of the resolver that changes between check and use',
    async () => {
      const good = await receiver(always(answer()), { host: '127.0.0.2' })
      const bad = await receiver(always(answer()), { host: '127.0.0.1', port: good.port })
      const resolve = names('127.0.0.2', '127.0.0.1')
      const client = createClient({ allowed: ['127.0.0.2/32'], resolve })
      const url = `http://rebinds.test:${good.port}/`
      const first = await outcome(client, { url })
      await sleep(20)
      const calls = resolve.calls
      // The kept connection goes on to where it was checked; a new one is checked anew.
      const second = await outcome(client, { url })
      client.close()
      await until(() => good.open === 0)
      const third = await outcome(createClient({ allowed: ['127.0.0.2/32'], resolve }), { url })
      return { first, calls, second, third, good: good.connections, bad: bad.connections }
    },
    { first: 200, calls: 1, second: 200, third: 'BLOCKED_ADDRESS', good: 1, bad: 0 },
  ],
  [
    'a connection is not used again by a client with another policy',
    async () => {
      const at = await receiver(always(answer()))
      const resolve = names('127.0.0.1')
      const url = `http://a.test:${at.port}/`
      const open = createClient({ allowPrivate: true, resolve })
      const shut = createClient({ resolve })
      return {
        open: await outcome(open, { url }),
        shut: await outcome(shut, { url }),
        literal: await outcome(shut, { url: `http://127.0.0.1:${at.port}/` }),
      }
    },
    { open: 200, shut: 'BLOCKED_ADDRESS', literal: 'BLOCKED_ADDRESS' },
  ],
  [
    'the variables of a proxy change nothing',
    async () => {
      const at = await receiver(always(answer()))
      const policy = { allowPrivate: true, resolve: names('127.0.0.1') }
      const { status } = await once(policy, { url: `http://a.test:${at.port}/` })
      return {
        set: Object.keys(process.env)
          .filter(name => name.endsWith('_PROXY'))
          .sort(),
        status,
      }
    },
    { set: ['HTTPS_PROXY', 'HTTP_PROXY', 'NODE_USE_ENV_PROXY'], status: 200 },
  ],
  [
    'a list that is none',
    async () => [wrong('10.0.0.0/33'), wrong('127.1'), wrong('example.com'), wrong('fd00::/8/9')],
    Array(4).fill(true),
  ],
]

function wrong(text: string): boolean {
  try {
    createClient({ allowed: [text] })
    return false
  } catch (e) {
    return (e as Error).message.startsWith(`'${text}' is not an address or a CIDR`)
  }
}

await report(cases)
