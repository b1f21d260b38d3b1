/** `postern serve`, `migrate`, `check`, `plan` and `schema`: the gateway and its configuration. */
import { type Around, command, config, json } from '../command.ts'

export const serve = ({ loading, version, schemes, out }: Around) =>
  command(
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
    async args => (await import('../serve.ts')).serve({ ...loading, ...args, version, presets: schemes }, out),
  )

export const migrate = ({ loading, out }: Around) =>
  command('migrate', "Brings the store's tables to this version", 'postern migrate --config config/', { config, json }, async args =>
    (await import('../migrate.ts')).migrate({ ...loading, ...args }, out),
  )

export const check = ({ loading, out }: Around) =>
  command(
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
    async args => (await import('../check.ts')).check({ ...loading, ...args }, out),
  )

export const plan = ({ loading, out }: Around) =>
  command(
    'plan',
    'Tells what a change of the configuration means for senders, for security and for receivers',
    'postern plan main/config config --fail-on breaking',
    {
      old: { type: 'positional', description: 'The configuration as it is: a file, or a folder', required: true },
      new: { type: 'positional', description: 'The configuration as it will be', required: true },
      'fail-on': {
        type: 'enum',
        description: 'Changes that end it with 1; if left out, breaking ones and those of security',
        options: ['breaking', 'security', 'any'],
      },
      json,
    },
    async args => (await import('../plan.ts')).plan({ ...loading, ...args, ...(args['fail-on'] && { failOn: args['fail-on'] }) }, out),
  )

export const schema = ({ loading, out }: Around) =>
  command(
    'schema',
    'Prints the JSON Schema of the configuration, for editors, or its reference',
    'postern schema > postern.schema.json',
    {
      format: { type: 'enum', description: 'What to print', options: ['json', 'markdown'], default: 'json' },
      write: { type: 'boolean', description: 'Write both into config/ instead', default: false },
    },
    async args => (await import('../schema.ts')).schema({ builtins: loading.builtins, ...args }, out),
  )
