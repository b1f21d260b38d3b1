/** `postern token create|list|rotate|revoke`: the URL tokens of `auth-url-token`. */
import type { Config, Webhook } from '../config/config.ts'
import type { LoadOptions } from '../config/load.ts'
import { didYouMean } from '../config/problem.ts'
import { parseDuration } from '../settings.ts'
import { writeAudit } from '../store/audit.ts'
import type { Database } from '../store/database.ts'
import { borrowDatabase, migrateDatabase } from '../store/store.ts'
import { createToken, listTokens, revokeToken, rotateToken, type TokenInfo } from '../store/tokens.ts'
import { CommandFailure, EXIT, openConfig, type Print } from './open.ts'
import { parseOverlap } from './secret.ts'

type Common = { config: string; json: boolean } & LoadOptions

export async function tokenCreate(options: Common & { webhook: string; label?: string; expires?: string }, out: Print): Promise<number> {
  const life = lifeOf(options.expires)
  return withStore(options, async (config, db) => {
    const webhook = config.webhooks.get(options.webhook)
    if (!webhook) throw unknown(options.webhook, options.config, config)
    if (!webhook.path.includes('{token}')) {
      throw new CommandFailure(
        EXIT.failure,
        `the path of '${webhook.name}', ${webhook.path}, has no {token}: write one into it, and auth-url-token into its chain`,
      )
    }
    const now = Date.now()
    const { id, token } = await createToken(db, webhook.name, {
      now,
      ...(options.label && { label: options.label }),
      ...(life && { expiresAt: now + life }),
    })
    await writeAudit(db, { actor: 'cli', action: 'token.create', target: id, details: { webhook: webhook.name }, now })
    const url = urlOf(config, webhook, token)
    if (options.json) out(JSON.stringify({ id, token, url, webhook: webhook.name }))
    else for (const line of shownOnce(id, token, url)) out(line)
    return EXIT.good
  })
}

export async function tokenRotate(options: Common & { id: string; overlap: string; expires?: string }, out: Print): Promise<number> {
  const overlap = parseOverlap(options.overlap)
  const life = lifeOf(options.expires)
  return withStore(options, async (config, db) => {
    const old = (await listTokens(db)).find(token => token.id === options.id)
    const webhook = old && config.webhooks.get(old.webhook)
    if (old && !webhook) throw unknown(old.webhook, options.config, config)
    const now = Date.now()
    const made = await rotateToken(db, options.id, { now, endOld: now + overlap, ...(life && { expiresAt: now + life }) })
    if (!made || !webhook) throw noLive(options.id)
    const { id, token } = made
    const url = urlOf(config, webhook, token)
    const ended = new Date(made.ended).toISOString()
    const details = { webhook: webhook.name, by: id, ended }
    await writeAudit(db, { actor: 'cli', action: 'token.rotate', target: options.id, details, now })
    if (options.json) out(JSON.stringify({ id, token, url, webhook: webhook.name, old: { id: old.id, expires_at: ended } }))
    else for (const line of [...shownOnce(id, token, url), `The old one, ${old.id}, ends ${day(ended)}.`]) out(line)
    return EXIT.good
  })
}

export function tokenList(options: Common & { webhook?: string }, out: Print): Promise<number> {
  return withStore(options, async (config, db) => {
    const tokens = await listTokens(db, options.webhook)
    // One that is no longer in the files may have tokens still.
    if (tokens.length === 0 && options.webhook && !config.webhooks.has(options.webhook))
      throw unknown(options.webhook, options.config, config)
    if (options.json) out(JSON.stringify({ data: tokens }))
    else if (tokens.length === 0) out('no tokens')
    else for (const token of tokens) out(lineOf(token))
    return EXIT.good
  })
}

export function tokenRevoke(options: Common & { id: string }, out: Print): Promise<number> {
  return withStore(options, async (_config, db) => {
    const now = Date.now()
    if (!(await revokeToken(db, options.id, now))) throw noLive(options.id)
    await writeAudit(db, { actor: 'cli', action: 'token.revoke', target: options.id, now })
    out(
      options.json ? JSON.stringify({ ok: true, id: options.id }) : `revoked ${options.id}; running gateways refuse it within two seconds`,
    )
    return EXIT.good
  })
}

const shownOnce = (id: string, token: string, url: string) => [
  `token  ${token}`,
  `url    ${url}`,
  `id     ${id}`,
  '',
  'It is shown this once; the store keeps its hash alone.',
]

function urlOf(config: Config, webhook: Webhook, token: string): string {
  return (config.server.publicUrl ?? `http://localhost:${config.server.port}`) + webhook.path.replace('{token}', token)
}

/** Milliseconds; undefined: for ever. */
function lifeOf(expires: string | undefined): number | undefined {
  const life = expires === undefined ? undefined : parseDuration(expires)
  if (expires !== undefined && !life) throw new CommandFailure(EXIT.usage, `--expires takes a time such as 30d or 12h, not '${expires}'`)
  return life
}

const noLive = (id: string) => new CommandFailure(EXIT.failure, `there is no live token with the id '${id}'`)

function unknown(webhook: string, path: string, config: Config): CommandFailure {
  return new CommandFailure(EXIT.failure, `there is no webhook '${webhook}' in ${path}${didYouMean(webhook, config.webhooks.keys())}`)
}

async function withStore(options: Common, work: (config: Config, db: Database) => Promise<number>): Promise<number> {
  const config = await openConfig(options.config, options, () => {})
  const db = await borrowDatabase(config.store.url)
  try {
    await migrateDatabase(db, 0)
    return await work(config, db)
  } finally {
    await db.close()
  }
}

function lineOf(token: TokenInfo): string {
  const state = token.revoked_at ? `revoked ${day(token.revoked_at)}` : token.expires_at ? `until ${day(token.expires_at)}` : 'live'
  const used = token.last_used_at ? `used ${day(token.last_used_at)}` : 'never used'
  return [token.id, token.webhook, `made ${day(token.created_at)}`, state, used, token.label ?? ''].join('  ').trimEnd()
}

const day = (time: string | Date) => new Date(time).toISOString().slice(0, 16).replace('T', ' ')
