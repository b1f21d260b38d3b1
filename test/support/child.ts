/** Child processes and temporary folders that do not outlive this process, however it ends. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'

/**
 * Reads what was started and what has ended, one line each; when its input closes (we closed it, or this process is gone, be it by
 * SIGKILL), it stops what is left and removes the folders. A process without a parent may stay a zombie for long: gone enough.
 */
const keeper = `
trap '' INT TERM HUP
left=' '
folders=
while read -r verb a b; do
  case $verb in
    started) left="$left$a:$b " ;;
    ended) left="\${left%% $a:$b *} \${left#* $a:$b }" ;;
    folder) folders="$folders $a" ;;
  esac
done
runs() { kill -0 $1 2>/dev/null && ! grep -q '^State:.Z' /proc/$1/status 2>/dev/null; }
for entry in $left; do kill -\${entry%%:*} \${entry##*:} 2>/dev/null; done
for entry in $left; do
  pid=\${entry##*:}
  for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    runs $pid || break
    sleep 0.05
  done
  if runs $pid; then kill -KILL $pid 2>/dev/null; fi
done
if [ -n "$folders" ]; then rm -rf $folders; fi
`

let keeping: ChildProcess | undefined

function keep(line: string): ChildProcess {
  if (!keeping) {
    // Detached: Ctrl-C reaches the whole process group, and the keeper must outlast it.
    keeping = spawn('/bin/sh', ['-c', keeper], { stdio: ['pipe', 'ignore', 'inherit'], detached: true })
    keeping.unref()
    ;(keeping.stdin as Writable & { unref?(): void }).unref?.()
  }
  keeping.stdin?.write(`${line}\n`)
  return keeping
}

/** Starts a program; should it outlive this process, it gets the signal `orphaned` (KILL). */
export function child(
  command: string,
  args: readonly string[],
  { orphaned = 'KILL', ...options }: SpawnOptions & { orphaned?: string } = {},
) {
  const started = spawn(command, args, options)
  if (!started.pid) return started
  const by = keep(`started ${orphaned} ${started.pid}`)
  started.once('exit', () => {
    // A process number is used again one day.
    if (keeping === by) keep(`ended ${orphaned} ${started.pid}`)
  })
  return started
}

/** A new folder that is removed when this process ends. */
export function folder(): string {
  // The folder holds a Unix socket, whose path may have no more than about 100 bytes.
  const parent = tmpdir().length > 60 ? '/tmp' : tmpdir()
  const path = mkdtempSync(join(parent, 'postern-'))
  keep(`folder ${path}`)
  return path
}

const last: (() => Promise<void>)[] = []

/** Runs `action` in `stopAll`: only when this process ends as it should. */
export function atEnd(action: () => Promise<void>): void {
  last.push(action)
}

const LONGEST_END = 15_000

/** Ends all that this process has started and waits until it is gone. */
export async function stopAll(): Promise<void> {
  await Promise.allSettled(last.splice(0).map(action => action()))
  const ending = keeping
  keeping = undefined
  if (!ending) return
  const gone = once(ending, 'exit')
  ending.stdin?.end()
  // After thousands of children its list is long; it outlives this process, so that nothing is left behind either way.
  await Promise.race([gone, new Promise(done => setTimeout(done, LONGEST_END))])
}

/** A TCP port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  // Below those that the kernel gives to outgoing connections: one of these could take it before the program that it is for.
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 10_240 + Math.floor(Math.random() * 22_000)
    const server = createServer().listen(port, '127.0.0.1')
    const free = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!free) continue
    server.close()
    await once(server, 'close')
    return port
  }
  throw new Error('no free port')
}
