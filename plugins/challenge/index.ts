/** `challenge`: answers the questions by which providers make sure that an address is of whoever registered it. */
import { definePlugin } from '#core/plugin.ts'
import { cloudevents, dropbox, meta, okta, x } from './asked.ts'
import { discord, msgraph, slack, sslCheck, zoom } from './posted.ts'
import type { Question } from './question.ts'
import { faults, hints, type Preset, settings } from './settings.ts'

const questions: Record<Preset, Question> = {
  cloudevents,
  discord,
  dropbox,
  meta,
  msgraph,
  okta,
  slack,
  'slack-ssl-check': sslCheck,
  x,
  zoom,
}

export default definePlugin({
  name: 'challenge',
  phase: 'verify',
  summary: 'Answers the question by which a provider verifies the URL, and lets everything else pass.',
  config: settings,
  refusals: {
    UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' },
    // Of Meta's own page; the other providers do not say.
    CHALLENGE_REFUSED: { status: 403, summary: 'This is no challenge that the webhook answers.' },
  },
  verifies: false,
  check: faults,
  lint: hints,
  methods: ({ preset }) => questions[preset].methods,
  sender: ({ preset }) => ({ handshakes: [questions[preset].handshake], refusals: questions[preset].refusals }),
  compile: (config, host) => questions[config.preset].compile(config, host),
})
