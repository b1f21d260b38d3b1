/** The gateway and its command line as child processes, from the outside. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { child, folder, freePort } from './child.ts'

export type Runtime = 'bun' | 'deno'

/** What every suite from the outside runs on. */
export const runtimes: readonly Runtime[] = ['bun', 'deno']

const root = join(import.meta.dirname, '../..')

/** Variables on top of those of this process; undefined takes one away. */
export type Env = Readonly<Record<string, string | undefined>>

/** Starts `main.ts <args>` under a runtime. */
function start(runtime: Runtime, args: readonly string[], cwd: string, env: Env, preload?: string) {
  const program = join(root, 'node_modules/.bin', runtime)
  // Bun reads bunfig.toml from the working folder alone.
  const run = runtime === 'bun' ? [`--config=${join(root, 'bunfig.toml')}`] : ['run', '-A']
  const full: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' }
  delete full.NODE_ENV // set by `bun test`, not by users
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) delete full[name]
    else full[name] = value
  }
  const started = child(program, [...run, ...(preload === undefined ? [] : ['--preload', preload]), join(root, 'main.ts'), ...args], {
    cwd,
    env: full,
    stdio: 'pipe',
  })
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    started[name]?.setEncoding('utf8').on('data', (part: string) => {
      text[name] += part
    })
  }
  const exited = once(started, 'close').then(([code, signal]) => (code ?? 128 + constants.signals[signal as NodeJS.Signals]) as number)
  return { started, text, exited }
}

export interface Gateway {
  /** Where senders go, without a trailing slash. */
  readonly url: string
  readonly port: number
  readonly adminUrl: string
  readonly pid: number
  /** What it has written to stderr so far. */
  log(): string
  /** Sends SIGTERM and gives the exit code; a gateway that does not end within 30 s is killed and this rejects. */
  stop(): Promise<number>
  kill(signal?: NodeJS.Signals): void
  /** The exit code; 128 and the signal's number when a signal ended it. */
  readonly exited: Promise<number>
}

/** Starts a gateway on free ports, which the configuration finds as `${PORT}` and `${ADMIN_PORT}`, and waits until it is ready. */
export async function gateway(options: {
  runtime?: Runtime
  /** YAML text, or, when it is a single line, the path of a file or folder. */
  config: string
  /** More files beside the YAML text, by name. */
  files?: Readonly<Record<string, string>>
  env?: Env
  args?: readonly string[]
  /** What must answer 200; `/livez` for a gateway that shall not become ready. */
  until?: '/readyz' | '/livez'
  /** The gateway serves HTTPS itself; nobody checks its certificate. */
  tls?: boolean
  /** A file that the runtime loads before the program. */
  preload?: string
}): Promise<Gateway> {
  const { runtime = 'bun', until = '/readyz', tls = false } = options
  const home = folder()
  let config = options.config
  if (config.includes('\n')) {
    for (const [name, text] of Object.entries({ ...options.files, 'postern.yaml': config })) writeFileSync(join(home, name), text)
    config = join(home, 'postern.yaml')
  }
  const env = { PORT: `${await freePort()}`, ADMIN_PORT: `${await freePort()}`, ...options.env }
  const words = ['serve', '--config', config, ...(options.args ?? [])]
  const { started, text, exited } = start(runtime, words, home, env, options.preload)
  let ended = false
  exited.then(() => {
    ended = true
  })
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${env.PORT}`
  const deadline = Date.now() + 40_000
  while (!(await answers(url + until))) {
    if (!ended && Date.now() < deadline) {
      await new Promise(done => setTimeout(done, 20))
      continue
    }
    const why = ended ? `ended with exit code ${await exited}` : `does not answer 200 on ${until} within 40 s`
    started.kill('SIGKILL')
    throw new Error(`The gateway on ${runtime} ${why}:\n${text.stderr}`)
  }
  return {
    url,
    port: Number(env.PORT),
    adminUrl: `http://127.0.0.1:${env.ADMIN_PORT}`,
    pid: started.pid as number,
    log: () => text.stderr,
    exited,
    kill: (signal = 'SIGKILL') => void started.kill(signal),
    async stop() {
      started.kill('SIGTERM')
      let late = false
      const timer = setTimeout(() => {
        late = true
        started.kill('SIGKILL')
      }, 30_000)
      const code = await exited
      clearTimeout(timer)
      if (late) throw new Error(`The gateway on ${runtime} did not end within 30 s of SIGTERM:\n${text.stderr}`)
      return code
    },
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1000), tls: { rejectUnauthorized: false } })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false
  }
}

/** Runs one command to its end, at most 60 s. */
export async function cli(
  args: readonly string[],
  options: { runtime?: Runtime; env?: Env; input?: string; cwd?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { runtime = 'bun', env = {}, input = '', cwd = root } = options
  const { started, text, exited } = start(runtime, args, cwd, env)
  started.stdin?.on('error', () => {}) // a command that ends without reading
  started.stdin?.end(input)
  const timer = setTimeout(() => started.kill('SIGKILL'), 60_000)
  const code = await exited
  clearTimeout(timer)
  return { code, ...text }
}
