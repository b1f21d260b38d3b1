/** What a process takes, as Linux tells it under /proc. */
import { readdirSync, readFileSync } from 'node:fs'

/** Ticks of a second in /proc/PID/stat; the same on every Linux of today. */
const TICKS = 100

/** Seconds of CPU that a process has used so far, and those that it has waited for. */
export function cpuOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name stands in parentheses, and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14])) / TICKS
}

/** Seconds of CPU of a process and of all below it, those that have ended and were waited for among them. */
export function cpuOfTree(pid: number): number {
  return treeOf(pid).reduce((sum, one) => sum + attempt(() => cpuOf(one), 0), 0)
}

/** A process and all below it. */
export function treeOf(pid: number): number[] {
  const parents = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const text = attempt(() => readFileSync(`/proc/${name}/stat`, 'utf8'), '')
    const parent = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1])
    parents.set(parent, [...(parents.get(parent) ?? []), Number(name)])
  }
  const below = (one: number): number[] => [one, ...(parents.get(one) ?? []).flatMap(below)]
  return below(pid)
}

/** Bytes that are in memory now. */
export function rssOf(pid: number): number {
  return kilobytes(pid, 'VmRSS') * 1024
}

/** Bytes that were in memory at most. */
export function peakOf(pid: number): number {
  return kilobytes(pid, 'VmHWM') * 1024
}

/** Open files and sockets. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

function kilobytes(pid: number, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/** A process may end while it is looked at. */
function attempt<T>(look: () => T, otherwise: T): T {
  try {
    return look()
  } catch {
    return otherwise
  }
}
