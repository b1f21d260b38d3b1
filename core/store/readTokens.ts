/** Tokens of a webhook in pages, for operators. */
import type { Tx } from '../plugin.ts'
import { Conditions, type Page, type Place, searchPage } from './search.ts'
import type { TokenInfo } from './tokens.ts'

const COLUMNS = 'id, webhook, label, created_at, expires_at, revoked_at, last_used_at'

export function pageTokens(db: Tx, webhook: string, place: Place): Promise<Page<TokenInfo>> {
  return searchPage<TokenInfo>(db, { table: 'tokens', shown: COLUMNS }, new Conditions().within('webhook = $', webhook), place)
}

export async function readToken(db: Tx, webhook: string, id: string): Promise<TokenInfo | undefined> {
  const [token] = await db.query<TokenInfo>(`select ${COLUMNS} from tokens where id = $1 and webhook = $2`, [id, webhook])
  return token
}
