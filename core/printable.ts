/** Text of others on a terminal: what would move the cursor, colour it or turn the direction of writing is shown as its code. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const COMMANDS = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** A value as one line of text; `-` where there is none. */
export function printable(value: unknown): string {
  if (value === null || value === undefined) return '-'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.replace(COMMANDS, escaped)
}

/** A UTF-16 unit as JSON may write it. */
export const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
