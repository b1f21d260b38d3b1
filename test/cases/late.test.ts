/** A case that takes too long. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { prepare } from '#core/cases/prepare.ts'
import { readCaseFile } from '#core/cases/read.ts'
import { runCase } from '#core/cases/run.ts'
import { openStage } from '#core/cases/stage.ts'
import { importPlugin } from '#core/cli/importPlugin.ts'
import { Problems } from '#core/config/problem.ts'
import { builtins } from '#plugins/index.ts'
import { files } from './fixture.ts'

const slow = `
export default ({ definePlugin, Type }) =>
  definePlugin({
    name: 'slow', phase: 'shape', summary: 'Takes its time.', config: Type.Object({}, { additionalProperties: false }), refusals: {},
    compile: () => () => new Promise(done => setTimeout(done, 100)),
  })
`
const configuration = `version: 1
plugins: [./slow.ts]
webhooks:
  slow: { path: /slow, chain: [{ auth-none: { reason: tests } }, slow, { upsert: { entity: thing } }] }
`
const cases = `config: own.yaml
cases:
  - { name: long, requests: [{ path: /slow, json: {}, times: 100 }] }
  - { name: next, request: { path: /slow, json: {} }, expect: { records: { thing: 1 } } }
`

test('ends, and writes nothing into the store of the next', async () => {
  const home = files({ 'slow.ts': slow, 'own.yaml': configuration, 'cases.yaml': cases })
  const problems = new Problems()
  const { ready } = await prepare(readCaseFile(join(home, 'cases.yaml'), problems), { builtins, importPlugin }, problems)
  expect(problems.sorted()).toEqual([])
  const [long, next] = ready
  const stage = await openStage()
  try {
    expect((await runCase(stage, long!, 250)).failures).toEqual(['took longer than 0.25 s'])
    expect((await runCase(stage, next!)).failures).toEqual([])
  } finally {
    await stage.close()
  }
})
