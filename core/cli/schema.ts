/** `postern schema`: the editor schema and the configuration reference, printed or written. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { configJsonSchema } from '../config/jsonSchema.ts'
import { configReference } from '../config/reference.ts'
import type { Extension } from '../config/registry.ts'

export interface SchemaOptions {
  builtins: readonly Extension[]
  /** Write both files instead of printing one. */
  write?: boolean
  /** Compare both files with what would be written. */
  check?: boolean
  format: 'json' | 'markdown'
}

/** Prints, writes or compares; returns the exit code, 1 when a written file is stale. */
export async function schema(options: SchemaOptions, out: (line: string) => void): Promise<number> {
  const json = JSON.stringify(configJsonSchema(options.builtins), null, 2)
  const markdown = configReference(options.builtins).trimEnd()
  if (!options.write && !options.check) {
    out(options.format === 'json' ? json : markdown)
    return 0
  }
  let stale = 0
  for (const [file, text] of [
    ['config/postern.schema.json', `${json}\n`],
    ['config/reference.md', `${markdown}\n`],
  ] as const) {
    if (options.check) {
      if ((await readFile(file, 'utf8').catch(() => '')) === text) continue
      out(`${file} is stale: run postern schema --write`)
      stale++
    } else {
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, text)
      out(`wrote ${file}`)
    }
  }
  return stale ? 1 : 0
}
