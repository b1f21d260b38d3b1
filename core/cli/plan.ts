/** `postern plan`: what a change of the configuration means for senders, for security and for receivers. */
import process from 'node:process'
import type { Problem } from '../config/config.ts'
import { type Loaded, type LoadOptions, load } from '../config/load.ts'
import { formatPosition, formatProblem, showFile } from '../config/problem.ts'
import type { Change, Section, Severity, Side } from '../plan/change.ts'
import { compare } from '../plan/compare.ts'
import { printable } from '../printable.ts'
import { CommandFailure, EXIT, type Print } from './open.ts'

export interface PlanOptions extends LoadOptions {
  old: string
  new: string
  json: boolean
  /** Which changes end it with 1; left out, breaking ones and those of security. */
  failOn?: 'breaking' | 'security' | 'any'
}

/** Prints every change; returns the exit code. Variables that are not set here, and stored secrets, stand for themselves. */
export async function plan(options: PlanOptions, out: Print): Promise<number> {
  const old = await side('the old configuration', options.old, options)
  const lost = (problem: Problem) => isLost(problem, old)
  const now = await side('the new configuration', options.new, { ...options, tolerates: lost })
  const changes = compare({ old, new: now })
  const summary = { breaking: 0, security: 0, notice: 0 }
  for (const { severity } of changes) summary[severity]++
  if (options.json) out(JSON.stringify({ changes: changes.map(flat), summary }))
  else for (const line of lines(changes, summary)) out(line)
  return changes.some(({ severity }) => FAIL[options.failOn ?? 'worse'].includes(severity)) ? EXIT.failure : EXIT.good
}

const FAIL: Record<'worse' | NonNullable<PlanOptions['failOn']>, readonly Severity[]> = {
  worse: ['breaking', 'security'],
  breaking: ['breaking'],
  security: ['security'],
  any: ['breaking', 'security', 'notice'],
}

async function side(what: string, path: string, options: LoadOptions): Promise<Side> {
  const { config, problems, at }: Loaded = await load(path, { ...options, unsetStays: true })
  if (config) return { config, at }
  const faults = problems.filter(({ severity }) => severity === 'error')
  throw new CommandFailure(EXIT.config, [`${what} cannot be loaded:`, ...faults.map(formatProblem)].join('\n'))
}

/** A subscription names what the old configuration had: that is what a plan is there to tell. */
function isLost({ path, message }: Problem, { config }: Side): boolean {
  const [, kind, name = ''] = /names the (webhook|destination) '([^']+)', which is not declared/.exec(message) ?? []
  return path.startsWith('subscriptions') && kind !== undefined && config[kind === 'webhook' ? 'webhooks' : 'destinations'].has(name)
}

function flat({ at, section, name, severity, rule, path, message, from, to, cure, in: where }: Change) {
  const subject = { section, ...(name !== undefined && { name }), ...(section === 'webhooks' && { webhook: name }) }
  const values = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
  return { severity, rule, ...subject, path, message, ...values, cure, ...at, file: showFile(at.file), in: where }
}

const ONE: Record<Section, string> = { webhooks: 'webhook', subscriptions: 'subscription', destinations: 'destination', gateway: 'gateway' }

function* lines(changes: readonly Change[], summary: Record<Severity, number>): Generator<string> {
  if (!changes.length) return yield 'no changes'
  let last = ''
  for (const change of changes) {
    const { section, name, severity, rule, path, message, from, to, cure, at, in: where } = change
    const heading = `${ONE[section]}${name === undefined ? '' : ` ${name}`}`
    if (heading !== last) yield `${last && '\n'}${painted(heading, '1')}`
    last = heading
    yield `  ${painted(severity, COLOUR[severity])} ${rule}  ${painted(`${formatPosition(at)}${where === 'old' ? ' (old)' : ''}`, '2')}`
    yield `    ${path}: ${printable(message)}`
    if (from !== undefined || to !== undefined) yield `    ${printable(from ?? 'left out')} → ${printable(to ?? 'left out')}`
    yield `    ${painted(printable(cure), '2')}`
  }
  yield `\n${summary.breaking} breaking, ${summary.security} security, ${summary.notice} ${summary.notice === 1 ? 'notice' : 'notices'}`
}

const COLOUR: Record<Severity, string> = { breaking: '31', security: '35', notice: '36' }

/** Only on a terminal that wants it. */
function painted(text: string, colour: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? `\u001b[${colour}m${text}\u001b[0m` : text
}
