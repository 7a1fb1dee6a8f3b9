import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  compareNodeKeys,
  isNodeKey,
  nodeKeyEquals,
  nodeKeyFromBytes,
  nodeKeyFromHex,
  nodeKeyOfPublicKey,
} from '../../../mesh/identity/node-key.ts'
import { KeyError } from '../../../mesh/identity/errors.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

describe('node keys', () => {
  it('are the SHA-256 of the raw public key', () => {
    fc.assert(
      fc.property(bytes32, (publicKey) => {
        const digest = createHash('sha256').update(publicKey).digest('hex')
        expect(nodeKeyOfPublicKey(publicKey).hex).toBe(digest)
      }),
    )
  })

  it('ML9 have one form: bytes and hex say the same, and hex is never taken for bytes', () => {
    fc.assert(
      fc.property(bytes32, (bytes) => {
        const key = nodeKeyFromBytes(bytes)
        expect([...key.bytes]).toEqual([...bytes])
        expect(nodeKeyFromHex(key.hex).bytes).toEqual(key.bytes)
      }),
    )
    const hexAsBytes = Buffer.from('ab'.repeat(32))
    expect(() => nodeKeyFromBytes(hexAsBytes)).toThrow(KeyError)
    expect(() => nodeKeyOfPublicKey(hexAsBytes)).toThrow(KeyError)
  })

  it('copy their bytes', () => {
    const bytes = new Uint8Array(32)
    const key = nodeKeyFromBytes(bytes)
    bytes[0] = 1
    expect(key.bytes[0]).toBe(0)
  })

  it.each([
    ['too short', 'ab'.repeat(31)],
    ['too long', 'ab'.repeat(33)],
    ['upper case', 'AB'.repeat(32)],
    ['no hex', 'zz'.repeat(32)],
    ['a line more', `${'ab'.repeat(32)}\n`],
    ['no string', 5 as unknown as string],
  ])('refuse hex that is %s', (_, hex) => {
    expect(() => nodeKeyFromHex(hex)).toThrow('64 lower-case hex digits')
  })

  it('order and equality are those of the bytes', () => {
    fc.assert(
      fc.property(bytes32, bytes32, (a, b) => {
        const [keyA, keyB] = [nodeKeyFromBytes(a), nodeKeyFromBytes(b)]
        expect(compareNodeKeys(keyA, keyB)).toBe(Math.sign(Buffer.compare(a, b)))
        expect(nodeKeyEquals(keyA, keyB)).toBe(Buffer.compare(a, b) === 0)
        expect(compareNodeKeys(keyA, nodeKeyFromBytes(a))).toBe(0)
        expect(nodeKeyEquals(keyA, nodeKeyFromBytes(a))).toBe(true)
      }),
    )
  })

  it('are recognised, and look-alikes are not', () => {
    const key = nodeKeyFromHex('0f'.repeat(32))
    expect(isNodeKey(key)).toBe(true)
    expect(isNodeKey({ bytes: key.bytes, hex: key.hex })).toBe(false)
    expect(isNodeKey(key.hex)).toBe(false)
    expect(isNodeKey(null)).toBe(false)
  })

  it('read as hex in texts and JSON', () => {
    const key = nodeKeyFromHex('0f'.repeat(32))
    expect(String(key)).toBe(key.hex)
    expect(JSON.stringify({ key })).toBe(`{"key":"${key.hex}"}`)
    expect(inspect(key)).toContain(key.hex)
  })
})
