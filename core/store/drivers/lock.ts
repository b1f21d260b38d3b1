/** One process per folder: two PGlites on one folder lose each other's rows without a word. */
import fs from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { StoreUnavailable } from '../database.ts'

/** Takes the folder's lock and returns its release; throws `StoreUnavailable` when a living process holds it. */
export function lockFolder(folder: string): () => void {
  const file = join(folder, 'lock')
  const mine = `${process.pid} ${startOf(process.pid)}`
  for (let attempt = 0; ; attempt++) {
    try {
      fs.writeFileSync(file, mine, { flag: 'wx', mode: 0o600 })
      return () => fs.rmSync(file, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 2) throw error
      const holder = read(file)
      if (holder !== undefined && alive(holder)) {
        throw new StoreUnavailable(
          `the store ${folder} is in use by process ${holder.split(' ')[0]}: stop that process, or set DATABASE_URL to share one Postgres`,
        )
      }
      fs.rmSync(file, { force: true })
    }
  }
}

function read(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return undefined // gone meanwhile: the next attempt takes it
  }
}

/** A process number alone can be another program's by now (in a container it always is 1), so its start time counts as well. */
function alive(holder: string): boolean {
  const [pid, start] = holder.split(' ')
  if (holder === `${process.pid} ${startOf(process.pid)}`) return true
  if (Number(pid) === process.pid) return false
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  const now = startOf(Number(pid))
  return now === '?' || start === '?' || now === start
}

/** Start time in clock ticks since boot; `?` where the system has no /proc. */
function startOf(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '?'
  } catch {
    return '?'
  }
}
