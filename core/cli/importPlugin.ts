/** Imports a plugin that the configuration names. */
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
  const { default: made } = await import(locate(specifier, fromFile))
  return typeof made === 'function' ? made(contract) : made
}

function locate(specifier: string, fromFile: string): string {
  if (specifier.startsWith('.') || isAbsolute(specifier)) return pathToFileURL(resolve(dirname(fromFile), specifier)).href
  try {
    return pathToFileURL(createRequire(resolve(fromFile)).resolve(specifier)).href
  } catch {
    return specifier // a package of the gateway's own
  }
}
