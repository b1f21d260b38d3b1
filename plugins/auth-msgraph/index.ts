/** `auth-msgraph`: each change notification of Microsoft Graph repeats the secret that its subscription was made with. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { definePlugin, deliveryId, type Exchange, type Finding, Secret, Type } from '#core/plugin.ts'

/** More than so many notifications in one request are refused. */
const MAX_ITEMS = 1000
/** Characters that Graph takes for a clientState. */
const LONGEST = 128
const LONGEST_ID = 255

const digest = (text: string) => createHash('sha256').update(text).digest()

const own = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined

/** The notifications of a payload, or why there are none to judge. */
function itemsOf(payload: unknown): unknown[] | string {
  const list = own(payload, 'value')
  if (!Array.isArray(list) || list.length === 0) return 'no-items'
  return list.length > MAX_ITEMS ? 'too-many-items' : list
}

const hasResourceData = (payload: unknown, items: readonly unknown[]) =>
  own(payload, 'validationTokens') !== undefined || items.some(item => own(item, 'encryptedContent') !== undefined)

export default definePlugin({
  name: 'auth-msgraph',
  phase: 'verify',
  summary: 'Lets in change notifications of Microsoft Graph that carry a known client state.',
  config: Type.Object(
    {
      clientStates: Type.Array(Secret({ description: 'One client state.' }), {
        minItems: 1,
        maxItems: 16,
        description:
          'The `clientState` of each subscription that is let in. Several are live at once, so that one can be changed without a gap.',
      }),
      resourceData: Type.Union([Type.Literal('refuse'), Type.Literal('unchecked')], {
        default: 'refuse',
        description:
          'What becomes of notifications with encrypted resource data: they are refused, or let in by their client state alone, their `validationTokens` unchecked.',
      }),
    },
    { additionalProperties: false },
  ),
  refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
  gives: [deliveryId],
  check: ({ clientStates }, { methods }) => [
    ...clientStates.flatMap((state, i) =>
      state.length <= LONGEST
        ? []
        : [
            {
              path: `/clientStates/${i}`,
              message: `this client state is longer than the ${LONGEST} characters that Graph takes: make a shorter one`,
            },
          ],
    ),
    ...(methods.includes('GET')
      ? [{ path: '', message: 'the webhook takes GET, and Graph sends its notifications by POST: take GET out of `methods`' }]
      : []),
  ],
  lint: ({ resourceData }) =>
    resourceData === 'refuse'
      ? []
      : [
          {
            rule: 'resource-data-unchecked',
            path: '/resourceData',
            message:
              'nobody checks the `validationTokens`, so that whoever knows a client state can send resource data of its own: put a step that checks them behind the gateway, or write `refuse`',
          },
        ],
  sender: () => ({
    body: {
      type: 'object',
      required: ['value'],
      properties: {
        value: {
          type: 'array',
          minItems: 1,
          maxItems: MAX_ITEMS,
          items: {
            type: 'object',
            required: ['clientState'],
            properties: {
              clientState: { type: 'string', maxLength: LONGEST, description: 'The client state of the subscription, a shared secret.' },
            },
          },
        },
      },
    },
  }),
  sign({ clientStates }, draft) {
    const state = clientStates.find(Boolean)
    if (!state) return 'none of the client states of auth-msgraph has a value: set the variable that one of them names'
    let payload: unknown
    try {
      payload = JSON.parse(new TextDecoder().decode(draft.body))
    } catch {
      return 'the body is not JSON'
    }
    const items = itemsOf(payload)
    if (typeof items === 'string' || items.some(item => typeof item !== 'object' || item === null))
      return `the body has no list \`value\` of 1 to ${MAX_ITEMS} notifications`
    for (const item of items) Object.assign(item as object, { clientState: state })
    draft.body = new TextEncoder().encode(JSON.stringify(payload))
    draft.headers.set('content-type', 'application/json')
    return undefined
  },
  diagnose,

  compile({ clientStates, resourceData }, host) {
    // Digests are of one length, so that comparing them tells nothing of the secrets, their lengths included.
    const known = clientStates.filter(Boolean).map(state => ({ state, sum: digest(state) }))
    const refuse = (reason: string) => host.refuse('UNAUTHORIZED', undefined, { reason })
    return x => {
      const payload = x.peek()
      const items = itemsOf(payload)
      if (typeof items === 'string') return refuse(items)
      const used = new Set<string>()
      for (const [i, item] of items.entries()) {
        const state = own(item, 'clientState')
        if (typeof state !== 'string' || state === '') return refuse(`missing-secret in item ${i}`)
        let match: string | undefined
        if (state.length <= LONGEST) {
          const offered = digest(state)
          for (const { state: text, sum } of known) if (timingSafeEqual(sum, offered)) match = text
        }
        if (match === undefined) return refuse(`secret-mismatch in item ${i}`)
        used.add(match)
      }
      if (resourceData === 'refuse' && hasResourceData(payload, items)) return refuse('resource-data')
      for (const state of used) host.used(state)
      // Graph gives not every notification an id; what else it says would be the same for two changes of one thing.
      const id = items.length === 1 ? own(items[0], 'id') : undefined
      if (typeof id === 'string' && id !== '' && id.length <= LONGEST_ID) x.set(deliveryId, id)
      return undefined
    }
  },
})

function diagnose({ clientStates, resourceData }: { clientStates: string[]; resourceData: string }, x: Exchange): Finding[] {
  const finding = (code: string, message: string, cure: string): Finding[] => [{ code, message, cure }]
  if (x.query.has('validationToken'))
    return finding(
      'validation-handshake',
      'Graph asks whether this address is wanted: the query has a validationToken, and the body no notification.',
      'Put `challenge: { preset: msgraph }` into the chain, before this step.',
    )
  const payload = x.peek()
  const items = itemsOf(payload)
  if (items === 'too-many-items')
    return finding('too-many-items', `There are more than ${MAX_ITEMS} notifications.`, 'Send them in several requests.')
  if (typeof items === 'string')
    return finding('no-items', 'The body is no JSON object with a list `value` of at least one notification.', 'Send JSON as Graph does.')
  const states = items.map(item => own(item, 'clientState'))
  const missing = states.filter(state => typeof state !== 'string' || state === '').length
  if (missing > 0)
    return finding(
      'client-state-missing',
      `${missing} of ${items.length} notifications have no clientState.`,
      'Make the subscription anew, with a `clientState`.',
    )
  const known = clientStates.filter(Boolean)
  const wrong = states.filter(state => !known.some(text => timingSafeEqual(digest(text), digest(String(state)))))
  if (wrong.length > 0) {
    const near = wrong.every(state => known.some(text => timingSafeEqual(digest(text.trim()), digest(String(state).trim()))))
    if (near)
      return finding(
        'white-space',
        'The clientState differs from a known one by the white space around it alone.',
        'Make the secret without a line break at its end, as `printf %s` does, and the subscription with the same.',
      )
    return finding(
      'other-client-state',
      `${wrong.length} of ${items.length} notifications have a clientState that is not among the known ones.`,
      'Add the `clientState` of their subscription to `clientStates`, or delete the subscription.',
    )
  }
  if (resourceData === 'refuse' && hasResourceData(payload, items))
    return finding(
      'resource-data',
      'The notifications carry encrypted resource data, whose validationTokens this step does not check.',
      'Make the subscription without `includeResourceData`, or write `resourceData: unchecked` and check the tokens where the data is used.',
    )
  return []
}
