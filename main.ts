#!/usr/bin/env bun
/** The command line: the only file that knows both the core and the plugins. */
import process from 'node:process'
import { stripVTControlCharacters } from 'node:util'
import { type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand } from 'citty'
import { check } from '#core/cli/check.ts'
import { importPlugin } from '#core/cli/importPlugin.ts'
import { migrate } from '#core/cli/migrate.ts'
import { EXIT, endOf } from '#core/cli/open.ts'
import { schema } from '#core/cli/schema.ts'
import { secretList, secretRekey, secretRemove, secretRotate, secretSet } from '#core/cli/secret.ts'
import { serve } from '#core/cli/serve.ts'
import { tokenCreate, tokenList, tokenRevoke, tokenRotate } from '#core/cli/token.ts'
import { faultOfWords } from '#core/cli/words.ts'
import { builtins } from '#plugins/index.ts'
import manifest from './package.json' with { type: 'json' }

/** On Bun, leaving cuts off what a pipe has not taken yet, which is all but 64 KB: this settles when it has. */
let taken: Promise<unknown> = Promise.resolve()
const put = (stream: NodeJS.WriteStream, text: string) => {
  taken = Promise.all([taken, new Promise<void>(done => void stream.write(text, () => done()))])
}
// A reader that has seen enough, `head` say, is no fault of the command.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const out = (line: string) => put(process.stdout, `${line}\n`)
const loading = { builtins, importPlugin, env: process.env }

const config = {
  type: 'string',
  description: 'The YAML file, or a folder of them',
  valueHint: 'PATH',
  default: process.env.POSTERN_CONFIG || 'config/postern.yaml',
} as const
const json = { type: 'boolean', description: 'Print JSON, for machines', default: false } as const

const overlap = { type: 'string', description: 'How long what is old stays good', valueHint: 'TIME', default: '24h' } as const

/** The last lines of a command's help. */
const examples = new WeakMap<CommandDef<any>, string>()

/** A command that ends with an exit code. */
function command<A extends ArgsDef>(
  name: string,
  description: string,
  example: string,
  args: A,
  run: (args: any) => number | Promise<number>,
): CommandDef<A> {
  const made = defineCommand({ meta: { name: `postern ${name}`, description }, args, run: ({ args }) => run(args) })
  examples.set(made, example)
  return made
}

const token = defineCommand({
  meta: {
    name: 'token',
    description: 'Tokens for webhooks whose path has a {token}',
  },
  subCommands: {
    create: command(
      'token create',
      'Makes a token and shows it once',
      'postern token create contact-form --label "Acme site"',
      {
        webhook: { type: 'positional', description: 'Name of the webhook', required: true },
        label: { type: 'string', description: 'What the token is for', valueHint: 'TEXT' },
        expires: { type: 'string', description: 'Time until it ends, such as 90d', valueHint: 'TIME' },
        config,
        json,
      },
      args => tokenCreate({ ...loading, ...args }, out),
    ),
    list: command(
      'token list',
      'Lists tokens with their last use',
      'postern token list contact-form',
      { webhook: { type: 'positional', description: 'Name of the webhook', required: false }, config, json },
      args => tokenList({ ...loading, ...args }, out),
    ),
    rotate: command(
      'token rotate',
      'Makes a token in place of another, which stays good for a while',
      'postern token rotate 01JD0000000000000000000000 --overlap 7d',
      {
        id: { type: 'positional', description: 'Id of the old token, from list', required: true },
        overlap,
        expires: { type: 'string', description: 'Time until the new one ends, such as 90d', valueHint: 'TIME' },
        config,
        json,
      },
      args => tokenRotate({ ...loading, ...args }, out),
    ),
    revoke: command(
      'token revoke',
      'Ends a token at once',
      'postern token revoke 01JD0000000000000000000000',
      { id: { type: 'positional', description: 'Id of the token, from list', required: true }, config, json },
      args => tokenRevoke({ ...loading, ...args }, out),
    ),
  },
})

