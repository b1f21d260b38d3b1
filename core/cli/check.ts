/** `postern check`: every problem of a configuration, and whether it can be used. */
import { type LoadOptions, load } from '../config/load.ts'
import { formatProblem, showFile } from '../config/problem.ts'

/** Exit code of a configuration that cannot be used. */
const BAD_CONFIGURATION = 78

/** Prints the problems and the sum; returns the exit code. */
export async function check(
  options: { config: string; strict: boolean; json: boolean } & LoadOptions,
  out: (line: string) => void,
): Promise<number> {
  const { config, problems } = await load(options.config, options)
  const errors = problems.filter(problem => problem.severity === 'error').length
  const warnings = problems.length - errors
  const ok = config !== undefined && !(options.strict && warnings)
  if (options.json) {
    const flat = problems.map(({ severity, at, path, message }) => ({ severity, ...at, file: showFile(at.file), path, message }))
    out(JSON.stringify({ ok, problems: flat }))
  } else {
    for (const problem of problems) out(formatProblem(problem))
    if (problems.length) out(`${count(errors, 'error')}, ${count(warnings, 'warning')}`)
    if (ok)
      out(
        `config is good: ${count(config.webhooks.size, 'webhook')}, ${count(config.entities.size, 'entity')}, ${count(config.dialects.size - 1, 'dialect')}`,
      )
  }
  return ok ? 0 : BAD_CONFIGURATION
}

function count(n: number, thing: string): string {
  return `${n} ${n === 1 ? thing : `${thing}s`.replace(/ys$/, 'ies')}`
}
