/** `postern token`. */
import { type Around, command, config, group, json, overlap } from '../command.ts'

export const token = ({ loading, out }: Around) =>
  group('token', 'Tokens for webhooks whose path has a {token}', 'postern token list', {
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
      async args => (await import('../token.ts')).tokenCreate({ ...loading, ...args }, out),
    ),
    list: command(
      'token list',
      'Lists tokens with their last use',
      'postern token list contact-form',
      { webhook: { type: 'positional', description: 'Name of the webhook', required: false }, config, json },
      async args => (await import('../token.ts')).tokenList({ ...loading, ...args }, out),
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
      async args => (await import('../token.ts')).tokenRotate({ ...loading, ...args }, out),
    ),
    revoke: command(
      'token revoke',
      'Ends a token at once',
      'postern token revoke 01JD0000000000000000000000',
      { id: { type: 'positional', description: 'Id of the token, from list', required: true }, config, json },
      async args => (await import('../token.ts')).tokenRevoke({ ...loading, ...args }, out),
    ),
  })
