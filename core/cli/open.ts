/** What several commands begin with: a good configuration, or its problems and the exit code. */
import type { Config, Problem } from '../config/config.ts'
import { type LoadOptions, load } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import { NotCompiled } from '../request/notCompiled.ts'
import { StoreUnavailable } from '../store/database.ts'
import { SecretsSealed } from '../store/secrets.ts'

export type Print = (line: string) => void

/** Exit codes of the command line. */
export const EXIT = { good: 0, failure: 1, usage: 2, unavailable: 69, crash: 70, config: 78 } as const

/** A command's end with a sentence for the operator. */
export class CommandFailure extends Error {
  readonly exitCode: number
  constructor(exitCode: number, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}

/** The checked configuration; warnings go to `warn`, and errors end the command. */
export async function openConfig(path: string, options: LoadOptions, warn: Print): Promise<Config> {
  const { config, problems } = await load(path, options)
  const lines = (severity: Problem['severity']) => problems.filter(problem => problem.severity === severity).map(formatProblem)
  // Apart from the errors: a start with stored secrets reads everything twice, and tells a warning once.
  for (const line of lines('warning')) warn(line)
  if (!config) throw new CommandFailure(EXIT.config, lines('error').join('\n'))
  return config
}

/** The code and text of whatever ended a command. */
export function endOf(error: unknown): { exitCode: number; message: string } {
  if (error instanceof CommandFailure) return error
  if (error instanceof SecretsSealed) return { exitCode: EXIT.config, message: error.message }
  if (error instanceof NotCompiled) return { exitCode: EXIT.config, message: error.message }
  if (error instanceof StoreUnavailable) return { exitCode: EXIT.unavailable, message: error.message }
  return { exitCode: EXIT.failure, message: error instanceof Error ? error.message : String(error) }
}
