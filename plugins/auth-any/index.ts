/** `auth-any`: one of several ways to be let in, for senders that cannot all be moved at once. */
import {
  definePlugin,
  deliveryId,
  type Exchange,
  type NestedStep,
  type Reply,
  type Slot,
  type Step,
  Steps,
  Type,
  Unavailable,
} from '#core/plugin.ts'

/** What has been tried, and why it did not do. */
interface Tried {
  reasons: string[]
  unavailable?: Unavailable
}

const givesOf = ({ plugin, settings }: NestedStep): readonly Slot<unknown>[] =>
  typeof plugin.gives === 'function' ? plugin.gives(settings) : (plugin.gives ?? [])

export default definePlugin({
  name: 'auth-any',
  phase: 'verify',
  summary: 'Lets in requests that one of several verify steps lets in.',
  config: Type.Object(
    {
      of: Steps<NestedStep>({ minItems: 2, maxItems: 8, description: 'Verify steps, tried in this order until one lets the request in.' }),
    },
    { additionalProperties: false },
  ),
  refusals: { UNAUTHORIZED: { status: 401, summary: 'The credential, signature or timestamp is missing or wrong.' } },
  // What only some of them give, no later step can count on.
  gives: ({ of }) => {
    const [first = [], ...others] = of.map(givesOf)
    return first.filter(slot => others.every(given => given.some(({ name }) => name === slot.name)))
  },
  check: ({ of }) =>
    of.flatMap((step, i) => {
      const message = faultOf(step)
      return message ? [{ path: `/of/${i}/${step.plugin.name}`, message }] : []
    }),
  methods: ({ of }) => [...new Set(of.flatMap(({ plugin, settings }) => plugin.methods?.(settings) ?? []))],
  sender: ({ of }, host) => ({ anyOf: of.map(({ plugin, shown }) => plugin.sender?.(shown, host) ?? {}) }),
  async sign({ of }, draft, signer) {
    const faults: string[] = []
    for (const { plugin, settings } of of) {
      const fault = plugin.sign ? await plugin.sign(settings, draft, signer) : `'${plugin.name}' cannot sign`
      if (fault === undefined) return undefined
      faults.push(fault)
    }
    return faults.join('; ')
  },
  diagnose: async ({ of }, x, host) =>
    (await Promise.all(of.map(({ plugin, settings }) => plugin.diagnose?.(settings, x, host) ?? []))).flat(),

  async compile({ of }, host) {
    const steps: { name: string; run: Step }[] = []
    for (const step of of) steps.push({ name: step.plugin.name, run: await step.plugin.compile(step.settings, host.within(step)) })

    /** Two ways may be two senders who both count from 1: the id of the one must not stand for a delivery of the other. */
    const named = (x: Exchange, way: number, before: string | undefined) => {
      const id = x.get(deliveryId)
      if (id !== undefined && id !== before) x.set(deliveryId, `${way}:${id}`)
    }
    const since = (x: Exchange, from: number, tried: Tried): ReturnType<Step> => {
      for (const [i, { name, run }] of steps.entries()) {
        if (i < from) continue
        const before = x.get(deliveryId)
        const judged = judge(name, tried, () => run(x))
        const ended = (outcome: Exclude<Outcome, 'next'>) => {
          if (outcome === undefined) named(x, i, before)
          return outcome
        }
        if (judged instanceof Promise) return judged.then(outcome => (outcome === 'next' ? since(x, i + 1, tried) : ended(outcome)))
        if (judged !== 'next') return ended(judged)
      }
      // It may be the one that would have let the sender in: not to know is no refusal.
      if (tried.unavailable) throw tried.unavailable
      return host.refuse('UNAUTHORIZED', undefined, { reason: tried.reasons.join('; ') })
    }
    return x => since(x, 0, { reasons: [] })
  },
})

type Outcome = 'next' | undefined | Reply

/** What one step made of the request; `next` when another one may still let it in. */
function judge(name: string, tried: Tried, run: () => ReturnType<Step>): Outcome | Promise<Outcome> {
  const said = (reply: undefined | Reply): Outcome => {
    if (reply?.kind !== 'refusal') return reply
    if (reply.status >= 500) tried.unavailable ??= new Unavailable(reply.reason ?? reply.code)
    tried.reasons.push(`${name}: ${reply.reason ?? reply.code}`)
    return 'next'
  }
  const threw = (error: unknown): 'next' => {
    if (!(error instanceof Unavailable)) throw error
    tried.unavailable ??= error
    return 'next'
  }
  try {
    const reply = run()
    return reply instanceof Promise ? reply.then(said, threw) : said(reply)
  } catch (error) {
    return threw(error)
  }
}

function faultOf({ plugin }: NestedStep): string | undefined {
  const { name } = plugin
  if (plugin.phase !== 'verify') return `'${name}' (${plugin.phase}) verifies nobody: only verify steps can stand here`
  if (name === 'auth-none') return "'auth-none' lets everybody in, so that the others mean nothing: remove it"
  if (plugin.needs?.length) return `'${name}' needs what another step gives: put it after auth-any`
  if (plugin.verifies === false) return `'${name}' lets in whom it does not know: put it before auth-any`
  return undefined
}
