import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import {
  immutableKey,
  isKeyOf,
  mutableKey,
  nodeIdKey,
  textKey,
} from '../../../../mesh/routing/records/keys.ts'
import type { RecordFields } from '../../../../mesh/routing/records/record.ts'
import { codeOf } from '../../wire/bytes.ts'

const realmId = new Uint8Array(32).fill(7)
const otherRealm = new Uint8Array(32).fill(8)
const owner = 'ab'.repeat(32)
const sha256 = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
const fieldsOf = (change: Partial<RecordFields>): RecordFields => ({
  kind: 'immutable',
  key: keyFromHex(owner),
  publisher: owner,
  sequence: 1,
  expiresAtMs: 1,
  name: '',
  value: new Uint8Array(0),
  host: '',
  port: 0,
  ...change,
})

describe('keys of records', () => {
  it('are hashes of domain, kind, realm and what the record says', () => {
    const value = Uint8Array.of(1, 2, 3)
    const domain = 'fovea record key 1\0'
    expect(immutableKey(realmId, value).hex).toBe(sha256(domain, '\u0000', realmId, value))
    expect(mutableKey(realmId, owner, 'ß').hex).toBe(
      sha256(domain, '\u0001', realmId, Buffer.from(owner, 'hex'), 'ß'),
    )
    expect(nodeIdKey(realmId, 'db@H:1').hex).toBe(sha256(domain, '\u0002', realmId, 'db@h:1'))
    expect(textKey(realmId, 'prices').hex).toBe(sha256(domain, '\u0003', realmId, 'prices'))
  })

  it('of different kinds and realms differ for the same bytes', () => {
    const text = 'db@h:1'
    const bytes = Buffer.from(text)
    const keys = [realmId, otherRealm].flatMap((realm) => [
      immutableKey(realm, bytes).hex,
      nodeIdKey(realm, text).hex,
      textKey(realm, text).hex,
      mutableKey(realm, owner, text).hex,
      mutableKey(realm, 'cd'.repeat(32), text).hex,
      mutableKey(realm, owner, '').hex,
    ])
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('ML9 text that looks like a key is text', () => {
    const hex = 'ab'.repeat(32)
    expect(textKey(realmId, hex).hex).not.toBe(hex)
    expect(textKey(realmId, hex).hex).not.toBe(textKey(realmId, hex.toUpperCase()).hex)
    expect(immutableKey(realmId, Buffer.from(hex)).hex).not.toBe(
      immutableKey(realmId, Buffer.from(hex, 'hex')).hex,
    )
  })

  it('ML9 an owner is a key and never a text, nor 32 bytes', () => {
    for (const wrong of ['', 'shop', 'AB'.repeat(32), 'ab'.repeat(31), 'ab'.repeat(33)]) {
      expect(codeOf(() => mutableKey(realmId, wrong, 'n'))).toBe('ERR_INVARIANT_DHT_KEY')
    }
  })

  it('node ids in every spelling of one address have one key', () => {
    expect(nodeIdKey(realmId, 'db@[0:0::1]:80').hex).toBe(nodeIdKey(realmId, 'db@[::1]:80').hex)
    expect(nodeIdKey(realmId, 'Db@h:80').hex).not.toBe(nodeIdKey(realmId, 'db@h:80').hex)
    expect(codeOf(() => nodeIdKey(realmId, owner))).toBe('ERR_ARGUMENT')
  })

  it('texts have 1 to 255 bytes that UTF-8 gives back', () => {
    expect(textKey(realmId, 't'.repeat(255)).hex).toHaveLength(64)
    for (const wrong of ['', 't'.repeat(256), 'ß'.repeat(128), '\ud800', '\ufefft']) {
      expect(codeOf(() => textKey(realmId, wrong))).toBe('ERR_ARGUMENT')
    }
    expect(codeOf(() => textKey(realmId, 7 as unknown as string))).toBe('ERR_ARGUMENT')
  })

  it('a realm id has 32 bytes', () => {
    expect(codeOf(() => textKey(new Uint8Array(31), 'a'))).toBe('ERR_INVARIANT_DHT_REALM')
  })
})

describe('isKeyOf', () => {
  const value = Uint8Array.of(5)
  const nodeId = 'db@h:80'
  it.each<[string, Partial<RecordFields>, boolean]>([
    ['an immutable record', { value, key: immutableKey(realmId, value) }, true],
    ['another value', { value: Uint8Array.of(6), key: immutableKey(realmId, value) }, false],
    ['another realm', { value, key: immutableKey(otherRealm, value) }, false],
    ['a mutable one', { kind: 'mutable', name: 'n', key: mutableKey(realmId, owner, 'n') }, true],
    ['another name', { kind: 'mutable', name: 'm', key: mutableKey(realmId, owner, 'n') }, false],
    [
      'another owner',
      { kind: 'mutable', name: 'n', key: mutableKey(realmId, 'cd'.repeat(32), 'n') },
      false,
    ],
    ['a provider anywhere', { kind: 'provider', key: textKey(realmId, 'x') }, true],
    ['an address at the node', { kind: 'address', name: nodeId, key: keyFromHex(owner) }, true],
    [
      'an address by name',
      { kind: 'address', name: nodeId, key: nodeIdKey(realmId, nodeId) },
      true,
    ],
    [
      'an address at another node',
      { kind: 'address', name: nodeId, key: keyFromHex('cd'.repeat(32)) },
      false,
    ],
    [
      'an address by another name',
      { kind: 'address', name: nodeId, key: nodeIdKey(realmId, 'da@h:80') },
      false,
    ],
  ])('%s', (_claim, change, expected) => {
    expect(isKeyOf(realmId, fieldsOf(change))).toBe(expected)
  })
})
