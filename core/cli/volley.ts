/** Many requests, one after the other or so many a second, and what became of them. */
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

/** The end of one request. */
export interface Shot {
  /** Of the answer; undefined when there was none. */
  status?: number
  fault?: string
  ms: number
}

export interface Tally {
  sent: number
  /** Requests by the status of their answer; those without one under `none`. */
  statuses: Record<string, number>
  /** Milliseconds to the whole answer. */
  p50: number
  p99: number
  seconds: number
  /** Of the first request that had no answer. */
  fault?: string
}

/** Requests under way when there is a rate: a gateway that is slower than the rate slows it down. */
const MOST = 100
/** Requests without an answer in a row after which it is no use to go on. */
const FAULTS = 20
const REDRAW = 100

/** `rate` is requests a second; without it each waits for the one before. */
export async function volley(
  count: number,
  rate: number | undefined,
  shoot: () => Promise<Shot>,
  tell?: (tally: Tally) => void,
): Promise<Tally> {
  const times: number[] = []
  const statuses: Record<string, number> = {}
  const begun = performance.now()
  let faults = 0
  let fault: string | undefined
  let told = begun
  const tally = (): Tally => {
    const sorted = [...times].sort((a, b) => a - b)
    const at = (share: number) => Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 10) / 10
    const seconds = Math.round(performance.now() - begun) / 1000
    return { sent: times.length, statuses: { ...statuses }, p50: at(0.5), p99: at(0.99), seconds, ...(fault && { fault }) }
  }
  const take = (shot: Shot) => {
    times.push(shot.ms)
    const name = String(shot.status ?? 'none')
    statuses[name] = (statuses[name] ?? 0) + 1
    faults = shot.status === undefined ? faults + 1 : 0
    fault ??= shot.fault
    if (tell && performance.now() - told > REDRAW) {
      told = performance.now()
      tell({ sent: times.length, statuses: { ...statuses }, p50: 0, p99: 0, seconds: 0 })
    }
  }
  const flying = new Set<Promise<void>>()
  for (let i = 0; i < count && faults < FAULTS; i++) {
    if (rate === undefined) {
      take(await shoot())
      continue
    }
    const due = begun + (i * 1000) / rate - performance.now()
    if (due > 0) await sleep(due)
    if (flying.size >= MOST) await Promise.race(flying)
    const one: Promise<void> = shoot().then(shot => {
      take(shot)
      flying.delete(one)
    })
    flying.add(one)
  }
  await Promise.all(flying)
  return tally()
}

/** A line that is drawn over itself on a terminal; nothing anywhere else. */
export function progress(count: number): { tell?: (tally: Tally) => void; end(): void } {
  if (!process.stderr.isTTY) return { end() {} }
  const width = 24
  return {
    tell({ sent, statuses }) {
      const full = Math.round((sent / count) * width)
      const bar = '█'.repeat(full) + '░'.repeat(width - full)
      process.stderr.write(`\r\u001b[K${bar} ${sent}/${count}  ${statusText(statuses)}`)
    },
    end: () => void process.stderr.write('\r\u001b[K'),
  }
}

/** `201: 98  429: 2` */
export const statusText = (statuses: Readonly<Record<string, number>>) =>
  Object.entries(statuses)
    .map(([status, count]) => `${status}: ${count}`)
    .join('  ')
