/** URL tokens: made once, shown once, kept as hashes. */
import { createHash, randomBytes } from 'node:crypto'
import { type Tx, Unavailable } from '../plugin.ts'
import { ulid } from '../ulid.ts'

export interface TokenInfo {
  id: string
  webhook: string
  label: string | null
  created_at: string
  expires_at: string | null
  revoked_at: string | null
  last_used_at: string | null
}

export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex')

/** Makes a token of a webhook; `wh_`, its public id and 160 bits of chance. It cannot be shown again. */
export async function createToken(
  db: Tx,
  webhook: string,
  options: { now: number; label?: string; expiresAt?: number },
): Promise<{ id: string; token: string }> {
  const { id, token, hash } = mint(options.now)
  await db.query(
    `insert into tokens (id, hash, webhook, label, created_at, expires_at) values ($1, $2, $3, $4, to_timestamp($5), to_timestamp($6))`,
    [id, hash, webhook, options.label ?? null, options.now / 1000, options.expiresAt === undefined ? null : options.expiresAt / 1000],
  )
  return { id, token }
}

function mint(now: number): { id: string; token: string; hash: string } {
  const id = ulid(now)
  const token = `wh_${id}${randomBytes(20).toString('hex')}`
  return { id, token, hash: hashToken(token) }
}

/** Tokens of one webhook, or of all, newest first. */
export function listTokens(db: Tx, webhook?: string): Promise<TokenInfo[]> {
  return db.query<TokenInfo>(
    `select id, webhook, label, created_at, expires_at, revoked_at, last_used_at from tokens
     where $1::text is null or webhook = $1 order by id desc`,
    [webhook ?? null],
  )
}

/**
 * Makes a token for the webhook and label of a live one, which ends at `endOld` where it would not have ended before. Undefined when
 * there is no live token of that id.
 */
export async function rotateToken(
  db: Tx,
  old: string,
  options: { now: number; endOld: number; expiresAt?: number },
): Promise<{ id: string; token: string; webhook: string; ended: string } | undefined> {
  const { id, token, hash } = mint(options.now)
  const [made] = await db.query<{ webhook: string; ended: string }>(ROTATE, [
    old,
    options.now / 1000,
    options.endOld / 1000,
    id,
    hash,
    options.expiresAt === undefined ? null : options.expiresAt / 1000,
  ])
  return made && { id, token, ...made }
}

const ROTATE = `
with old as (
  update tokens set expires_at = least(expires_at, to_timestamp($3::float8))
  where id = $1 and revoked_at is null and (expires_at is null or expires_at > to_timestamp($2::float8))
  returning webhook, label, expires_at
), made as (
  insert into tokens (id, hash, webhook, label, created_at, expires_at)
  select $4, $5, webhook, label, to_timestamp($2::float8), to_timestamp($6::float8) from old
)
select webhook, expires_at as ended from old`

/** True when a live token of that id was there to revoke. */
export async function revokeToken(db: Tx, id: string, now: number): Promise<boolean> {
  const rows = await db.query('update tokens set revoked_at = to_timestamp($2) where id = $1 and revoked_at is null returning id', [
    id,
    now / 1000,
  ])
  return rows.length > 0
}

interface Known {
  webhook: string
  expires: number
}

/** How old the book's knowledge of a token may be: the time in which a revocation reaches every replica. */
const FRESH_FOR = 2000
/** Tokens remembered, good ones and refused ones; the oldest go first. */
const REMEMBERED = 20_000

/**
 * The tokens as a running gateway knows them. A token is looked up by its hash when it was not seen for two seconds, so a new
 * one works at once and a revoked one stops within that time, on every replica.
 */
export function tokenBook(db: Tx, now: () => number) {
  const known = new Map<string, { token: Known | undefined; asked: number }>()
  const asking = new Map<string, Promise<Known | undefined>>()
  /** Looked up together by the next statement. */
  const waiting: { hash: string; done(token: Known | undefined): void; fail(error: unknown): void }[] = []
  let busy = false
  const used = new Set<string>()

  function ask(hash: string): Promise<Known | undefined> {
    const answer = new Promise<Known | undefined>((done, fail) => waiting.push({ hash, done, fail }))
    if (!busy) void lookUp()
    return answer.finally(() => asking.delete(hash))
  }

  /** One statement at a time: a flood of unknown tokens must leave the connections to the commits. */
  async function lookUp(): Promise<void> {
    busy = true
    while (waiting.length > 0) {
      const asked = waiting.splice(0)
      try {
        const rows = await db.query<{ hash: string; webhook: string; expires: number | null }>(
          `select hash, webhook, extract(epoch from expires_at)::float8 * 1000 as expires from tokens
           where hash = any($1::text[]) and revoked_at is null`,
          [asked.map(a => a.hash)],
        )
        const live = new Map(rows.map(r => [r.hash, { webhook: r.webhook, expires: r.expires ?? Number.POSITIVE_INFINITY }]))
        for (const { hash, done } of asked) {
          remember(hash, live.get(hash))
          done(live.get(hash))
        }
      } catch (error) {
        for (const { fail } of asked) fail(error)
      }
    }
    busy = false
  }

  function remember(hash: string, token: Known | undefined) {
    known.delete(hash)
    known.set(hash, { token, asked: performance.now() })
    for (const oldest of known.keys()) {
      if (known.size <= REMEMBERED) break
      known.delete(oldest)
    }
  }

  const judge = (hash: string, token: Known | undefined) => {
    if (!token || token.expires <= now()) return undefined
    used.add(hash)
    return token.webhook
  }

  return {
    /** The webhook of a live token. Rejects when the store does not answer. */
    webhookOf(token: string): string | undefined | Promise<string | undefined> {
      const hash = hashToken(token)
      const entry = known.get(hash)
      if (entry && performance.now() - entry.asked < FRESH_FOR) return judge(hash, entry.token)
      const running = asking.get(hash) ?? ask(hash)
      asking.set(hash, running)
      return running.then(
        found => judge(hash, found),
        cause => Promise.reject(new Unavailable('the store cannot look up a token', { cause })),
      )
    },
    /** Writes down which tokens were used since the last call. */
    async noteUse(): Promise<void> {
      const hashes = [...used]
      used.clear()
      if (hashes.length > 0)
        await db.query('update tokens set last_used_at = to_timestamp($2) where hash = any($1)', [hashes, now() / 1000])
    },
  }
}

export type TokenBook = ReturnType<typeof tokenBook>
