/** `postern secret`. */
import { type Around, command, config, group, json, overlap } from '../command.ts'

const secretName = { type: 'positional', description: 'Name of the secret, as in ${' + 'secret:NAME}', required: true } as const

export const secret = ({ loading, out }: Around) =>
  group('secret', 'Encrypted secrets, for ${' + 'secret:NAME} in the configuration', 'postern secret list', {
    set: command(
      'secret set',
      'Stores a new version; its value is read from stdin, or asked for',
      'postern secret set CRM_SIGNING < crm.key',
      { name: secretName, config, json },
      async args => (await import('../secret.ts')).secretSet({ ...loading, ...args }, out),
    ),
    list: command(
      'secret list',
      'Lists names, versions and their last use, never a value',
      'postern secret list',
      { config, json },
      async args => (await import('../secret.ts')).secretList({ ...loading, ...args }, out),
    ),
    rotate: command(
      'secret rotate',
      'Stores a new version; the earlier ones stay good for a while',
      'postern secret rotate CRM_SIGNING --overlap 7d < crm.key',
      { name: secretName, overlap, config, json },
      async args => (await import('../secret.ts')).secretRotate({ ...loading, ...args }, out),
    ),
    rm: command(
      'secret rm',
      'Removes a secret, or one version of it',
      'postern secret rm CRM_SIGNING --version 1',
      { name: secretName, version: { type: 'string', description: 'Only this one, from list', valueHint: 'N' }, config, json },
      async args => (await import('../secret.ts')).secretRemove({ ...loading, ...args }, out),
    ),
    rekey: command(
      'secret rekey',
      'Encrypts all secrets under another master key, which is read from stdin, or asked for',
      'postern secret rekey < new-master.key',
      { config, json },
      async args => (await import('../secret.ts')).secretRekey({ ...loading, ...args }, out),
    ),
  })
