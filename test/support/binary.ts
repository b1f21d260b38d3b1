/** Finds the programs of a server on this machine, or has Debian install them. */
import { execFile } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'

/** A server that this machine does not have and cannot get: its tests are skipped by name. */
export class Unavailable extends Error {}

/** Path of the first of `names` on PATH or in `folders`; as root on Debian, `debianPackage` is installed when there is none. */
export async function binary(names: readonly string[], folders: () => readonly string[], debianPackage: string): Promise<string> {
  const found = find(names, folders())
  if (found) return found
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) throw new Unavailable(`${names.join(' or ')} not found`)
  await install(debianPackage)
  const installed = find(names, folders())
  if (!installed) throw new Unavailable(`${names.join(' or ')} not found, although ${debianPackage} was installed`)
  return installed
}

function find(names: readonly string[], folders: readonly string[]): string | undefined {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...folders])
    for (const name of names) if (existsSync(join(folder, name))) return join(folder, name)
  return undefined
}

/** Another program of the same package. Follows links only here: some programs tell by their name what to be. */
export function beside(program: string, name: string): string {
  return join(dirname(realpathSync(program)), name)
}

const run = promisify(execFile)
const policy = '/usr/sbin/policy-rc.d'

async function install(debianPackage: string): Promise<void> {
  // Debian starts a service as it installs it, unless this file says no.
  const ours = !existsSync(policy)
  if (ours) await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args: string[]) => run('apt-get', ['-y', '-qq', '-o', 'DPkg::Lock::Timeout=120', ...args], { env, timeout: 300_000 })
  try {
    await apt('install', '--no-install-recommends', debianPackage).catch(async () => {
      await apt('update')
      await apt('install', '--no-install-recommends', debianPackage)
    })
  } catch (e) {
    throw new Unavailable(`apt-get install ${debianPackage} failed: ${(e as Error).message.trim()}`)
  } finally {
    if (ours) await rm(policy, { force: true })
  }
}
