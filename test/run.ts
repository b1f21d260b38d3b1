/**
 * `npm test`: every test file, in two processes at a time. Suites that watch the clock never run beside one another: two of them on a
 * small machine would each take the other's work for a fault. With words, only the files that they name, in one process.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { Glob } from 'bun'

const root = join(import.meta.dirname, '..')
/** More rows at once would start so many processes that the suites beside them, which watch the clock, hardly get any of the processor. */
const OPTIONS = ['--timeout', '30000', '--max-concurrency', '5']

/** Folders whose tests hold time bounds, the longest first. */
const TIMED = ['test/hostile', 'test/deliveries', 'test/crash', 'test/load', 'test/outbox']
/** Others that take long: begun early, so that none of them is left for the end. */
const LONG = ['test/cli', 'test/bypass', 'test/canary', 'test/docs', 'test/admin', 'test/cases', 'test/store']

interface Result {
  pass: number
  fail: number
  code: number
  /** What was printed of each row that failed, with its name. */
  failures: readonly string[]
}

const words = process.argv.slice(2)
if (words.length > 0) process.exit((await run(words, true)).code)

const files = ['test', 'plugins', 'packages'].flatMap(folder => [...new Glob(`${folder}/**/*.test.ts`).scanSync(root)]).sort()
const groups = Map.groupBy(files, file =>
  file.startsWith('test/') ? file.split('/').slice(0, 2).join('/') : (file.split('/')[0] as string),
)
/** Files right below test/ are one group, too. */
const loose = [...groups.keys()].filter(name => name.endsWith('.test.ts'))
groups.set(
  'test',
  loose.flatMap(name => groups.get(name) ?? []),
)
for (const name of loose) groups.delete(name)

const timed = TIMED.filter(name => groups.has(name))
const others = [...LONG, ...[...groups.keys()].filter(name => !LONG.includes(name))].filter(
  name => groups.has(name) && !TIMED.includes(name),
)
const results: Result[] = []
let said: Promise<void> = Promise.resolve()
const began = performance.now()

async function lane(next: () => string | undefined): Promise<void> {
  for (let name = next(); name !== undefined; name = next()) {
    const since = performance.now()
    const result = await run(
      (groups.get(name) as string[]).map(file => `./${file}`),
      false,
    )
    say(`# ${name}: ${result.pass} passed, ${result.fail} failed, ${Math.round((performance.now() - since) / 1000)} s\n`)
    results.push(result)
  }
}

await Promise.all([lane(() => timed.shift() ?? others.shift()), lane(() => others.shift())])
const sum = (part: 'pass' | 'fail') => results.reduce((total, result) => total + result[part], 0)
const failures = results.flatMap(result => result.failures)
if (failures.length > 0) say(`\n# what failed, once more:\n${failures.join('\n')}\n`)
// Bun's own words, for whoever reads them.
const seconds = Math.round((performance.now() - began) / 1000)
say(`\n ${sum('pass')} pass\n ${sum('fail')} fail\nRan ${files.length} files in ${seconds} s\n`)
process.exitCode = results.some(result => result.code !== 0) ? 1 : 0
await said

/** Written as the pipe takes it: what is written at once, or left behind by a process that ends, is lost when the pipe is full. */
function say(text: string): void {
  said = said.then(() => new Promise(done => void process.stdout.write(text, () => done())))
}

/** Runs test files in a process of their own; what it says is shown as it comes, or when it has ended. */
function run(args: readonly string[], live: boolean): Promise<Result> {
  return new Promise(done => {
    const child = spawn(process.execPath, ['test', ...OPTIONS, ...args], {
      cwd: root,
      stdio: live ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', part => (text += part))
    const count = (word: string) => Number([...text.matchAll(new RegExp(`^ *(\\d+) ${word}$`, 'gm'))].at(-1)?.[1] ?? 0)
    child.once('close', code => {
      if (!live) say(text)
      done({ pass: count('pass'), fail: count('fail'), code: code ?? 1, failures: failed(text) })
    })
  })
}

/** Whoever reads the end of a long log finds there what stands between the row before and each one that failed; the last 60 lines of it. */
function failed(text: string): string[] {
  const found: string[] = []
  let lines: string[] = []
  for (const line of text.split('\n')) {
    lines.push(line)
    // Bun itself names them once more at the end, below how many there were.
    if (line.startsWith('(fail)') && lines.length > 2) found.push(lines.slice(-60).join('\n'))
    if (/^\((pass|fail|skip)\)|^\d+ tests failed:$/.test(line)) lines = []
  }
  return found
}
