/** `postern test`: whole-chain cases written in YAML, on the real gateway and an embedded store. */
import { writeFileSync } from 'node:fs'
import process from 'node:process'
import type { Case } from '../cases/case.ts'
import { findCaseFiles } from '../cases/find.ts'
import { prepare } from '../cases/prepare.ts'
import { readCaseFile } from '../cases/read.ts'
import { junit, painter, resultJson, resultLines, summary } from '../cases/report.ts'
import { type Result, runCase } from '../cases/run.ts'
import { openStage } from '../cases/stage.ts'
import type { LoadOptions } from '../config/load.ts'
import { formatProblem, Problems } from '../config/problem.ts'
import { CommandFailure, EXIT, type Print } from './open.ts'

export interface TestOptions extends Omit<LoadOptions, 'env'> {
  /** Files and folders. */
  paths: readonly string[]
  /** Only cases whose name has this in it. */
  filter?: string
  json: boolean
  /** File for JUnit XML. */
  junit?: string
}

/** Runs the cases and tells how each ended; returns the exit code. */
export async function test(options: TestOptions, out: Print): Promise<number> {
  const start = performance.now()
  const { builtins, importPlugin, json } = options
  const problems = new Problems()
  const { files, missing } = findCaseFiles(options.paths)
  if (missing.length > 0) throw new CommandFailure(EXIT.usage, `there is no file or folder ${missing.join(', ')}`)
  const all = files.flatMap(file => readCaseFile(file, problems))
  const bad = problems.sorted().map(formatProblem)
  if (bad.length === 0 && all.length === 0)
    throw new CommandFailure(
      EXIT.usage,
      `there are no cases in ${options.paths.join(', ')}: a case file is YAML with cases: [ … ] at its top`,
    )
  const chosen = bad.length === 0 ? choose(all, options.filter) : []
  const later = new Problems()
  const { ready, bad: worse } = await prepare(
    chosen.filter(one => one.skip === undefined),
    { builtins, importPlugin },
    later,
  )
  const faults = [...bad, ...worse, ...later.sorted().map(formatProblem)]
  if (faults.length > 0) {
    if (!json) throw new CommandFailure(EXIT.config, faults.join('\n'))
    out(JSON.stringify({ cases: [], problems: faults }))
    return EXIT.config
  }

  const paint = painter(!json && process.stdout.isTTY === true && !process.env.NO_COLOR)
  const results: Result[] = []
  const tell = (result: Result) => {
    results.push(result)
    if (!json) for (const line of resultLines(result, paint)) out(line)
  }
  const stage = ready.length > 0 ? await openStage() : undefined
  try {
    for (const one of chosen) {
      const prepared = ready.find(candidate => candidate.of === one)
      if (prepared && stage) tell(await runCase(stage, prepared))
      else tell({ name: one.name, at: one.at, ok: true, status: null, failures: [], notes: [], skipped: one.skip ?? '', ms: 0 })
    }
  } finally {
    await stage?.close()
  }
  const ms = performance.now() - start
  if (json) out(JSON.stringify({ cases: results.map(resultJson) }))
  else out(summary(results, ms, paint))
  if (options.junit !== undefined) write(options.junit, junit(results, ms))
  return results.every(result => result.ok) ? EXIT.good : EXIT.failure
}

/** Those that are to be told of; with `only` somewhere, the others are left out, and so are those that the filter does not find. */
function choose(cases: readonly Case[], filter: string | undefined): Case[] {
  const only = cases.some(one => one.only)
  const wanted = filter?.toLowerCase() ?? ''
  const chosen = cases.filter(one => (!only || one.only) && one.name.toLowerCase().includes(wanted))
  if (chosen.length === 0) throw new CommandFailure(EXIT.usage, `no case has '${filter}' in its name: there are ${cases.length}`)
  return chosen
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new CommandFailure(EXIT.failure, `the report cannot be written: ${error instanceof Error ? error.message : error}`)
  }
}
