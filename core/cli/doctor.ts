/** `postern doctor`: why a request was refused, as far as that can be known, and what to do about it. */
import type { ChainItem, Config, Webhook } from '../config/config.ts'
import type { LoadOptions } from '../config/load.ts'
import { flattened } from '../config/nested.ts'
import type { Exchange, Finding } from '../plugin.ts'
import { printable } from '../printable.ts'
import { examine, passes, type Unknown, type Verdict } from '../request/examine.ts'
import type { StepSeen } from '../store/requests.ts'
import { type AdminClient, openClient } from './adminClient.ts'
import { CommandFailure, EXIT, type Print } from './open.ts'
import { ofCapture, ofFixture, type Patient } from './patient.ts'
import { facts, moment } from './table.ts'
import { openWhole, webhookNamed } from './whole.ts'

export interface DoctorOptions extends LoadOptions {
  webhook: string
  config: string
  json: boolean
  /** Where the admin API is. */
  url?: string
  request?: string
  fixture?: string
}

interface Report {
  webhook: string
  request?: string
  verdict: 'passes' | 'refused' | 'unknown' | 'none'
  /** Plugin of the step that refuses. */
  step: string | null
  code: string | null
  reason: string | null
  findings: readonly Finding[]
  /** What was tried in vain. */
  tried?: readonly string[]
  /** What is not knowable, and how to make it so. */
  unknown?: readonly string[]
  /** What the gateway would answer now. */
  answer?: { status: number; body: string }
}

/** Findings by this code tell what was tried in vain. */
const IN_VAIN = 'nothing-matched'
const MOST_WEBHOOKS = 500

export async function doctor(options: DoctorOptions, out: Print): Promise<number> {
  if (options.request !== undefined && options.fixture !== undefined)
    throw new CommandFailure(EXIT.usage, 'take one of --request and --fixture')
  const config = await openWhole(options.config, options)
  const webhook = webhookNamed(config, options.webhook, options.config)
  const client = options.fixture === undefined ? await openClient(options) : undefined
  const patient = client ? await ofCapture(client, webhook, options.request) : ofFixture(options.fixture as string, webhook)
  if (!patient) {
    const report: Report = { webhook: webhook.name, verdict: 'none', step: null, code: null, reason: null, findings: [] }
    const none = `no refused request of '${webhook.name}' is captured: see that capture.last is not 0, or give one with --fixture FILE`
    out(options.json ? JSON.stringify(report) : none)
    return EXIT.good
  }
  const { report, steps } = await judge(config, webhook, patient, client)
  if (options.json) out(JSON.stringify(report))
  else for (const line of lines(report, patient, steps)) out(line)
  return report.verdict === 'passes' || report.findings.length > 0 || report.answer ? EXIT.good : EXIT.failure
}

async function judge(
  config: Config,
  webhook: Webhook,
  patient: Patient,
  client: AdminClient | undefined,
): Promise<{ report: Report; steps: readonly Verdict[] }> {
  const { arrival, captured, cut, notes } = patient
  const base = { webhook: webhook.name, ...(captured && { request: captured.id }) }
  if (webhook.closed) {
    const finding = {
      code: 'webhook-closed',
      message: `The webhook is closed and answers 503: ${webhook.closed}.`,
      cure: 'Give that secret a value.',
    }
    return {
      report: { ...base, verdict: 'refused', step: null, code: 'UNAVAILABLE', reason: webhook.closed, findings: [finding] },
      steps: [],
    }
  }
  const then = (captured?.steps ?? []) as StepSeen[]
  const left = [...then]
  const said = (plugin: string) => {
    const at = left.findIndex(step => step.plugin === plugin)
    return at < 0 ? undefined : left.splice(at, 1)[0]?.verdict
  }
  const { verdicts, exchange } = await examine(config, webhook, arrival, cut, said)
  const last = verdicts.at(-1)
  const stopped = last !== undefined && (last.said === 'refused' || last.said === 'unknown') ? last : undefined
  if (!stopped) return { report: await ofLater(base, patient, client), steps: verdicts }

  const step = stopped.item.plugin.name
  const sameStep = captured?.plugin === step
  const reason = (stopped.unknown.length > 0 && sameStep ? captured?.reason : undefined) ?? stopped.reason ?? null
  const code = stopped.code ?? captured?.code ?? null
  const found = stopped.said === 'refused' ? await findingsOf(config, webhook, stopped.item, exchange) : []
  const unknown = [...stopped.unknown.map(what => cureOf(what, patient, webhook)), ...notes]
  const tried = found.filter(finding => finding.code === IN_VAIN).map(({ message, cure }) => `${message} ${cure}`)
  const report: Report = {
    ...base,
    verdict: stopped.said === 'refused' || sameStep ? 'refused' : 'unknown',
    step,
    code,
    reason,
    findings: found.filter(finding => finding.code !== IN_VAIN),
    ...(tried.length > 0 && { tried }),
    ...(unknown.length > 0 && { unknown }),
  }
  return { report, steps: verdicts }
}

