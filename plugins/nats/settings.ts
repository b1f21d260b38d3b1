/** The settings of a `nats` destination, and what is wrong with them together. */
import { Secret, type Static, Type } from '#core/plugin.ts'
import { faultOfAddress, faultOfServer, parseServer } from './server.ts'
import { faultOfSubject } from './subject.ts'

export const settings = Type.Object(
  {
    servers: Type.Array(Type.String(), {
      minItems: 1,
      maxItems: 16,
      description: 'Servers of one cluster, `nats://host:4222` or `tls://host:4222`, tried in this order. `tls:` insists on TLS.',
      examples: [['nats://nats-1.example.com:4222', 'nats://nats-2.example.com:4222']],
    }),
    subject: Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'Subject to publish to. `{{webhook}}`, `{{event.type}}` and `{{record.entity}}` are replaced.',
      examples: ['postern.{{webhook}}.{{event.type}}'],
    }),
    stream: Type.Optional(Type.String({ minLength: 1, description: 'The stream that must take it; left out, any does.' })),
    token: Type.Optional(Secret({ description: 'Token of the server.' })),
    user: Type.Optional(Type.String({ minLength: 1, description: 'User name, with `password`.' })),
    password: Type.Optional(Secret({ description: 'Password, with `user`.' })),
    creds: Type.Optional(Secret({ description: 'Contents of a .creds file.', examples: ['$' + '{file:./postern.creds}'] })),
    tls: Type.Optional(
      Type.Object(
        {
          ca: Type.Optional(
            Type.String({
              description: 'PEM text of the authorities to trust instead of the built-in ones.',
              examples: ['$' + '{file:./ca.pem}'],
            }),
          ),
          cert: Type.Optional(Type.String({ description: 'PEM text of a client certificate, with `key`.' })),
          key: Type.Optional(Secret({ description: 'PEM text of its private key.' })),
        },
        { additionalProperties: false, description: 'Insist on TLS, with these files. Left out: TLS when the server offers it.' },
      ),
    ),
    allowPrivate: Type.Boolean({ default: false, description: 'Allow private, loopback and link-local addresses.' }),
  },
  { additionalProperties: false },
)

export type Settings = Static<typeof settings>

interface Fault {
  path: string
  message: string
}

export function* faults(config: Settings, reachable: (address: string) => boolean): Generator<Fault> {
  const { servers, subject, token, user, password, creds, tls } = config
  for (const [i, text] of servers.entries()) {
    const message = faultOfServer(text) ?? faultOfAddress(parseServer(text), reachable)
    if (message) yield { path: `/servers/${i}`, message }
  }
  const wrong = faultOfSubject(subject)
  if (wrong) yield { path: '/subject', message: wrong }
  if ((user === undefined) !== (password === undefined))
    yield { path: user === undefined ? '/password' : '/user', message: '`user` and `password` belong together: write both or neither' }
  const given = Object.entries({ token, user, creds }).filter(([, value]) => value !== undefined)
  if (given[1])
    yield {
      path: `/${given[1][0]}`,
      message: `cannot stand beside \`${given[0]?.[0]}\`: a server is told one credential, remove the other`,
    }
  if (creds !== undefined && !(JWT.test(creds) && SEED.test(creds)))
    yield { path: '/creds', message: 'are not the contents of a .creds file: write $' + '{file:./postern.creds}' }
  if ((tls?.cert === undefined) !== (tls?.key === undefined))
    yield { path: '/tls', message: '`cert` and `key` belong together: write both or neither' }
}

/** The two parts of a .creds file. */
const JWT = /BEGIN NATS USER JWT/
const SEED = /^\s*SU[A-Z2-7]{56}\s*$/m
