/** Reads a secret value from stdin, or from a hidden prompt on a terminal: never from an argument, which others would see. */
import process from 'node:process'
import { CommandFailure, EXIT } from './open.ts'

/** Bytes: the largest private key is far below. */
const MAX = 65_536

/** The value without one trailing line end; empty and oversized ones end the command. */
export async function readValue(question: string): Promise<string> {
  const value = process.stdin.isTTY ? await ask(question) : await readAll()
  if (value === '') throw new CommandFailure(EXIT.usage, 'the value is empty: write it to stdin, or start the command on a terminal')
  return value
}

async function ask(message: string): Promise<string> {
  const { isCancel, password } = await import('@clack/prompts')
  const answer = await password({ message, output: process.stderr })
  if (isCancel(answer)) throw new CommandFailure(EXIT.failure, 'cancelled: nothing was changed')
  return answer ?? ''
}

async function readAll(): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of process.stdin) {
    parts.push(part as Uint8Array)
    size += (part as Uint8Array).length
    if (size > MAX) throw new CommandFailure(EXIT.usage, `the value has more than ${MAX} bytes`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(parts)).replace(/\r?\n$/, '')
  } catch {
    throw new CommandFailure(EXIT.usage, 'the value is not UTF-8 text: encode it, in base64 say')
  }
}
