/** Imports a plugin that the configuration names. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Extension } from '../config/registry.ts'
import * as contract from '../plugin.ts'

/**
 * The default export is a plugin, or a function that makes one of the contract: `({ definePlugin, Type }) => definePlugin({…})`,
 * so that a file outside of any package needs no import at all.
 */
export async function importPlugin(specifier: string, fromFile: string): Promise<Extension> {
  const { default: made } = await read(specifier, fromFile)
  return typeof made === 'function' ? made(contract) : made
}

/** The runtimes' own words for what is not there name files of the gateway, and not the folder that counts. */
async function read(specifier: string, fromFile: string): Promise<{ default: any }> {
  const folder = dirname(resolve(fromFile))
  if (specifier.startsWith('.') || isAbsolute(specifier)) {
    const file = resolve(folder, specifier)
    if (!existsSync(file)) throw new Error(`there is no file ${specifier}${isAbsolute(specifier) ? '' : ` in ${folder}`}`)
    return import(pathToFileURL(file).href)
  }
  const found = resolved(specifier, fromFile)
  if (found !== undefined) return import(found)
  try {
    return await import(specifier) // a package of the gateway's own
  } catch (error) {
    if (!String((error as Error)?.message).includes(specifier)) throw error
    const file = /\.[cm]?[jt]s$/.test(specifier) ? `; for a file write ./${specifier}` : ''
    throw new Error(`there is no package ${specifier}: install it in ${folder}${file}`)
  }
}

function resolved(specifier: string, fromFile: string): string | undefined {
  try {
    return pathToFileURL(createRequire(resolve(fromFile)).resolve(specifier)).href
  } catch {
    return undefined
  }
}
