/** The arrows of the house: who may import whom (CONTRIBUTING.md). */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { Glob } from 'bun'

const root = join(import.meta.dirname, '..')
const patterns = ['main.ts', 'core/**/*.ts', 'plugins/**/*.ts']
const sources = patterns.flatMap(pattern => [...new Glob(pattern).scanSync(root)]).filter(file => !file.includes('.test.'))

/** Rooms from the bottom up: an import goes to a lower floor, or stays in its room. */
const floors: Record<string, number> = {
  'core/settings.ts': 0,
  'core/ulid.ts': 0,
  'core/pace.ts': 0,
  'core/runtime.ts': 0,
  'core/log.ts': 2,
  'core/spellings.ts': 0,
  'core/needles.ts': 1,
  'core/printable.ts': 0,
  'core/numeral.ts': 0,
  'core/expression.ts': 0,
  'core/template.ts': 0,
  'core/hops.ts': 0,
  'core/trace.ts': 0,
  'core/metrics': 1,
  'core/address.ts': 0,
  'core/outgoing.ts': 0,
  'core/remote.ts': 0,
  'core/destination.ts': 0,
  'core/sender.ts': 0,
  'core/credential.ts': 0,
  'core/plugin.ts': 1,
  'core/config': 2,
  'core/store': 2,
  'core/kv': 2,
  'core/outbox': 3,
  'core/request': 3,
  'core/docs': 4,
  'core/infer': 4,
  'core/plan': 4,
  'core/admin': 5,
  'core/cases': 5,
  'core/harness.ts': 4,
  'core/testing.ts': 5,
  'core/cli': 6,
}

const roomOf = (file: string) => Object.keys(floors).find(room => file === room || file.startsWith(`${room}/`))

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const names = [...text.matchAll(/(?:from|import)\s*\(?\s*'([.#][^']+)'/g)].map(m => m[1] as string)
  return names.map(name => (name.startsWith('#') ? name.slice(1) : relative(root, join(root, dirname(file), name))))
}

const arrows = sources.flatMap(from => importsOf(from).map(to => ({ from, to })))

test('the imports are read at all', () => {
  expect(arrows.length).toBeGreaterThan(100)
})

test('the core imports no plugin, no test and no command line', () => {
  expect(arrows.filter(a => a.from.startsWith('core/') && !a.to.startsWith('core/'))).toEqual([])
})

test('inside the core, arrows point down', () => {
  const inside = arrows.filter(a => a.from.startsWith('core/') && a.to.startsWith('core/'))
  expect(inside.filter(a => roomOf(a.from) === undefined || roomOf(a.to) === undefined)).toEqual([])
  const back = inside.filter(({ from, to }) => {
    const [a, b] = [roomOf(from) as string, roomOf(to) as string]
    return a !== b && (floors[a] as number) <= (floors[b] as number)
  })
  expect(back).toEqual([])
})

test('a plugin imports the contract, its own files, and nothing else of ours', () => {
  const strays = arrows.filter(({ from, to }) => {
    const own = from.split('/').slice(0, 2).join('/')
    return from.startsWith('plugins/') && from !== 'plugins/index.ts' && to !== 'core/plugin.ts' && !to.startsWith(`${own}/`)
  })
  expect(strays).toEqual([])
})

test("no file of the core imports the author's harness", () => {
  const harness = ['core/testing.ts', 'core/harness.ts']
  expect(arrows.filter(a => harness.includes(a.to) && !harness.includes(a.from))).toEqual([])
})

test('only core/runtime.ts knows the runtime', () => {
  const telling = sources.filter(
    file => file !== 'core/runtime.ts' && /\b(Bun|Deno)\.[a-z]|from 'bun/.test(readFileSync(join(root, file), 'utf8')),
  )
  expect(telling).toEqual([])
})

test('every plugin and every kind of destination has its folder, its test and its README, and stands in the list and in the README of the project', () => {
  const folders = [...new Set([...new Glob('plugins/*/index.ts').scanSync(root)].map(file => file.split('/')[1] as string))].sort()
  const list = readFileSync(join(root, 'plugins/index.ts'), 'utf8')
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  for (const name of folders) {
    expect([name, [...new Glob(`plugins/${name}/{index.test.ts,README.md}`).scanSync(root)].length]).toEqual([name, 2])
    expect([name, list.includes(`./${name}/index.ts`), readme.includes(`(plugins/${name}/README.md)`)]).toEqual([name, true, true])
  }
})
