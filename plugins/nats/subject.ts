/** The subject that an event is published to. */
import type { Message } from '#core/plugin.ts'

const TOKEN = /\{\{\s*([^{}]*?)\s*\}\}/

const VALUES: Record<string, (message: Message) => string> = {
  webhook: message => level(message.webhook),
  // One of three, whose dot makes two levels: `orders.*.created` can be subscribed to.
  'event.type': message => message.type,
  'record.entity': message => level(message.record?.slice(0, message.record.indexOf('/')) ?? '-'),
}

/** What is wrong with a subject as it is written, if anything. */
export function faultOfSubject(text: string): string | undefined {
  const parts = text.split(TOKEN)
  const unknown = parts.find((part, i) => i % 2 === 1 && !Object.hasOwn(VALUES, part))
  if (unknown !== undefined)
    return `'{{${unknown}}}' is not known here: write ${Object.keys(VALUES)
      .map(name => `{{${name}}}`)
      .join(', ')}`
  const fixed = parts.map((part, i) => (i % 2 === 1 ? 'x' : part)).join('')
  if (/[^!-~]/.test(fixed)) return 'must be plain ASCII without spaces'
  if (/[*>{}]/.test(fixed)) return 'must not contain *, >, { or }: an event is published to one subject'
  if (fixed.split('.').includes('')) return 'must not begin or end with a dot, nor have two in a row'
  return fixed.startsWith('$') ? 'must not begin with $: those subjects are commands to the server' : undefined
}

export function compileSubject(text: string): (message: Message) => string {
  const parts = text.split(TOKEN).map((part, i) => (i % 2 === 1 ? VALUES[part] : part))
  return message => parts.map(part => (typeof part === 'string' ? part : part?.(message))).join('')
}

/** As one level: a name must not be able to make more, nor wildcards, whatever is allowed in names. */
function level(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, '_')
}
