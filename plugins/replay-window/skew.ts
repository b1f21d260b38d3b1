/** Why a time of signing is outside of the window. */
import type { Finding } from '#core/plugin.ts'

const DAY = 24 * 3_600_000
const HALF_HOUR = 30 * 60_000
/** Clocks and networks are off by a little; a time zone is off by half hours. */
const NEAR = 60_000

/** The likeliest first; `time` and `now` are milliseconds. */
export function skew(time: number | undefined, now: number): Finding[] {
  if (time === undefined) return []
  if (Math.abs(time / 1000 - now) < DAY)
    return [
      {
        code: 'timestamp-in-milliseconds',
        message: 'The timestamp counts milliseconds where the scheme counts seconds.',
        cure: 'Send whole seconds since 1970: the milliseconds divided by 1000, without a fraction.',
      },
    ]
  if (Math.abs(time * 1000 - now) < DAY)
    return [
      {
        code: 'timestamp-in-seconds',
        message: 'The timestamp counts seconds where the scheme counts milliseconds.',
        cure: 'Send milliseconds since 1970: the seconds times 1000.',
      },
    ]
  const ahead = time - now
  const about = `${Math.round(Math.abs(ahead) / 1000)} seconds`
  const hours = Math.round(ahead / HALF_HOUR)
  const findings: Finding[] = []
  if (hours !== 0 && Math.abs(ahead) < DAY && Math.abs(ahead - hours * HALF_HOUR) < NEAR)
    findings.push({
      code: 'time-zone',
      message: `The time of signing is off by ${hours / 2} hours, which looks like local time taken for UTC.`,
      cure: 'Take the seconds since 1970 from the clock itself, or write the time zone into the timestamp.',
    })
  if (ahead > 0)
    findings.push({
      code: 'clock-ahead',
      message: `The request was signed ${about} after it came: the sender's clock is ahead of ours.`,
      cure: "Set the sender's clock by NTP, and see that ours is; or raise `future` of replay-window.",
    })
  else
    findings.push({
      code: 'clock-behind',
      message: `The request was signed ${about} before it came: it waited on the way, was sent again as it was, or the sender's clock is behind ours.`,
      cure: "Sign anew for each attempt, and set the sender's clock by NTP; for a sender that holds requests back, raise `tolerance` of replay-window.",
    })
  return findings
}
