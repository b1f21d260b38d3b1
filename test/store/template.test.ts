/** A store in memory is begun from an empty one that an earlier process has kept. */
import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inMemory } from '#core/store/drivers/template.ts'
import { folder } from '../support/child.ts'

/** Opens one, writes to it, and tells how many tables it began with. */
async function used(template: string): Promise<number> {
  const db = await inMemory(template)
  const { rows } = await db.query<{ n: number }>(`select count(*)::int as n from pg_tables where schemaname = 'public'`)
  await db.exec('create table mine (id int); insert into mine values (1)')
  await db.close()
  return rows[0]?.n as number
}

test('which is empty, however often it has served', async () => {
  const file = join(folder(), 'not/there/yet')
  expect([await used(file), await used(file), await used(file)]).toEqual([0, 0, 0])
  expect(readdirSync(join(file, '..'))).toEqual(['yet'])
})

test('which is made anew when it is damaged', async () => {
  const file = join(folder(), 'damaged')
  await used(file)
  const good = readFileSync(file)
  for (const damage of ['', Buffer.from(good).fill(0, 5_000_000, 5_004_096)]) {
    writeFileSync(file, damage)
    expect(await used(file)).toBe(0)
    expect(readFileSync(file).length).toBe(good.length)
  }
})

test('which has taken what a process left that was killed an hour ago', async () => {
  const file = join(folder(), 'empty')
  for (const pid of [1, 2]) writeFileSync(`${file}.${pid}`, 'half')
  utimesSync(`${file}.1`, new Date(Date.now() - 4_000_000), new Date(Date.now() - 4_000_000))
  await used(file)
  expect(readdirSync(join(file, '..')).sort()).toEqual(['empty', 'empty.2'])
})

test('which may be nowhere: it is done without', async () => {
  const plain = join(folder(), 'file')
  writeFileSync(plain, '')
  expect(await used(join(plain, 'below'))).toBe(0)
  const place = join(folder(), 'taken')
  mkdirSync(place)
  expect(await used(place)).toBe(0)
  expect(existsSync(`${place}.${process.pid}`)).toBe(false)
})
