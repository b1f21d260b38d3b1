/** `postern infer`, `test`, `send` and `doctor`: requests as samples. */

import { type Around, asking, command, config, json, option } from '../command.ts'
import { everyOption } from '../words.ts'

export const infer = ({ loading, schemes, out }: Around) =>
  command(
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
    async args =>
      (await import('../infer.ts')).infer(
        { ...loading, ...args, words: args._, presets: schemes, schemaOnly: args['schema-only'], listAs: args['list-as'] },
        out,
      ),
  )

export const test = ({ loading, out }: Around) =>
  command(
    'test',
    'Runs whole-chain cases written in YAML, each on an empty store and by a clock that stands still',
    'postern test config/examples --junit report.xml',
    {
      path: { type: 'positional', description: 'Case files, and folders of them', required: true, valueHint: 'PATH…', many: true },
      filter: option('Only cases whose name has this in it', 'TEXT'),
      junit: option('Write JUnit XML into this file, too', 'FILE'),
      json,
    },
    async args =>
      (await import('../test.ts')).test({ builtins: loading.builtins, importPlugin: loading.importPlugin, ...args, paths: args._ }, out),
  )

export const send = ({ loading, out }: Around) =>
  command(
    'send',
    'Makes a request as the sender of a webhook would, signs it and sends it',
    'postern send orders --data \'{"id":"A-1"}\' --repeat 100 --rate 50/s',
    {
      webhook: { type: 'positional', description: 'Name of the webhook', required: true },
      url: option('Where to; left out, the port of the configuration', 'URL'),
      data: option('The body; left out, the example of the webhook, or one made up from its schema', 'TEXT'),
      file: option('File with the body; - is stdin', 'PATH'),
      header: option('A header, also instead of one that signing sets; may be given several times', '"NAME: VALUE"'),
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
    async (args, words) =>
      (await import('../send.ts')).send(
        { ...loading, ...args, header: everyOption(words, 'header'), param: everyOption(words, 'param') },
        out,
      ),
  )

export const doctor = ({ loading, out }: Around) =>
  command(
    'doctor',
    'Tells why a request was refused and what to do about it: the latest captured one, or one from a file',
    'postern doctor orders --fixture request.http',
    {
      webhook: { type: 'positional', description: 'Name of the webhook', required: true },
      request: option('Id of a captured request, from requests list', 'ID'),
      fixture: option('File with the request: YAML, JSON, or an HTTP message as in a log', 'FILE'),
      ...asking,
    },
    async args => (await import('../doctor.ts')).doctor({ ...loading, ...args }, out),
  )
