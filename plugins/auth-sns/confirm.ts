/** Confirms subscriptions, as Amazon asks for it. */
import { fetchText, type Host, keep, type Send, Unavailable } from '#core/plugin.ts'

const HOUR = 3_600_000

/** Calls the URL of a verified confirmation, once however often it comes. Rejects with `Unavailable` when Amazon does not agree. */
export function openConfirm(host: Pick<Host, 'now'>, send?: Send): (url: string) => Promise<void> {
  const load = async (url: string): Promise<true> => {
    const { status } = await fetchText({ url, timeout: 4000 }, send)
    if (status !== 200) throw new Unavailable(`${new URL(url).host} answered ${status} to the confirmation of the subscription`)
    return true
  }
  const kept = keep(load, { now: host.now, fresh: HOUR, pause: 5000, most: 64, loads: 8 })
  return async url => void (await kept.get(url))
}
