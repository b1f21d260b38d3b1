/** ULIDs: 48 bits of time and 80 of chance as 26 Crockford base 32 digits, ascending within a process (https://github.com/ulid/spec). */
import { randomFillSync } from 'node:crypto'

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const POOL = new Uint8Array(16 * 256)
let unused = 0
let lastTime = -1
let timePart = ''
/** The 16 random digits of the last one, as numbers from 0 to 31. */
const chance = new Uint8Array(16)

export function ulid(now: number): string {
  if (now > lastTime) {
    lastTime = now
    timePart = encodeTime(now)
    if (unused === 0) {
      randomFillSync(POOL)
      unused = POOL.length
    }
    unused -= 16
    for (let i = 0; i < 16; i++) chance[i] = (POOL[unused + i] as number) & 31
    // Half of the range stays free for the increments of this millisecond.
    chance[0] = (chance[0] as number) & 15
  } else {
    let i = 15
    while (i >= 0 && chance[i] === 31) chance[i--] = 0
    if (i >= 0) chance[i] = (chance[i] as number) + 1
  }
  let text = timePart
  for (let i = 0; i < 16; i++) text += DIGITS[chance[i] as number]
  return text
}

/** The 10 digits that the ULIDs of a millisecond begin with: a bound for ids of that time. */
export function encodeTime(time: number): string {
  let text = ''
  let rest = Math.floor(time)
  for (let i = 0; i < 10; i++) {
    text = (DIGITS[rest % 32] as string) + text
    rest = Math.floor(rest / 32)
  }
  return text
}
