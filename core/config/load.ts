/** A file or a folder to a checked configuration, with every problem at once. */
import { dirname, resolve } from 'node:path'
import type { AnyPlugin } from '../plugin.ts'
import type { Config, Problem } from './config.ts'
import { decode, type FoundSecret } from './decode.ts'
import { readDialects } from './dialect.ts'
import { readEntities } from './entity.ts'
import { interpolate } from './interpolate.ts'
import { merge } from './merge.ts'
import { type MapNode, type Node, positionOf, reach } from './node.ts'
import { parse } from './parse.ts'
import { type Path, Problems } from './problem.ts'
import { gather } from './registry.ts'
import { File, type Sections } from './schema.ts'
import { listFiles, readText } from './source.ts'
import { checkSubscriptions } from './subscription.ts'
import { readWebhooks } from './webhook.ts'

export interface LoadOptions {
  env: Record<string, string | undefined>
  builtins: readonly AnyPlugin[]
  /** Imports a plugin named under `plugins:`; a relative name is relative to the file that names it. */
  importPlugin: (specifier: string, fromFile: string) => Promise<AnyPlugin>
}

export interface Loaded {
  /** Undefined when any problem is an error. */
  config?: Config
  problems: Problem[]
}

/** Reads, checks and completes the configuration at a path. Never throws for what is in the files. */
export async function load(path: string, options: LoadOptions): Promise<Loaded> {
  const problems = new Problems()
  const files = listFiles(path, problems)
  const { roots, complete } = readRoots(files, options.env, problems)
  const config = roots.length ? await assemble(roots, files, complete, options, problems) : undefined
  const sorted = problems.sorted()
  return { ...(config && !sorted.some(p => p.severity === 'error') && { config }), problems: sorted }
}

/** `complete` is false when a file could not be had: what others name may stand in it. */
function readRoots(files: readonly string[], env: LoadOptions['env'], problems: Problems): { roots: MapNode[]; complete: boolean } {
  const roots: MapNode[] = []
  let complete = true
  for (const file of files) {
    const start = { file, line: 1, column: 1 }
    const read = readText(file)
    if ('fault' in read) problems.error(start, [], read.fault)
    const before = problems.count
    const parsed = 'text' in read ? parse(file, read.text, problems) : undefined
    ...
  }
}
