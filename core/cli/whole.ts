/** A configuration with the values of its stored secrets, for commands that sign or verify as the gateway and its senders do. */
import type { Config, Webhook } from '../config/config.ts'
import type { LoadOptions } from '../config/load.ts'
import { didYouMean } from '../config/problem.ts'
import { openSecrets } from '../store/secrets.ts'
import { borrowDatabase } from '../store/store.ts'
import { findMasterKey, NO_MASTER_KEY } from './masterKey.ts'
import { CommandFailure, EXIT, openConfig } from './open.ts'

/** The store is opened only where the configuration names a stored secret. */
export async function openWhole(path: string, options: LoadOptions): Promise<Config> {
  const early = await openConfig(path, options, () => {})
  if (early.secretNames.length === 0) return early
  const key = findMasterKey(early, options.env)
  if (!key) throw new CommandFailure(EXIT.config, `the configuration names stored secrets, and ${NO_MASTER_KEY}`)
  const db = await borrowDatabase(early.store.url)
  try {
    const secrets = new Map<string, string[]>()
    for (const { name, value } of await openSecrets(db, key, Date.now())) secrets.set(name, [...(secrets.get(name) ?? []), value])
    return await openConfig(path, { ...options, secrets }, () => {})
  } finally {
    await db.close()
  }
}

/** The webhook of that name, or the end of the command. */
export function webhookNamed(config: Config, name: string, path: string): Webhook {
  const webhook = config.webhooks.get(name)
  if (webhook) return webhook
  const near = didYouMean(name, config.webhooks.keys()) || `; there are ${[...config.webhooks.keys()].join(', ') || 'none'}`
  throw new CommandFailure(EXIT.usage, `there is no webhook '${name}' in ${path}${near}`)
}
