/** `postern secret set|list|rotate|rm|rekey`: the stored secrets of `${secret:NAME}`. */
import type { Config } from '../config/config.ts'
import type { LoadOptions } from '../config/load.ts'
import { didYouMean } from '../config/problem.ts'
import { isSecretName, SECRET_NAME } from '../config/vault.ts'
import { parseDuration } from '../settings.ts'
import { writeAudit } from '../store/audit.ts'
import { type Database, StoreUnavailable } from '../store/database.ts'
import type { MasterKey } from '../store/seal.ts'
import { listSecrets, rekeySecrets, removeSecret, type SecretInfo, setSecret } from '../store/secrets.ts'
import { borrowDatabase, migrateDatabase, openDatabase } from '../store/store.ts'
import { findMasterKey, NO_MASTER_KEY, parseMasterKey } from './masterKey.ts'
import { CommandFailure, EXIT, openConfig, type Print } from './open.ts'
import { readValue } from './readValue.ts'

type Common = { config: string; json: boolean } & LoadOptions

const SOON = 'running gateways take it up within three seconds'

export function secretSet(options: Common & { name: string }, out: Print): Promise<number> {
  const name = checked(options.name)
  return withStore(options, async (config, db) => {
    const key = keyOf(config, options)
    const value = await readValue(`Value of ${name}`)
    const now = Date.now()
    const { version } = await setSecret(db, key, name, value, { now })
    await writeAudit(db, { actor: 'cli', action: 'secret.set', target: name, details: { version }, now })
    const earlier = version > 1 ? '; earlier versions stay live until they are rotated or removed' : ''
    out(options.json ? JSON.stringify({ ok: true, name, version }) : `stored ${name}, version ${version}: ${SOON}${earlier}`)
    return EXIT.good
  })
}

export function secretRotate(options: Common & { name: string; overlap: string }, out: Print): Promise<number> {
  const name = checked(options.name)
  const overlap = parseOverlap(options.overlap)
  return withStore(options, async (config, db) => {
    const key = keyOf(config, options)
    await mustExist(db, name)
    const value = await readValue(`New value of ${name}`)
    const now = Date.now()
    const { version, ended } = await setSecret(db, key, name, value, { now, endOthers: now + overlap })
    const until = new Date(now + overlap).toISOString()
    await writeAudit(db, { actor: 'cli', action: 'secret.rotate', target: name, details: { version, ended, until }, now })
    if (options.json) out(JSON.stringify({ ok: true, name, version, ended: ended.map(v => ({ version: v, not_after: until })) }))
    else {
      out(`stored ${name}, version ${version}: ${SOON}`)
      if (ended.length > 0) out(`version${ended.length > 1 ? 's' : ''} ${ended.join(', ')} end${ended.length > 1 ? '' : 's'} ${day(until)}`)
    }
    return EXIT.good
  })
}

export function secretList(options: Common, out: Print): Promise<number> {
  return withStore(options, async (_config, db) => {
    const secrets = await listSecrets(db)
    if (options.json) out(JSON.stringify({ data: secrets }))
    else if (secrets.length === 0) out('no secrets')
    else for (const secret of secrets) out(lineOf(secret))
    return EXIT.good
  })
}

export function secretRemove(options: Common & { name: string; version?: string }, out: Print): Promise<number> {
  const name = checked(options.name)
  const version = options.version === undefined ? undefined : Number(options.version)
  if (version !== undefined && (!Number.isInteger(version) || version < 1 || version > 2 ** 31 - 1))
    throw new CommandFailure(EXIT.usage, '--version takes a whole number, from list')
  return withStore(options, async (config, db) => {
    const versions = await removeSecret(db, name, version)
    if (versions.length === 0) {
      await mustExist(db, name)
      throw new CommandFailure(EXIT.failure, `'${name}' has no version ${version}: \`postern secret list\` shows those that there are`)
    }
    const now = Date.now()
    await writeAudit(db, { actor: 'cli', action: 'secret.remove', target: name, details: { versions }, now })
    const left = (await listSecrets(db)).some(s => s.name === name && (s.not_after === null || timeOf(s.not_after) > now))
    const orphans = !left && config.secretNames.includes(name)
    if (options.json) out(JSON.stringify({ ok: true, name, versions, live: left }))
    else {
      out(
        `removed ${name}, version${versions.length > 1 ? 's' : ''} ${versions.join(', ')}: running gateways forget it within three seconds`,
      )
      if (orphans)
        out(`the configuration names it still: what uses it is closed, and a gateway that starts is refused, until it is stored anew`)
    }
    return EXIT.good
  })
}