const secretName = { type: 'positional', description: 'Name of the secret, as in ${' + 'secret:NAME}', required: true } as const

const secret = defineCommand({
  meta: {
    name: 'secret',
    description: 'Encrypted secrets, for ${' + 'secret:NAME} in the configuration',
  },
  subCommands: {
    set: command(
      'secret set',
      'Stores a new version; its value is read from stdin, or asked for',
      'postern secret set CRM_SIGNING < crm.key',
      { name: secretName, config, json },
      args => secretSet({ ...loading, ...args }, out),
    ),
    list: command('secret list', 'Lists names, versions and their last use, never a value', 'postern secret list', { config, json }, args =>
      secretList({ ...loading, ...args }, out),
    ),
    rotate: command(
      'secret rotate',
      'Stores a new version; the earlier ones stay good for a while',
      'postern secret rotate CRM_SIGNING --overlap 7d < crm.key',
      { name: secretName, overlap, config, json },
      args => secretRotate({ ...loading, ...args }, out),
    ),
    rm: command(
      'secret rm',
      'Removes a secret, or one version of it',
      'postern secret rm CRM_SIGNING --version 1',
      { name: secretName, version: { type: 'string', description: 'Only this one, from list', valueHint: 'N' }, config, json },
      args => secretRemove({ ...loading, ...args }, out),
    ),
    rekey: command(
      'secret rekey',
      'Encrypts all secrets under another master key, which is read from stdin, or asked for',
      'postern secret rekey < new-master.key',
      { config, json },
      args => secretRekey({ ...loading, ...args }, out),
    ),
  },
})

const postern = defineCommand({
  meta: { name: 'postern', version: manifest.version, description: 'A gateway for inbound webhooks: a 2xx means committed' },
  subCommands: {
    serve: command(
      'serve',
      'Runs the gateway',
      'postern serve --config config/ --watch',
      {
        config,
        watch: { type: 'boolean', description: 'Reload when a file changes', default: false },
        migrate: {
          type: 'boolean',
          description: "Bring the store's tables up to date first",
          default: true,
          negativeDescription: 'Leave the tables alone',
        },
      },
      args => serve({ ...loading, ...args }, out),
    ),
    check: command(
      'check',
      'Checks the configuration and reports every problem at its line',
      'postern check --config config/ --strict',
      {
        name: { type: 'positional', description: 'With --dependents: only what is about this name', required: false },
        config,
        strict: { type: 'boolean', description: 'Warnings fail, too', default: false },
        dependents: { type: 'boolean', description: 'Tell what depends on what', default: false },
        json,
      },
      args => check({ ...loading, ...args }, out),
    ),
    migrate: command('migrate', "Brings the store's tables to this version", 'postern migrate --config config/', { config, json }, args =>
      migrate({ ...loading, ...args }, out),
    ),
    schema: command(
      'schema',
      'Prints the JSON Schema of the configuration, for editors, or its reference',
      'postern schema > postern.schema.json',
      {
        format: { type: 'enum', description: 'What to print', options: ['json', 'markdown'], default: 'json' },
        write: { type: 'boolean', description: 'Write both into config/ instead', default: false },
      },
      args => schema({ builtins, ...args }, out),
    ),
    token,
    secret,
  },
})

examples.set(token, 'postern token list')
examples.set(secret, 'postern secret list')
examples.set(postern, 'postern serve --config config/postern.yaml')

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
    const [word] = rest
    if (word === undefined || word === '--help' || word === '-h') return help(chosen, parent, word === undefined ? EXIT.usage : EXIT.good)
    const next = Object.hasOwn(names, word) ? names[word] : undefined
    if (!next) return wrong(`there is no command '${word}': choose ${Object.keys(names).join(', ')}`)
    parent = chosen
    chosen = next
    rest = rest.slice(1)
  }
  if (rest.includes('--help') || rest.includes('-h')) return help(chosen, undefined, EXIT.good)
  const fault = faultOfWords(rest, chosen.args as ArgsDef, parent === secret)
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
// A command that left a connection open must not keep the shell waiting.
process.exit()
