/** Loaded before `main.ts`, what it does each minute is done each two seconds: for tests that would otherwise wait for minutes. */
const every = globalThis.setInterval
const QUICKER = 30
/** Milliseconds: what is quick by itself stays as it is, and what would be for ever is for ever still. */
const LEAST = 30_000
const MOST = 3_600_000

globalThis.setInterval = ((what: (...rest: unknown[]) => void, ms = 0, ...rest: unknown[]) =>
  every(what, ms >= LEAST && ms <= MOST ? ms / QUICKER : ms, ...rest)) as typeof setInterval

export {}