async function findingsOf(config: Config, webhook: Webhook, item: ChainItem, x: Exchange): Promise<Finding[]> {
  const host = { webhook: webhook.name, publicUrl: config.server.publicUrl, now: () => x.receivedAt }
  const found: Finding[] = []
  const asked = item.plugin.diagnose ? [item] : flattened(item).slice(1)
  // A diagnosis is no more than an opinion: one that breaks must not hide the others.
  for (const { plugin, settings } of asked)
    found.push(
      ...((await Promise.resolve()
        .then(() => plugin.diagnose?.(settings, x, host))
        .catch(() => undefined)) ?? []),
    )
  if (found.length > 0 && !found.some(finding => finding.code === IN_VAIN)) return found
  const owner = await otherOwner(config, webhook, item, x)
  if (owner === undefined) return found
  const cure = "Give the sender this webhook's own secret, or the URL of the other webhook."
  return [{ code: 'secret-of-another-webhook', message: `The credential is that of the webhook '${owner}'.`, cure }]
}

/** Another webhook whose secrets would have let the request in here. */
async function otherOwner(config: Config, webhook: Webhook, item: ChainItem, x: Exchange): Promise<string | undefined> {
  let asked = 0
  for (const other of config.webhooks.values()) {
    if (other.name === webhook.name || other.closed) continue
    for (const step of other.chain.flatMap(flattened)) {
      if (step.plugin !== item.plugin || asked++ > MOST_WEBHOOKS) continue
      for (const key of ['secrets', 'keys']) {
        const theirs = step.settings[key]
        if (!Array.isArray(theirs) || !Array.isArray(item.settings[key]) || JSON.stringify(theirs) === JSON.stringify(item.settings[key]))
          continue
        const settings = { ...item.settings, [key]: theirs }
        if (await passes(config, webhook, { plugin: item.plugin, settings }, x)) return other.name
      }
    }
  }
  return undefined
}

/** It is let in now; whether it was refused further on, a dry run tells. */
async function ofLater(
  base: Pick<Report, 'webhook' | 'request'>,
  { captured, notes }: Patient,
  client: AdminClient | undefined,
): Promise<Report> {
  const good: Report = {
    ...base,
    verdict: 'passes',
    step: null,
    code: null,
    reason: null,
    findings: [],
    ...(notes.length > 0 && { unknown: notes }),
  }
  if (!captured || !client || captured.code === 'UNAUTHORIZED') return good
  try {
    const path = `/requests/${encodeURIComponent(captured.id)}/replay`
    const { data } = await client.post<{ data: Report & { plugin: string | null; answer: { status: number; body: string } } }>(path, {
      dry: true,
    })
    if (data.code === null) return good
    return { ...base, verdict: 'refused', step: data.plugin, code: data.code, reason: data.reason, findings: [], answer: data.answer }
  } catch (error) {
    const unknown = [`What the chain makes of it now cannot be tried: ${(error as Error).message}`]
    const { plugin, code, reason, status } = captured
    return { ...base, verdict: 'refused', step: plugin, code, reason, findings: [], unknown, answer: { status, body: '' } }
  }
}

function cureOf(what: Unknown, { captured }: Patient, webhook: Webhook): string {
  const instead = captured ? 'give the request as it was sent with --fixture FILE' : 'write it into the fixture as it was sent'
  if (what.kind === 'header') return `The header ${what.name} is masked: ${instead}.`
  if (what.kind === 'query') return `Parts of the query are masked: ${instead}.`
  if (what.kind === 'path') return `The token in the path is masked: compare it with postern token list ${webhook.name}, or ${instead}.`
  if (what.kind === 'body-masked') return `Parts of the body are masked: ${instead}.`
  if (what.kind === 'store') return `Only the store knows whether its token is live: postern token list ${webhook.name} tells.`
  const size = captured?.size ?? 0
  return `Only the first ${webhook.capture.body} of the body's ${size} bytes are kept, so that no signature over it can be tried: raise capture.body of the webhook to ${Math.ceil(size / 1024)}KiB or more and have it sent again, or ${instead}.`
}

function lines(report: Report, { arrival, captured, newer }: Patient, steps: readonly Verdict[]): string[] {
  const { verdict, step, code, reason, findings, tried = [], unknown = [], answer } = report
  const came = moment(new Date(arrival.receivedAt).toISOString())
  const all = facts({
    request: captured ? `${captured.id}  ${came}  ${captured.method} ${captured.path}` : `${arrival.method} ${arrival.path}`,
    answered: captured && `${captured.status} ${captured.code ?? ''}`,
    steps: steps.length > 0 ? steps.map(({ item, said }) => `${item.plugin.name}: ${said}`).join(', ') : null,
    verdict: VERDICTS[verdict],
    step,
    code,
    reason,
    'would answer': answer && `${answer.status} ${answer.body}`,
  })
  for (const [i, { code, message, cure }] of findings.entries())
    all.push('', `${i + 1}. ${printable(message)} (${code})`, `   ${printable(cure)}`)
  if (findings.length === 0 && !answer && verdict !== 'passes') all.push('', nothing(report, captured?.reason))
  for (const text of [...tried, ...unknown]) all.push('', printable(text))
  if (newer) all.push('', `A later refusal is ${newer.id}: ${newer.status} ${newer.code ?? ''}. --request ${newer.id} looks at it.`)
  return all
}

function nothing({ step, reason, tried, unknown }: Report, then: string | null | undefined): string {
  if (tried) return 'No hypothesis matched.'
  if (unknown && reason !== null && reason === then) return `When it came, ${step} gave this reason, which its documentation explains.`
  if (step === null || reason === null) return 'Nothing that is known explains it.'
  return `No mistake that is known explains it: ${step} says '${reason}', so that the likeliest left is another credential than its settings have.`
}

const VERDICTS = {
  passes: 'the steps that decide who is let in let it in now',
  refused: 'refused',
  unknown: 'cannot be told',
  none: 'nothing to explain',
}
