/** `postern plugins` and `presets`: what there is to build a chain of. */
import { type Around, command, config, group, json } from '../command.ts'

const { default: _, ...given } = config

export const plugins = ({ loading, out }: Around) =>
  group('plugins', 'What may stand in a chain', 'postern plugins list', {
    list: command(
      'plugins list',
      'Lists the plugins, built-in ones and those of the configuration',
      'postern plugins list',
      { config: given, json },
      async args => (await import('../plugins.ts')).pluginsList({ ...loading, ...args }, out),
    ),
    show: command(
      'plugins show',
      'Shows the settings of one, and how it refuses',
      'postern plugins show auth-hmac',
      { name: { type: 'positional', description: 'Name of the plugin, or of a kind of destination', required: true }, config: given, json },
      async args => (await import('../plugins.ts')).pluginsShow({ ...loading, ...args }, out),
    ),
  })

export const presets = ({ cards, out }: Around) =>
  group(
    'presets',
    'Providers whose signatures auth-hmac knows; plugins list has those with a plugin of their own',
    'postern presets show github',
    {
      list: command('presets list', 'Lists them with what they sign', 'postern presets list', { json }, async args =>
        (await import('../presets.ts')).presetsList({ presets: cards, ...args }, out),
      ),
      show: command(
        'presets show',
        'Prints a chain for one of them, and its scheme in full, as YAML to paste',
        'postern presets show github',
        { name: { type: 'positional', description: 'Name of the preset, from list', required: true }, json },
        async args => (await import('../presets.ts')).presetsShow({ presets: cards, ...args }, out),
      ),
    },
  )
