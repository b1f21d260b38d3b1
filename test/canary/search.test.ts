/** The search for canaries can fail: one that is planted is found, in each form and each kind of place. */
import { describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folder } from '../support/child.ts'
import { filesOf, found } from './search.ts'

const secret = 'canary-SECRET-0123456789abcdef01234567"\\\u00e9 /+?~'
const other = 'another-0123456789abcdefghij'
const secrets = { SECRET: secret, OTHER: other }
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('a canary that is planted is found', () => {
  test.each<[string, string]>([
    ['as it is', secret],
    ['in JSON', JSON.stringify({ a: secret })],
    ['in JSON within JSON', JSON.stringify({ a: JSON.stringify({ b: secret }) })],
    ['with its slash escaped', JSON.stringify(secret).replaceAll('/', '\\/')],
    ['in a URL', `?a=${encodeURIComponent(secret)}`],
    ['in a form', new URLSearchParams({ a: secret }).toString()],
    ['in base64', base64(secret)],
    ['as the password of Basic', base64(`user:${secret}`)],
    ['as the password of a longer user', base64(`user1:${secret}`)],
    ['as the password of a still longer user', base64(`user12:${secret}`)],
    ['in base64 of URLs', Buffer.from(`{"a":"${secret}"}`).toString('base64url')],
    ['in hex', Buffer.from(secret).toString('hex')],
    ['in capital hex', Buffer.from(`x${secret}`).toString('hex').toUpperCase()],
    ['cut off', `${secret.slice(0, 36)}…`],
  ])('%s', (_, text) => {
    expect(found(secrets, { here: `before ${text} after`, there: 'nothing of it' })).toEqual(['SECRET here'])
  })

  test('in a file, in the name of one, at the end of bytes', () => {
    const home = folder()
    mkdirSync(join(home, 'a'))
    writeFileSync(join(home, 'a/b'), Buffer.concat([Buffer.from([0, 255, 128]), Buffer.from(other)]))
    writeFileSync(join(home, 'a', other), '')
    writeFileSync(join(home, 'harmless'), 'canary')
    expect(found(secrets, filesOf(home))).toEqual([`OTHER ${join(home, 'a', other)}`, `OTHER ${join(home, 'a/b')}`])
  })
})

test('and what is not there is not', () => {
  expect(found(secrets, { here: 'canary-0123 another-0123 Y2FuYXJ5LTAxMjM', there: '' })).toEqual([])
})
