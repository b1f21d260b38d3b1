/** Commits that are wrong on purpose, each in a way that others have been: the oracle must find out every one of them. */
import { Redis } from 'ioredis'
import type { Commit, Outcome, Unit } from '#core/store/unit.ts'

/** What a commit is made of. */
export interface Parts {
  /** The one that is right. */
  commit: Commit
  earlier(unit: Unit): Promise<Outcome | { kind: 'refusal' } | undefined>
  redis: string
}

const outcomeOf = (unit: Unit): Outcome => ({
  ...(unit.record && { record: { id: unit.record.id, created: true, fieldsUpdated: 0 } }),
  replayed: false,
  shown: [],
})

/** A part of the unit, committed by itself. */
const only = (unit: Unit, parts: readonly ('key' | 'quota' | 'record' | 'event')[]): Unit => ({
  exchange: unit.exchange,
  custom: [],
  ...Object.fromEntries(parts.flatMap(part => (unit[part] === undefined ? [] : [[part, unit[part]]]))),
})

export const broken: Record<string, (parts: Parts) => Commit> = {
  /** The sender hears of a record that is still on its way to the disk. */
  'answer before commit': ({ commit, earlier }) => {
    return async unit => {
      const held = await earlier(unit)
      if (held) return held as Outcome
      void commit(unit).catch(() => {})
      return outcomeOf(unit)
    }
  },

  /** The record is there before its key and its event are. */
  'two transactions': ({ commit, earlier }) => {
    return async unit => {
      const held = await earlier(unit)
      if (held) return held as Outcome
      const first = await commit(only(unit, ['record', 'quota']))
      if ('kind' in first) return first
      return commit(only(unit, ['key', 'event'])).then(second => ('kind' in second ? second : first))
    }
  },

  /** The record is kept, and nobody counts it. */
  'forgets the quota':
    ({ commit }) =>
    unit =>
      commit(only(unit, ['key', 'record', 'event'])),

  /** The key is taken where the record is not: what is lost between the two is taken for done. */
  'claim in Redis first': ({ commit, redis }) => {
    const client = new Redis(redis)
    return async unit => {
      const { key } = unit
      if (key && (await client.set(`crash/${key.key}`, unit.record?.id ?? '', 'EX', 86_400, 'NX')) === null) {
        const id = (await client.get(`crash/${key.key}`)) ?? ''
        return { record: { id, created: true, fieldsUpdated: 0 }, replayed: true, shown: [] }
      }
      return commit(only(unit, ['record', 'quota', 'event']))
    }
  },
}
