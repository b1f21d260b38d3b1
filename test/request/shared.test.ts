/** Steps that webhooks with equal settings have in common: compiled once, and never mistaken for one webhook's own. */
import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from '#core/config/load.ts'
import { hopHeaders } from '#core/hops.ts'
import { openKv } from '#core/kv/kv.ts'
import { definePlugin, type Host, Type } from '#core/plugin.ts'
import { openGateway } from '#core/request/gateway.ts'
import { guard, type Target } from '#core/request/guard.ts'
import { builtins } from '#plugins/index.ts'
import { folder } from '../support/child.ts'

const HOP_KEY = 'hop-key-of-the-tests'

/** A plugin that notes what it is compiled with, and answers with the name of the webhook. */
function noting(shared: boolean, ask: (host: Host) => unknown = () => {}) {
  const compiled: unknown[] = []
  const plugin = definePlugin({
    name: 'noting',
    phase: 'shape',
    summary: 'For the test.',
    config: Type.Object({ n: Type.Integer({ default: 1, description: 'A number.' }) }, { additionalProperties: false }),
    refusals: { NOTED: { status: 418, summary: 'Noted.' } },
    shared,
    compile({ n }, host) {
      compiled.push(n)
      ask(host)
      return x => host.refuse('NOTED', { webhook: [x.webhook], n: [String(n)] })
    },
  })
  return { compiled, plugin }
}

const chainOf = (step: string) =>
  `{ path: /NAME, chain: [{ auth-none: { reason: a test } }, ${step}, { upsert: { entity: a } }, dispatch] }`

async function open(steps: Record<string, string>, plugin: ReturnType<typeof noting>['plugin']) {
  const file = join(folder(), 'postern.yaml')
  const webhooks = Object.entries(steps).map(([name, step]) => `  ${name}: ${chainOf(step).replace('NAME', name)}\n`)
  writeFileSync(file, `version: 1\nwebhooks:\n${webhooks.join('')}`)
  const { config, problems } = await load(file, {
    env: {},
    builtins: [...builtins, plugin],
    importPlugin: () => Promise.reject(new Error('none')),
  })
  expect(problems).toEqual([])
  const warnings: object[] = []
  const log = { info() {}, warn: (line: object) => void warnings.push(line), error() {}, debug() {}, fatal() {} }
  const commit = async () => ({ record: { id: 'a', created: true, fieldsUpdated: 1 }, replayed: false, shown: [] })
  const services = { log, commit, kv: openKv('', () => {}), now: Date.now, noteSecretUse() {}, relay() {}, hopKey: () => HOP_KEY }
  const gateway = () => openGateway(config!, services as never)
  const running = await gateway()
  const post = async (name: string, headers: Record<string, string> = {}) => {
    const request = new Request(`http://localhost/${name}`, { method: 'POST', headers: { host: 'localhost', ...headers }, body: '{}' })
    const response = await running.handle(guard(request) as Target, '127.0.0.1')
    return response.status === 418 ? ((await response.json()) as { details: object }).details : response.status
  }
  return { post, warnings, again: gateway }
}

const STEPS = { a: 'noting', b: '{ noting: { n: 1 } }', c: '{ noting: { n: 2 } }', d: '{ noting: { n: 2 } }' }

test('one step for equal settings, a default among them, which knows whose request it has', async () => {
  const { compiled, plugin } = noting(true)
  const { post } = await open(STEPS, plugin)
  expect(compiled).toEqual([1, 2])
  const told = await Promise.all(Object.keys(STEPS).map(name => post(name)))
  expect(told).toEqual(['a 1', 'b 1', 'c 2', 'd 2'].map(text => ({ webhook: [text.slice(0, 1)], n: [text.slice(2)] })))
})

test('each gateway has its own: after a reload, what an entity says is not what it said before', async () => {
  const { compiled, plugin } = noting(true)
  const { again } = await open(STEPS, plugin)
  await again()
  expect(compiled).toEqual([1, 2, 1, 2])
})

test('a plugin that does not say so is compiled for each webhook', async () => {
  const { compiled, plugin } = noting(false, host => expect(host.webhook).toMatch(/^[a-d]$/))
  await open(STEPS, plugin)
  expect(compiled).toEqual([1, 1, 2, 2])
})

test.each<[string, (host: Host) => unknown, cure: string]>([
  ['webhook', host => host.webhook, 'take x.webhook in the step, or leave out shared: true'],
  ['limiter', host => host.limiter({ name: 'a', limit: 1, window: 1000 }), 'leave out shared: true'],
  ['onClose', host => host.onClose(() => {}), 'leave out shared: true'],
  ['within', host => host.within, 'leave out shared: true'],
])('one that asks for what is of one webhook alone does not load: %s', async (name, ask, cure) => {
  const { plugin } = noting(true, ask)
  await expect(open(STEPS, plugin)).rejects.toThrow(
    `postern.yaml:3:61 webhooks.a.chain[1].noting: no step can be made of these settings: 'noting' is shared by webhooks, so that its host has no ${name}: ${cure}`,
  )
})

test('an event that goes round is told once of each webhook', async () => {
  const { plugin } = noting(true)
  const { post, warnings } = await open({ a: '{ filter: { when: "true" } }', b: '{ filter: { when: "true" } }' }, plugin)
  const headers = hopHeaders('Postern', HOP_KEY, 'evt_1', 9)
  for (const name of ['a', 'b', 'a', 'b']) expect(await post(name, headers)).toBe(201)
  expect(warnings).toEqual(['a', 'b'].map(webhook => ({ webhook, hops: 9, plugin: 'dispatch' })))
})
