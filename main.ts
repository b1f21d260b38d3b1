#!/usr/bin/env bun
/** The command line: the only file that knows both the core and the plugins. */
import process from 'node:process'
import { stripVTControlCharacters } from 'node:util'
import { type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand } from 'citty'
import { check } from '#core/cli/check.ts'
import { deliveriesCancel, deliveriesList, deliveriesRetry, deliveriesShow } from '#core/cli/deliveries.ts'
import { destinationsChange, destinationsList } from '#core/cli/destinations.ts'
import { doctor } from '#core/cli/doctor.ts'
import { eventsList, eventsRetry, eventsShow } from '#core/cli/events.ts'
import { importPlugin } from '#core/cli/importPlugin.ts'
import { infer } from '#core/cli/infer.ts'
import { migrate } from '#core/cli/migrate.ts'
import { EXIT, endOf } from '#core/cli/open.ts'
import { plan } from '#core/cli/plan.ts'
import { pluginsList, pluginsShow } from '#core/cli/plugins.ts'
import { presetsList, presetsShow } from '#core/cli/presets.ts'
import { requestsList, requestsReplay, requestsShow } from '#core/cli/requests.ts'
import { schema } from '#core/cli/schema.ts'
import { secretList, secretRekey, secretRemove, secretRotate, secretSet } from '#core/cli/secret.ts'
import { send } from '#core/cli/send.ts'
import { serve } from '#core/cli/serve.ts'
import { test } from '#core/cli/test.ts'
import { tokenCreate, tokenList, tokenRevoke, tokenRotate } from '#core/cli/token.ts'
import { everyOption, faultOfWords } from '#core/cli/words.ts'
import { cards } from '#plugins/auth-hmac/cards.ts'
import { presets as schemes } from '#plugins/auth-hmac/presets/index.ts'
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
  run: (args: any, words: readonly string[]) => number | Promise<number>,
): CommandDef<A> {
  const made = defineCommand({ meta: { name: `postern ${name}`, description }, args, run: ({ args, rawArgs }) => run(args, rawArgs) })
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

/** What the commands that ask a running gateway have in common. */
const asking = {
  url: { type: 'string', description: 'Where its admin API is; left out, POSTERN_ADMIN_URL or the configuration says', valueHint: 'URL' },
  config,
  json,
} as const
const option = (description: string, valueHint: string) => ({ type: 'string', description, valueHint }) as const
const about = {
  webhook: option('Webhook that raised the event', 'NAME'),
  entity: option('Entity of the record', 'NAME'),
  record: option('Id of the record', 'ID'),
  since: option('Not before: a time, or how long ago, such as 2h', 'TIME'),
  until: option('Before: a time, or how long ago', 'TIME'),
} as const
const rows = {
  limit: option('Most rows; 50 if left out', 'N'),
  cursor: option('Where to go on: `next` of what --json printed', 'TEXT'),
} as const
const deliveryFilters = {
  status: {
    type: 'enum' as const,
    description: 'What has become of it',
    options: ['pending', 'waiting', 'delivered', 'dead', 'cancelled'],
  },
  destination: option('Where it goes', 'NAME'),
  subscription: option('That made it', 'NAME'),
  event: option('Id of the event', 'ID'),
  ...about,
}
const eventId = { type: 'positional', description: 'Id of the event, from list', required: true } as const
const deliveryId = { type: 'positional', description: 'Id of the delivery, from list', required: true } as const
const destinationName = { type: 'positional', description: 'Name of the destination', required: true } as const

const events = defineCommand({
  meta: { name: 'events', description: 'Events of a running gateway' },
  subCommands: {
    list: command(
      'events list',
      'Lists events, newest first',
      'postern events list --webhook contact-form --since 2h',
      {
        type: { type: 'enum', description: 'Kind of event', options: ['record.created', 'record.updated', 'webhook.received'] },
        ...about,
        ...rows,
        ...asking,
      },
      args => eventsList({ ...loading, ...args }, out),
    ),
    show: command(
      'events show',
      'Shows one event with its data and its deliveries',
      'postern events show evt_01JD0000000000000000000000',
      { id: eventId, ...asking },
      args => eventsShow({ ...loading, ...args }, out),
    ),
    retry: command(
      'events retry',
      'Sends its dead and cancelled deliveries again',
      'postern events retry evt_01JD0000000000000000000000 --destination crm',
      { id: eventId, destination: deliveryFilters.destination, ...asking },
      args => eventsRetry({ ...loading, ...args }, out),
    ),
  },
})

const deliveries = defineCommand({
  meta: { name: 'deliveries', description: 'Deliveries of a running gateway' },
  subCommands: {
    list: command(
      'deliveries list',
      'Lists deliveries, those of the newest events first',
      'postern deliveries list --status dead --destination crm',
      { ...deliveryFilters, ...rows, ...asking },
      args => deliveriesList({ ...loading, ...args }, out),
    ),
    show: command(
      'deliveries show',
      'Shows one delivery with its attempts',
      'postern deliveries show dlv_01JD0000000000000000000000_1a2b3c4d',
      { id: deliveryId, ...asking },
      args => deliveriesShow({ ...loading, ...args }, out),
    ),
    retry: command(
      'deliveries retry',
      'Sends one delivery again, or all that the filters find; without a status, dead and cancelled ones',
      'postern deliveries retry --status dead --destination crm',
      { id: { ...deliveryId, required: false }, ...deliveryFilters, ...asking },
      args => deliveriesRetry({ ...loading, ...args }, out),
    ),
    cancel: command(
      'deliveries cancel',
      'Gives up a delivery that is pending, waiting or dead',
      'postern deliveries cancel dlv_01JD0000000000000000000000_1a2b3c4d',
      { id: deliveryId, ...asking },
      args => deliveriesCancel({ ...loading, ...args }, out),
    ),
  },
})

const destinations = defineCommand({
  meta: { name: 'destinations', description: 'Destinations of a running gateway' },
  subCommands: {
    list: command(
      'destinations list',
      'Lists destinations with what waits for them',
      'postern destinations list',
      { ...rows, ...asking },
      args => destinationsList({ ...loading, ...args }, out),
    ),
    pause: command(
      'destinations pause',
      'Sends nothing more; its deliveries wait',
      'postern destinations pause crm',
      { name: destinationName, ...asking },
      args => destinationsChange('pause', { ...loading, ...args }, out),
    ),
    resume: command('destinations resume', 'Sends again', 'postern destinations resume crm', { name: destinationName, ...asking }, args =>
      destinationsChange('resume', { ...loading, ...args }, out),
    ),
  },
})

const { default: _, ...given } = config

const plugins = defineCommand({
  meta: { name: 'plugins', description: 'What may stand in a chain' },
  subCommands: {
    list: command(
      'plugins list',
      'Lists the plugins, built-in ones and those of the configuration',
      'postern plugins list',
      { config: given, json },
      args => pluginsList({ ...loading, ...args }, out),
    ),
    show: command(
      'plugins show',
      'Shows the settings of one, and how it refuses',
      'postern plugins show auth-hmac',
      { name: { type: 'positional', description: 'Name of the plugin, or of a kind of destination', required: true }, config: given, json },
      args => pluginsShow({ ...loading, ...args }, out),
    ),
  },
})

const requestId = { type: 'positional', description: 'Id of the request, from list', required: true } as const

const requests = defineCommand({
  meta: { name: 'requests', description: 'Captured requests of a running gateway' },
  subCommands: {
    list: command(
      'requests list',
      'Lists the captured requests of a webhook, newest first',
      'postern requests list contact-form --outcome refused --since 2h',
      {
        webhook: { type: 'positional', description: 'Name of the webhook', required: true },
        outcome: { type: 'enum', description: 'What became of it', options: ['accepted', 'replayed', 'refused', 'failed'] },
        code: option('Why it was refused, such as VALIDATION_FAILED', 'CODE'),
        status: option('Status of the answer', 'N'),
        record: about.record,
        since: about.since,
        until: about.until,
        ...rows,
        ...asking,
      },
      args => requestsList({ ...loading, ...args }, out),
    ),
    show: command(
      'requests show',
      'Shows one request with its headers, its body and what each step said',
      'postern requests show 01JD0000000000000000000000',
      { id: requestId, ...asking },
      args => requestsShow({ ...loading, ...args }, out),
    ),
    replay: command(
      'requests replay',
      'Tells what the present chain would make of a request; writes only when told to',
      'postern requests replay 01JD0000000000000000000000',
      {
        id: requestId,
        commit: { type: 'boolean', description: 'Run it for real: its record is written and its event raised', default: false },
        ...asking,
      },
      args => requestsReplay({ ...loading, ...args }, out),
    ),
  },
})

const presets = defineCommand({
  meta: { name: 'presets', description: 'Providers whose signatures auth-hmac knows' },
  subCommands: {
    list: command('presets list', 'Lists them with what they sign', 'postern presets list', { json }, args =>
      presetsList({ presets: cards, ...args }, out),
    ),
    show: command(
      'presets show',
      'Prints a chain for one of them, and its scheme in full, as YAML to paste',
      'postern presets show github',
      { name: { type: 'positional', description: 'Name of the preset, from list', required: true }, json },
      args => presetsShow({ presets: cards, ...args }, out),
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
        workers: { type: 'string', description: 'Processes that share the port (Bun and Postgres)', valueHint: 'N' },
        watch: { type: 'boolean', description: 'Reload when a file changes', default: false },
        migrate: {
          type: 'boolean',
          description: "Bring the store's tables up to date first",
          default: true,
          negativeDescription: 'Leave the tables alone',
        },
      },
      args => serve({ ...loading, ...args, version: manifest.version, presets: schemes }, out),
    ),
    check: command(
      'check',
      'Checks the configuration and reports every problem at its line',
      'postern check --config config/ --strict',
      {
        name: { type: 'positional', description: 'With --dependents: only what is about this name', required: false },
        config,
        strict: { type: 'boolean', description: 'Look for weak chains, too, and fail on every warning', default: false },
        dependents: { type: 'boolean', description: 'Tell what depends on what', default: false },
        json,
      },
      args => check({ ...loading, ...args }, out),
    ),
    plan: command(
      'plan',
      'Tells what a change of the configuration means for senders, for security and for receivers',
      'postern plan main/config config --fail-on breaking',
      {
        old: { type: 'positional', description: 'The configuration as it is: a file, or a folder', required: true },
        new: { type: 'positional', description: 'As it will be', required: true },
        'fail-on': {
          type: 'enum',
          description: 'Changes that end it with 1; if left out, breaking ones and those of security',
          options: ['breaking', 'security', 'any'],
        },
        json,
      },
      args => plan({ ...loading, ...args, ...(args['fail-on'] && { failOn: args['fail-on'] }) }, out),
    ),
    infer: command(
      'infer',
      'Makes a schema, a mapping and YAML to paste from samples, and tells where they are not what a schema says',
      'postern infer orders --check',
      {
        from: {
          type: 'positional',
          description: 'A webhook of a running gateway, or files of payloads',
          required: true,
          valueHint: 'WEBHOOK|FILE…',
          many: true,
        },
        last: option('Only the newest samples; 200 captured requests if left out', 'N'),
        out: option('Write it into this file', 'FILE'),
        against: option('Compare with the JSON Schema in this file', 'FILE'),
        check: { type: 'boolean', description: 'Compare alone; drift ends with 1', default: false },
        'schema-only': { type: 'boolean', description: 'The JSON Schema alone', default: false },
        'list-as': option('A body that is a list is one payload, with the list in this field', 'FIELD'),
        name: option('Of the new webhook; if left out, that of the first file', 'NAME'),
        ...asking,
      },
      args =>
        infer({ ...loading, ...args, words: args._, presets: schemes, schemaOnly: args['schema-only'], listAs: args['list-as'] }, out),
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
    test: command(
      'test',
      'Runs whole-chain cases written in YAML, each on an empty store and by a clock that stands still',
      'postern test config/examples --junit report.xml',
      {
        path: { type: 'positional', description: 'Case files, and folders of them', required: true, valueHint: 'PATH…', many: true },
        filter: option('Only cases whose name has this in it', 'TEXT'),
        junit: option('Write JUnit XML into this file, too', 'FILE'),
        json,
      },
      args => test({ builtins, importPlugin, ...args, paths: args._ }, out),
    ),
    send: command(
      'send',
      'Makes a request as the sender of a webhook would, signs it and sends it',
      'postern send orders --data \'{"id":"A-1"}\' --repeat 100 --rate 50/s',
      {
        webhook: { type: 'positional', description: 'Name of the webhook', required: true },
        url: option('Where to; left out, the port of the configuration', 'URL'),
        data: option('The body; left out, the example of the webhook, or one made up from its schema', 'TEXT'),
        file: option('File with the body; - is stdin', 'PATH'),
        header: option('A header; may be given several times', '"NAME: VALUE"'),
        method: option('POST, where the webhook takes it', 'NAME'),
        token: option('For the {token} of its path', 'TOKEN'),
        param: option('For another {name} of its path; may be given several times', 'NAME=VALUE'),
        'private-key': option('File with the PKCS#8 PEM of a key pair, where the scheme has one', 'FILE'),
        repeat: option('How many; each is signed anew, with an id and a key of its own', 'N'),
        rate: option('So many a second or minute; left out, one after the other', 'N/s'),
        now: option("The sender's clock: a time, 10m for that long ago, or +10m for ahead", 'TIME'),
        'dry-run': { type: 'boolean', description: 'Print a curl line instead, its secrets as $NAME', default: false },
        'show-secrets': { type: 'boolean', description: 'With --dry-run: print secrets, too', default: false },
        config,
        json,
      },
      (args, words) => send({ ...loading, ...args, header: everyOption(words, 'header'), param: everyOption(words, 'param') }, out),
    ),
    doctor: command(
      'doctor',
      'Tells why a request was refused and what to do about it: the latest captured one, or one from a file',
      'postern doctor orders --fixture request.http',
      {
        webhook: { type: 'positional', description: 'Name of the webhook', required: true },
        request: option('Id of a captured request, from requests list', 'ID'),
        fixture: option('File with the request: YAML, JSON, or an HTTP message as in a log', 'FILE'),
        ...asking,
      },
      args => doctor({ ...loading, ...args }, out),
    ),
    token,
    secret,
    events,
    deliveries,
    destinations,
    requests,
    presets,
    plugins,
  },
})

examples.set(token, 'postern token list')
examples.set(events, 'postern events list')
examples.set(deliveries, 'postern deliveries list')
examples.set(destinations, 'postern destinations list')
examples.set(plugins, 'postern plugins list')
examples.set(requests, 'postern requests list contact-form')
examples.set(presets, 'postern presets show github')
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
    // A list is what one wants of it most.
    if (chosen === plugins && !/^([a-z]|-h$|--help$)/.test(rest[0] ?? '')) rest = ['list', ...rest]
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
