/** The shipped examples keep their promises, as the shipped cases say. */
import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { cli, runtimes } from '../support/process.ts'

const examples = join(import.meta.dirname, '../../config/examples')

test.each(runtimes)('every shipped case passes on %s', async runtime => {
  const { code, stdout, stderr } = await cli(['test', 'config/examples'], { runtime })
  expect([
    code,
    stdout
      .split('\n')
      .filter(line => !line.startsWith('✓'))
      .slice(0, -2),
    stderr,
  ]).toEqual([0, [], ''])
  expect(Number(/(\d+) passed \(/.exec(stdout)?.[1])).toBeGreaterThan(50)
})

test('the examples that stand in for products have cases, and so has what npm start runs', () => {
  const folder = join(examples, 'tests')
  const covered = readdirSync(folder).map(name => parse(readFileSync(join(folder, name), 'utf8')).config)
  for (const name of ['hasp', 'workapps', 'hoopai', 'inspire', 'hasp-workflows', 'deliveries']) expect(covered).toContain(`../${name}.yaml`)
  expect(covered).toContain('../../postern.yaml')
})

test('a folder of examples is still one configuration: what is below it is not merged', async () => {
  const env = Object.fromEntries(
    ['EHR_SIGNING_KEY', 'INSPIRE_INGEST_KEY', 'INSPIRE_SIGNING_KEY', 'PARTNER_A_SECRET', 'PARTNER_B_KEY'].map(name => [
      name,
      'k'.repeat(32),
    ]),
  )
  const { stdout } = await cli(['check', '--config', 'config/examples', '--json'], { env })
  expect(stdout).not.toContain('config/examples/tests')
})
