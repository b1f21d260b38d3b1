/** Stored secrets: versions, their ends, and what keeps them shut. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { masterKey, seal, unseal } from '#core/store/seal.ts'
import { listSecrets, openSecrets, rekeySecrets, removeSecret, SecretsSealed, secretsMark, setSecret } from '#core/store/secrets.ts'
import { type Opened, onEveryStore, T0 } from './open.ts'

setDefaultTimeout(60_000)

const key = masterKey(Buffer.alloc(32, 1).toString('base64'))
const other = masterKey(Buffer.alloc(32, 2).toString('base64'))
const HOUR = 3_600_000

test('a key is told by 16 hex digits of its SHA-256', () => {
  expect(key.id).toBe('72cd6e8422c407fb')
  expect(() => masterKey('YWJj')).toThrow('32 bytes')
})

test('what is sealed opens with its key, name and version alone, and never looks the same twice', () => {
  for (const value of ['x', 'zwölf ☃', 'a\nb\0c', 'v'.repeat(65_536)]) {
    const sealed = seal(key, 'A', 1, value)
    expect(unseal(key, 'A', 1, sealed)).toBe(value)
    expect([unseal(other, 'A', 1, sealed), unseal(key, 'B', 1, sealed), unseal(key, 'A', 2, sealed)]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(seal(key, 'A', 1, value).slice(0, 16)).not.toBe(sealed.slice(0, 16))
  }
})

test('one changed bit anywhere, or a missing end, keeps it shut', () => {
  const sealed = Buffer.from(seal(key, 'A', 1, 'value'), 'base64')
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    expect(unseal(key, 'A', 1, changed.toString('base64'))).toBeUndefined()
  }
  for (let end = 0; end < sealed.length; end++) expect(unseal(key, 'A', 1, sealed.subarray(0, end).toString('base64'))).toBeUndefined()
})

onEveryStore('stored secrets', fresh => {
  const values = async ({ db }: Opened, now = T0, by = key) =>
    (await openSecrets(db, by, now)).map(({ name, version, value }) => `${name} ${version} ${value}`)
  const set = ({ db }: Opened, name: string, value: string, more: { now?: number; endOthers?: number } = {}) =>
    setSecret(db, key, name, value, { now: T0, ...more })

  test('versions count up, all stay live, and the newest comes first', async () => {
    const store = await fresh()
    for (const [name, value] of ['A one', 'B only', 'A two', 'A three'].map(text => text.split(' ') as [string, string]))
      await set(store, name, value)
    expect(await values(store)).toEqual(['A 3 three', 'A 2 two', 'A 1 one', 'B 1 only'])
    expect((await listSecrets(store.db)).map(({ name, version }) => `${name} ${version}`)).toEqual(['A 3', 'A 2', 'A 1', 'B 1'])
    expect(JSON.stringify(await store.rows('select * from secrets'))).not.toMatch(/one|only|two|three/)
    await store.close()
  })

  test('earlier versions end when they are told to, and never later than before', async () => {
    const store = await fresh()
    await set(store, 'A', 'one')
    await set(store, 'B', 'other')
    expect(await set(store, 'A', 'two', { endOthers: T0 + HOUR })).toEqual({ version: 2, ended: [1] })
    expect(await set(store, 'A', 'three', { endOthers: T0 + 2 * HOUR })).toEqual({ version: 3, ended: [2] })
    expect(await values(store, T0 + HOUR - 1)).toEqual(['A 3 three', 'A 2 two', 'A 1 one', 'B 1 other'])
    expect(await values(store, T0 + HOUR)).toEqual(['A 3 three', 'A 2 two', 'B 1 other'])
    expect(await values(store, T0 + 2 * HOUR)).toEqual(['A 3 three', 'B 1 other'])
    await store.close()
  })

  test('many at once get a version each', async () => {
    const store = await fresh()
    const made = await Promise.all(Array.from({ length: 8 }, (_, n) => set(store, 'A', `value ${n}`)))
    expect(made.map(m => m.version).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    await store.close()
  })

  test('one version goes, or all of a name', async () => {
    const store = await fresh()
    for (const name of ['A', 'A', 'A', 'B']) await set(store, name, `of ${name}`)
    expect(await removeSecret(store.db, 'A', 2)).toEqual([2])
    expect(await removeSecret(store.db, 'A', 2)).toEqual([])
    expect(await values(store)).toEqual(['A 3 of A', 'A 1 of A', 'B 1 of B'])
    expect(await removeSecret(store.db, 'A')).toEqual([3, 1])
    expect(await values(store)).toEqual(['B 1 of B'])
    await store.close()
  })

  test('another key opens nothing and stores nothing', async () => {
    const store = await fresh()
    for (const name of ['A', 'B', 'C', 'D', 'E']) await set(store, name, 'v')
    const before = await store.rows('select * from secrets order by name')
    const wrong = openSecrets(store.db, other, T0)
    await expect(wrong).rejects.toThrow(SecretsSealed)
    await expect(wrong).rejects.toThrow(/does not fit.*'A', 'B', 'C' and 2 more.*key 72cd6e8422c407fb/)
    await expect(setSecret(store.db, other, 'F', 'v', { now: T0 })).rejects.toThrow(/does not fit/)
    await expect(setSecret(store.db, other, 'A', 'v', { now: T0, endOthers: T0 })).rejects.toThrow(/does not fit/)
    expect(await store.rows('select * from secrets order by name')).toEqual(before)
    await store.close()
  })

  const tampers: [string, string][] = [
    ['a changed ciphertext', `update secrets set sealed = 'AAAA' || substr(sealed, 5) where name = 'B'`],
    ['no ciphertext', `update secrets set sealed = '' where name = 'B'`],
    ['that of another name', `update secrets set sealed = (select sealed from secrets where name = 'A') where name = 'B'`],
    ['that of another version', `update secrets set version = 7 where name = 'B'`],
    ['another name', `update secrets set name = 'AA', version = 1 where name = 'B'`],
    ['the id of a key that it was not sealed with', `update secrets set sealed = 'FOREIGN' where name = 'B'`],
  ]
  test('a row that others changed keeps all of them shut, and the message names it', async () => {
    const store = await fresh()
    for (const [what, statement] of tampers) {
      await store.rows('delete from secrets')
      await set(store, 'A', 'one')
      await set(store, 'B', 'two')
      await store.rows(statement.replace('FOREIGN', seal(other, 'B', 1, 'two')))
      const before = await store.rows('select * from secrets order by name')
      const fault = (error: Error) => [error instanceof SecretsSealed, error.message]
      const sentence = /^the secret '(B|AA)', version \d, does not open: .*postern secret rm (B|AA) /
      expect([what, ...(await openSecrets(store.db, key, T0).then(() => [], fault))]).toEqual([what, true, expect.stringMatching(sentence)])
      expect([what, ...(await rekeySecrets(store.db, key, other).then(() => [], fault))]).toEqual([what, true, expect.any(String)])
      expect(await store.rows('select * from secrets order by name')).toEqual(before)
    }
    await store.close()
  })

  test('rekeyed, all open with the new key alone, ended ones included', async () => {
    const store = await fresh()
    await set(store, 'A', 'one')
    await set(store, 'A', 'two', { endOthers: T0 - 1 })
    await set(store, 'B', 'three')
    expect(await rekeySecrets(store.db, key, other)).toBe(3)
    expect(await values(store, T0 - 2, other)).toEqual(['A 2 two', 'A 1 one', 'B 1 three'])
    expect(await values(store, T0, other)).toEqual(['A 2 two', 'B 1 three'])
    await expect(openSecrets(store.db, key, T0)).rejects.toThrow(/does not fit/)
    await expect(rekeySecrets(store.db, key, other)).rejects.toThrow(/does not fit/)
    await store.close()
  })

  test('the mark changes with everything that changes what is live, and with nothing else', async () => {
    const store = await fresh()
    const marks: string[] = []
    const mark = async (now = T0) => marks.push(await secretsMark(store.db, now))
    await mark()
    await set(store, 'A', 'one')
    await mark()
    await set(store, 'A', 'two', { endOthers: T0 + HOUR })
    await mark()
    await mark(T0 + HOUR)
    await removeSecret(store.db, 'A', 2)
    await mark()
    await set(store, 'A', 'three')
    await mark()
    await rekeySecrets(store.db, key, other)
    await mark()
    expect(new Set(marks).size).toBe(marks.length)
    store.secrets.know(await openSecrets(store.db, other, T0))
    store.secrets.used(['three'])
    await store.secrets.noteUse()
    expect(await secretsMark(store.db, T0 + 1)).toBe(marks.at(-1)!)
    await store.close()
  })

  test('the last use is noted for the version whose value it was, under every name that has it', async () => {
    const store = await fresh()
    for (const [name, value] of ['A one', 'A two', 'B two', 'C three'].map(text => text.split(' ') as [string, string]))
      await set(store, name, value)
    store.secrets.know(await openSecrets(store.db, key, T0))
    store.secrets.used(['two', 'of nobody', 'two'])
    store.clock.now = T0 + HOUR
    await store.secrets.noteUse()
    const used = (await listSecrets(store.db)).map(
      s => `${s.name} ${s.version} ${s.last_used_at && new Date(s.last_used_at).getTime() - T0}`,
    )
    // Of the use, not of the writing down.
    expect(used).toEqual(['A 2 0', 'A 1 null', 'B 1 0', 'C 1 null'])
    await store.close()
  })
})
