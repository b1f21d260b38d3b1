/** The stored secrets of a running gateway: opened for every load of the configuration, and watched for changes. */
import type { StoredSecrets } from '../config/vault.ts'
import type { Log } from '../log.ts'
import type { MasterKey } from '../store/seal.ts'
import { openSecrets, SecretsSealed, secretsMark } from '../store/secrets.ts'
import type { Store } from '../store/store.ts'
import { NO_MASTER_KEY } from './masterKey.ts'

/** Milliseconds between two looks at the table: with the reload, a change is in force within three seconds. */
const LOOK_EVERY = 2000

export interface LiveSecrets {
  /**
   * What a load is given. Of a name in use that has no live version left, the empty value: it closes what uses it, where a load that
   * fails would leave the ended one let in. Rejects with `SecretsSealed` when a row does not open.
   */
  read(inUse?: readonly string[]): Promise<StoredSecrets>
  /** Logs which of these names had no live version when they were last read. */
  warnOfEnded(names: readonly string[]): void
  /** Calls `changed` when what is live is no longer what was read, also because of the time. */
  watch(changed: () => void): { close(): void }
}

/** `blank` is told every value before anything else sees it, so that no line of the log shows one. */
export function liveSecrets(
  store: Pick<Store, 'db' | 'secrets'>,
  key: MasterKey | undefined,
  log: Log,
  options: { now(): number; blank(value: string): void },
): LiveSecrets {
  const { now, blank } = options
  let mark: string | undefined
  let ended: string[] = []
  return {
    async read(inUse = []) {
      if (!key) return NO_MASTER_KEY
      // Before the rows: what changes in between is then seen at the next look.
      mark = await secretsMark(store.db, now())
      const opened = await openSecrets(store.db, key, now()).catch(error => {
        // Read again at the next look, when it was the store's fault; a row that does not open will not change by itself.
        if (!(error instanceof SecretsSealed)) mark = undefined
        throw error
      })
      store.secrets.know(opened)
      const values = new Map<string, string[]>()
      for (const { name, value } of opened) {
        blank(value)
        values.set(name, [...(values.get(name) ?? []), value])
      }
      ended = inUse.filter(name => !values.has(name))
      for (const name of ended) values.set(name, [''])
      return values
    },
    warnOfEnded(names) {
      for (const name of ended)
        if (names.includes(name)) log.error({ secret: name }, 'this secret has no live version any more: what uses it is closed')
    },
    watch(changed) {
      if (!key) return { close() {} }
      let looking = false
      const timer = setInterval(async () => {
        if (looking) return
        looking = true
        const seen = await secretsMark(store.db, now()).catch(() => mark)
        looking = false
        if (seen === mark) return
        mark = seen
        changed()
      }, LOOK_EVERY)
      ;(timer as { unref?(): void }).unref?.()
      return { close: () => clearInterval(timer) }
    },
  }
}
