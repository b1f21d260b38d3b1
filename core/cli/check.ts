/** `postern check`: every problem of a configuration, and whether it can be used. */
import type { Config, Problem } from '../config/config.ts'
import { type Hint, lint } from '../config/lint.ts'
import { type LoadOptions, load } from '../config/load.ts'
import { formatProblem, ordered, showFile } from '../config/problem.ts'
import { dependentLines, findDependents } from './dependents.ts'
import { CommandFailure, EXIT } from './open.ts'

export interface CheckOptions extends LoadOptions {
  config: string
  /** Warnings fail, too, and so do hints, which are told only then. */
  strict: boolean
  json: boolean
  /** Also tell what depends on what; on `name` alone when there is one. */
  dependents?: boolean
  name?: string
}

/** Prints the problems and the sum, or what depends on what; returns the exit code. */
export async function check(options: CheckOptions, out: (line: string) => void): Promise<number> {
  if (options.name !== undefined && !options.dependents)
    throw new CommandFailure(EXIT.usage, `'${options.name}' is a word too many: a file goes after --config`)
  const { config, problems: found } = await load(options.config, options)
  const hints = config ? lint(config) : []
  const problems = options.strict ? ordered([...found, ...hints]) : found
  const errors = problems.filter(problem => problem.severity === 'error').length
  const warnings = problems.length - errors
  const ok = config !== undefined && !(options.strict && warnings)
  if (ok && options.dependents) {
    const tree = findDependents(config, options.name)
    if (typeof tree === 'string') throw new CommandFailure(EXIT.usage, tree)
    for (const line of options.json ? [JSON.stringify({ dependents: tree })] : dependentLines(tree)) out(line)
    return EXIT.good
  }
  if (options.json) {
    const flat = problems.map(problem => {
      const { severity, at, path, message } = problem
      return { severity, ...at, file: showFile(at.file), path, message, ...(isHint(problem) && { rule: problem.rule }) }
    })
    out(JSON.stringify({ ok, problems: flat, ...(!options.strict && hints.length > 0 && { hints: hints.length }) }))
  } else {
    for (const problem of problems) out(`${formatProblem(problem)}${isHint(problem) ? ` (${problem.rule})` : ''}`)
    if (problems.length) out(`${count(errors, 'error')}, ${count(warnings, 'warning')}`)
    if (ok) out(`config is good: ${sum(config)}`)
    if (ok && !options.strict && hints.length) out(`${count(hints.length, 'hint')} with --strict`)
  }
  return ok ? EXIT.good : EXIT.config
}

const isHint = (problem: Problem): problem is Hint => 'rule' in problem

function count(n: number, thing: string): string {
  return `${n} ${n === 1 ? thing : `${thing}s`.replace(/ys$/, 'ies')}`
}

/** What there is; of events on their way out only where there are any. */
function sum({ webhooks, entities, dialects, subscriptions, destinations }: Config): string {
  const outgoing = [count(subscriptions.size, 'subscription'), count(destinations.size, 'destination')]
  const parts = [count(webhooks.size, 'webhook'), count(entities.size, 'entity'), count(dialects.size - 1, 'dialect')]
  return [...parts, ...(subscriptions.size + destinations.size > 0 ? outgoing : [])].join(', ')
}
