/** The kind against real servers, on both runtimes, and its settings. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from '#core/config/load.ts'
import * as nats from '../../test/outbox/cases/nats.ts'
import { certificates } from '../../test/outbox/certificates.ts'
import { type Case, runOn } from '../../test/outbox/program.ts'
import { available } from '../../test/support/available.ts'
import { folder } from '../../test/support/child.ts'
import { natsServer } from '../../test/support/nats.ts'
import { runtimes } from '../../test/support/process.ts'
import { builtins } from '../index.ts'
import kind from './index.ts'

const onNats = await available('NATS', async () => (await natsServer()).stop())
const CERTIFICATES = await certificates().catch(() => '')

onNats('a server', () => {
  describe.each([...runtimes])('on %s', runtime => {
    let results: Record<string, unknown> = {}
    const cases: readonly Case[] = [...nats.cases, ...(CERTIFICATES ? nats.withCertificates : [])]
    beforeAll(async () => {
      results = await runOn(runtime, join(import.meta.dirname, '../../test/outbox/cases/nats.ts'), {
        CERTIFICATES,
        NODE_TLS_REJECT_UNAUTHORIZED: '0',
      })
    }, 120_000)

    test.each(cases.map(([title, , want]) => [title, want] as const))('%s', (title, want) => {
      expect(results[title]).toEqual(want)
    })

    test('nothing goes uncaught', () => {
      expect(results.uncaught).toEqual([])
    })
  })
})

const good = { servers: ['nats://a:4222'], subject: 'a', allowPrivate: false }
const seed = `SU${'A'.repeat(56)}`

test.each<[string, object, string[]]>([
  ['nothing wrong', {}, []],
  ['a server without a port, and an address', { servers: ['nats://a', 'tls://[::1]:1', 'tls://10.0.0.2/'] }, []],
  ['an address that may not be reached', { servers: ['nats://a', 'nats://10.0.0.1:4222'] }, ['/servers/1']],
  ['no protocol of NATS', { servers: ['a:4222', 'ws://a', 'nats:///', ''] }, ['/servers/0', '/servers/1', '/servers/2', '/servers/3']],
  ['a credential in a server', { servers: ['nats://u:p@a', 'nats://t@a'] }, ['/servers/0', '/servers/1']],
  ['a path, a query, the port 0', { servers: ['nats://a/b', 'nats://a?b', 'nats://a:0'] }, ['/servers/0', '/servers/1', '/servers/2']],
  ['a subject of tokens', { subject: 'a.{{webhook}}-{{ event.type }}.{{record.entity}}' }, []],
  ...['a.*', '>', 'a b', 'a..b', '.a', 'a.', '$JS.API.x', '{{data.x}}', '{{}}', 'a.{webhook}', 'é', 'a\n'].map(
    (subject): [string, object, string[]] => [`the subject ${JSON.stringify(subject)}`, { subject }, ['/subject']],
  ),
  ['a user without a password', { user: 'u' }, ['/user']],
  ['a password without a user', { password: 'p' }, ['/password']],
  ['two credentials', { token: 't', user: 'u', password: 'p' }, ['/user']],
  ['a certificate without a key', { tls: { cert: 'c' } }, ['/tls']],
  ['a .creds file', { creds: `-----BEGIN NATS USER JWT-----\nx\n------END-----\n-----BEGIN-----\n${seed}\n------END------` }, []],
  ['no .creds file', { creds: 'postern.creds' }, ['/creds']],
])('settings: %s', (_, settings, want) => {
  const host = { destination: 'd', reachable: () => (address: string) => address !== '10.0.0.1' }
  const faults = kind.check?.({ ...good, ...settings } as never, host) ?? []
  expect(faults.map(({ path }) => path)).toEqual(want)
  expect(JSON.stringify(faults)).not.toContain('u:p')
})

test('in a file, faults are told at their line, and no credential is shown', async () => {
  const file = join(folder(), 'c.yaml')
  const lines = ['version: 1', 'destinations:', '  bus:', '    type: nats', '    servers: [nats://10.0.0.1, nats://a]', '    subject: a.*']
  writeFileSync(file, [...lines, '    token: t0ps3cr3t-t0ps3cr3t', '    creds: t0ps3cr3t-t0ps3cr3t'].join('\n'))
  const { problems } = await load(file, { env: {}, builtins, importPlugin: () => Promise.reject(new Error('none')) })
  const found = problems.filter(({ severity }) => severity === 'error').map(({ at, path }) => `${at.line} ${path}`)
  expect(found).toEqual([
    '5 destinations.bus.servers[0]',
    '6 destinations.bus.subject',
    '8 destinations.bus.creds',
    '8 destinations.bus.creds',
  ])
  expect(JSON.stringify(problems)).not.toContain('t0ps3cr3t')
})