export function secretRekey(options: Common, out: Print): Promise<number> {
  return withStore(
    options,
    async (config, db) => {
      const from = keyOf(config, options)
      const to = parseMasterKey(await readValue('New master key'), 'the new master key')
      if (to.id === from.id) throw new CommandFailure(EXIT.usage, 'the new master key is the present one: nothing was changed')
      const secrets = await rekeySecrets(db, from, to)
      await writeAudit(db, { actor: 'cli', action: 'secret.rekey', target: to.id, details: { from: from.id }, now: Date.now() })
      if (options.json) out(JSON.stringify({ ok: true, versions: secrets, key: to.id }))
      else out(`${secrets} version${secrets === 1 ? '' : 's'} encrypted anew: start every gateway again, with the new master key`)
      return EXIT.good
    },
    openAlone,
  )
}

/** Rekeying is one transaction, which the door of a running gateway does not offer. */
async function openAlone(url: string): Promise<Database> {
  try {
    return await openDatabase(url)
  } catch (error) {
    if (!(error instanceof StoreUnavailable) || !url.startsWith('pglite:')) throw error
    throw new CommandFailure(EXIT.unavailable, `${error.message}. To rekey an embedded store, its gateway must be stopped`)
  }
}

/** A time in which what is old stays good beside what is new. */
export function parseOverlap(text: string): number {
  const overlap = parseDuration(text)
  if (overlap === undefined) throw new CommandFailure(EXIT.usage, '--overlap takes a time such as 24h or 30m, or 0s for none')
  return overlap
}

/** A name that is none may be a value in the wrong place: it is not repeated. */
function checked(name: string): string {
  if (!isSecretName(name)) throw new CommandFailure(EXIT.usage, `this is no name of a secret: write ${SECRET_NAME}`)
  return name
}

function keyOf(config: Config, options: Common): MasterKey {
  const key = findMasterKey(config, options.env)
  if (!key) throw new CommandFailure(EXIT.config, NO_MASTER_KEY)
  return key
}

async function mustExist(db: Database, name: string): Promise<void> {
  const names = new Set((await listSecrets(db)).map(secret => secret.name))
  const near = didYouMean(name, names)
  if (!names.has(name))
    throw new CommandFailure(
      EXIT.failure,
      `there is no secret '${name}'${near ? `${near} Or` : ':'} store it with \`postern secret set ${name}\``,
    )
}

async function withStore(
  options: Common,
  work: (config: Config, db: Database) => Promise<number>,
  open: (url: string) => Promise<Database> = borrowDatabase,
): Promise<number> {
  const config = await openConfig(options.config, options, () => {})
  const db = await open(config.store.url)
  try {
    await migrateDatabase(db, 0)
    return await work(config, db)
  } finally {
    await db.close()
  }
}

function lineOf({ name, version, created_at, not_after, last_used_at }: SecretInfo): string {
  const over = not_after !== null && timeOf(not_after) <= Date.now()
  const state = not_after === null ? 'live' : `${over ? 'ended' : 'until'} ${day(not_after)}`
  return [name, `version ${version}`, `made ${day(created_at)}`, state, last_used_at ? `used ${day(last_used_at)}` : 'never used'].join(
    '  ',
  )
}

/** The drivers give a Date, the door of a gateway its text. */
const timeOf = (time: string | Date) => new Date(time).getTime()
const day = (time: string | Date) => new Date(time).toISOString().slice(0, 16).replace('T', ' ')
