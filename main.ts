#!/usr/bin/env bun
/** The command line: the only file that knows both the core and the plugins. */
import process from 'node:process'
import { stripVTControlCharacters } from 'node:util'
import { type ArgsDef, type CommandDef, renderUsage, runCommand } from 'citty'
import { type Around, examples, group } from '#core/cli/command.ts'
import { plugins, presets } from '#core/cli/commands/catalog.ts'
import { deliveries, destinations, events } from '#core/cli/commands/events.ts'
import { check, migrate, plan, schema, serve } from '#core/cli/commands/gateway.ts'
import { requests } from '#core/cli/commands/requests.ts'
import { doctor, infer, send, test } from '#core/cli/commands/samples.ts'
import { secret } from '#core/cli/commands/secret.ts'
import { token } from '#core/cli/commands/token.ts'
import { importPlugin } from '#core/cli/importPlugin.ts'
import { EXIT, endOf } from '#core/cli/open.ts'
import { faultOfWords } from '#core/cli/words.ts'
import { didYouMean } from '#core/config/problem.ts'
import { cards } from '#plugins/auth-hmac/cards.ts'
import { presets as schemes } from '#plugins/auth-hmac/presets/index.ts'
import { builtins } from '#plugins/index.ts'
import manifest from './package.json' with { type: 'json' }

/** On Bun, leaving cuts off what a pipe has not taken yet, which is all but 64 KB: this settles when it has. */
let taken: Promise<unknown> = Promise.resolve()
/** Why something could not be written, to a full disk say. */
let lost: Error | undefined
const put = (stream: NodeJS.WriteStream, text: string) => {
  // On Deno, a stream that has failed answers no more.
  if (lost && stream === process.stdout) return
  const written = new Promise<void>(done => {
    const end = (error?: Error | null) => {
      if (error && (error as NodeJS.ErrnoException).code !== 'EPIPE') lost = error
      done()
    }
    try {
      stream.write(text, end)
    } catch (error) {
      end(error as Error)
    }
  })
  taken = Promise.all([taken, written])
}
// A reader that has seen enough, `head` say, is no fault of the command.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const out = (line: string) => put(process.stdout, `${line}\n`)
const loading = { builtins, importPlugin, env: process.env }

const around: Around = { loading, version: manifest.version, schemes, cards, out }

const pluginsGroup = plugins(around)
const secretGroup = secret(around)
const commands = {
  serve: serve(around),
  check: check(around),
  plan: plan(around),
  test: test(around),
  send: send(around),
  doctor: doctor(around),
  infer: infer(around),
  migrate: migrate(around),
  schema: schema(around),
  token: token(around),
  secret: secretGroup,
  requests: requests(around),
  events: events(around),
  deliveries: deliveries(around),
  destinations: destinations(around),
  plugins: pluginsGroup,
  presets: presets(around),
}
const promise = 'A gateway for inbound webhooks: a 2xx means committed'
const postern = group('postern', promise, 'postern serve --config config/postern.yaml', commands, manifest.version)

/** Runs the command that the words name; the result is the exit code. */
async function run(words: string[]): Promise<number> {
  if (words[0] === '--version' || words[0] === '-v') {
    out(manifest.version)
    return EXIT.good
  }
  let chosen: CommandDef<any> = postern
  let parent: CommandDef<any> | undefined
  let rest = words
  while (chosen.subCommands) {
    const names = chosen.subCommands as Record<string, CommandDef<any>>
    // A list is what one wants of it most.
    if (chosen === pluginsGroup && !/^([a-z]|-h$|--help$)/.test(rest[0] ?? '')) rest = ['list', ...rest]
    const [word] = rest
    if (word === undefined || word === '--help' || word === '-h') return help(chosen, parent, word === undefined ? EXIT.usage : EXIT.good)
    const next = Object.hasOwn(names, word) ? names[word] : undefined
    if (!next) {
      const near = didYouMean(word, Object.keys(names))
      return wrong(`there is no command '${word}'${near ? `${near} Or choose` : ': choose'} one of ${Object.keys(names).join(', ')}`)
    }
    parent = chosen
    chosen = next
    rest = rest.slice(1)
  }
  if (rest.includes('--help') || rest.includes('-h')) return help(chosen, undefined, EXIT.good)
  const fault = faultOfWords(rest, chosen.args as ArgsDef, parent === secretGroup)
  if (fault) return wrong(fault)
  try {
    const { result } = await runCommand(chosen, { rawArgs: rest })
    return result as number
  } catch (error) {
    if ((error as { name?: string }).name === 'CLIError') return wrong((error as Error).message)
    const { exitCode, message } = endOf(error)
    put(process.stderr, `${message}\n`)
    return exitCode
  }
}

async function help(of: CommandDef<any>, parent: CommandDef<any> | undefined, exitCode: number): Promise<number> {
  const usage = await renderUsage(of, parent)
  const example = examples.get(of)
  const text = example ? `${usage}\nEXAMPLE\n\n  ${example}\n` : usage
  out(process.stdout.isTTY ? text : stripVTControlCharacters(text))
  return exitCode
}

function wrong(message: string): number {
  // The parser colours its messages whatever they are written to.
  put(process.stderr, `${process.stderr.isTTY ? message : stripVTControlCharacters(message)}\n`)
  return EXIT.usage
}

process.exitCode = await run(process.argv.slice(2))
await taken
if (lost && process.exitCode === EXIT.good) {
  process.exitCode = EXIT.failure
  put(process.stderr, `what it says cannot be written: ${lost.message}\n`)
  await taken
}
// A command that left a connection open must not keep the shell waiting.
process.exit()
