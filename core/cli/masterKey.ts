/** The master key of the stored secrets: from the configuration, from the environment, or from a file that the environment names. */
import type { Config } from '../config/config.ts'
import { faultOf } from '../config/format.ts'
import { readText } from '../config/source.ts'
import { type MasterKey, masterKey } from '../store/seal.ts'
import { CommandFailure, EXIT } from './open.ts'

const MAKE = '32 bytes in base64, such as `openssl rand -base64 32` prints'

/** Why nothing can be sealed or opened, and what to do. */
export const NO_MASTER_KEY = `there is no master key: set POSTERN_MASTER_KEY, or secrets.masterKey, to ${MAKE}, or POSTERN_MASTER_KEY_FILE to a file of it`

/** Undefined when none is given; one that is no key ends the command. */
export function findMasterKey(config: Config, env: Record<string, string | undefined>): MasterKey | undefined {
  if (config.secrets.masterKey) return masterKey(config.secrets.masterKey)
  if (env.POSTERN_MASTER_KEY) return parseMasterKey(env.POSTERN_MASTER_KEY, 'POSTERN_MASTER_KEY')
  const file = env.POSTERN_MASTER_KEY_FILE
  if (!file) return undefined
  const read = readText(file)
  if ('fault' in read) throw new CommandFailure(EXIT.config, `the file ${file} of POSTERN_MASTER_KEY_FILE ${read.fault}`)
  return parseMasterKey(read.text.trim(), `the file ${file} of POSTERN_MASTER_KEY_FILE`)
}

/** The key of a text from `where`, which is never shown. */
export function parseMasterKey(text: string, where: string): MasterKey {
  if (text === '' || faultOf('master-key', text)) throw new CommandFailure(EXIT.config, `${where} must be ${MAKE}`)
  return masterKey(text)
}
