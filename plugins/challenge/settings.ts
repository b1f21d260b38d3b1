/** The settings of `challenge`, and what each preset needs of them. */
import { type CheckHost, type Hint, type LintHost, Secret, type Static, Type } from '#core/plugin.ts'

export const PRESETS = ['cloudevents', 'discord', 'dropbox', 'meta', 'msgraph', 'okta', 'slack', 'slack-ssl-check', 'x', 'zoom'] as const

export type Preset = (typeof PRESETS)[number]

export const settings = Type.Object(
  {
    preset: Type.Union(
      PRESETS.map(name => Type.Literal(name)),
      { description: 'Whose question is answered.' },
    ),
    verifyToken: Type.Optional(Secret({ description: 'For `meta`: the token that was typed in when the webhook was registered.' })),
    secret: Type.Optional(Secret({ description: 'For `zoom` and `x`: the secret that the provider signs with.' })),
    origins: Type.Optional(
      Type.Array(
        Type.String({
          pattern: '^(\\*|[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)$',
          description: 'A DNS name.',
          examples: ['eventgrid.azure.net'],
        }),
        { minItems: 1, maxItems: 32, description: 'For `cloudevents`: who may deliver here, or `*` for everybody.' },
      ),
    ),
    rate: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000_000_000, description: 'For `cloudevents`: how many requests a minute are welcome.' }),
    ),
  },
  { additionalProperties: false },
)

export type Settings = Static<typeof settings>

const NEEDS: Partial<Record<Preset, 'verifyToken' | 'secret' | 'origins'>> = {
  meta: 'verifyToken',
  zoom: 'secret',
  x: 'secret',
  cloudevents: 'origins',
}

/** Presets whose question is signed as any other request, with the preset of `auth-hmac` that verifies it. */
const SIGNED: Partial<Record<Preset, string>> = { slack: 'slack', zoom: 'zoom', discord: 'discord' }

const POSTED: readonly Preset[] = ['slack', 'slack-ssl-check', 'zoom', 'discord', 'msgraph']

export function faults(config: Settings, { verified, methods }: CheckHost): { path: string; message: string }[] {
  const { preset } = config
  const found: { path: string; message: string }[] = []
  const need = NEEDS[preset]
  if (need && config[need] === undefined) found.push({ path: '/preset', message: `'${preset}' needs \`${need}\`` })
  for (const name of ['verifyToken', 'secret', 'origins', 'rate'] as const)
    if (config[name] !== undefined && name !== need && !(name === 'rate' && preset === 'cloudevents'))
      found.push({ path: `/${name}`, message: `means nothing to '${preset}': remove it` })
  if (SIGNED[preset] && !verified)
    found.push({
      path: '/preset',
      message: `whoever asks would be answered, and '${preset}' signs its question: put the step after auth-hmac: { preset: ${SIGNED[preset]} }`,
    })
  if (POSTED.includes(preset) && !methods.includes('POST'))
    found.push({ path: '/preset', message: `'${preset}' asks by POST, which the webhook does not take: add it to \`methods\`` })
  return found
}

/** They look at the URL alone, which is that of the question, too. */
const BY_URL = ['auth-url-token', 'auth-shared-secret', 'auth-none']

export function hints({ preset }: Settings, { chain, index }: LintHost): Hint[] {
  const refusing = ({ plugin: { name, phase, verifies } }: LintHost['chain'][number]) =>
    phase === 'verify' && verifies !== false && !BY_URL.includes(name)
  const before = chain.slice(0, index).find(refusing)
  if (SIGNED[preset] || !before) return []
  const message = `'${preset}' does not sign its question, so that '${before.plugin.name}' refuses it first: put challenge before it`
  return [{ rule: 'challenge-out-of-reach', path: '/preset', message }]
}
