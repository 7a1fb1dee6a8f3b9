import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import nacl from 'tweetnacl'
import { describe, expect, it } from 'vitest'
import { KeyError } from '../../../mesh/identity/errors.ts'
import {
  generateNodeKeys,
  nodeKeysFromPem,
  nodeKeysFromSeed,
  verifySignature,
} from '../../../mesh/identity/keys.ts'
import { nodeKeyOfPublicKey } from '../../../mesh/identity/node-key.ts'

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })
const messages = fc.uint8Array({ maxLength: 200 })

describe('node keys', () => {
  it('agree with tweetnacl on public key, signature and verification', () => {
    fc.assert(
      fc.property(seeds, messages, (seed, message) => {
        const ours = nodeKeysFromSeed(seed)
        const theirs = nacl.sign.keyPair.fromSeed(seed)
        expect(ours.publicKey).toEqual(theirs.publicKey)
        const signature = ours.sign(message)
        expect(signature).toEqual(nacl.sign.detached(message, theirs.secretKey))
        expect(nacl.sign.detached.verify(message, signature, ours.publicKey)).toBe(true)
        expect(verifySignature(theirs.publicKey, message, signature)).toBe(true)
      }),
      { numRuns: 15 },
    )
  })

  it('agree with tweetnacl that a changed bit verifies nowhere', () => {
    fc.assert(
      fc.property(seeds, messages, fc.nat(511), (seed, message, bit) => {
        const keys = nodeKeysFromSeed(seed)
        const signature = keys.sign(message)
        signature[bit >> 3]! ^= 1 << (bit & 7)
        expect(verifySignature(keys.publicKey, message, signature)).toBe(false)
        expect(nacl.sign.detached.verify(message, signature, keys.publicKey)).toBe(false)
      }),
      { numRuns: 15 },
    )
  })

  it('refuse the second form of a signature, S + L, which tweetnacl lets through', () => {
    const keys = generateNodeKeys()
    const message = Buffer.from('message')
    const signature = keys.sign(message)
    const other = signature.slice()
    // L, the order of the base point, little-endian.
    const order = Buffer.from(
      'edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010',
      'hex',
    )
    for (let i = 0, carry = 0; i < 32; i++) {
      const sum = signature[32 + i]! + order[i]! + carry
      other[32 + i] = sum & 0xff
      carry = sum >> 8
    }
    expect(verifySignature(keys.publicKey, message, signature)).toBe(true)
    expect(verifySignature(keys.publicKey, message, other)).toBe(false)
  })

  it('are fresh each time, and name their node', () => {
    const a = generateNodeKeys()
    const b = generateNodeKeys()
    expect(a.nodeKey.hex).not.toBe(b.nodeKey.hex)
    expect(a.nodeKey.hex).toBe(nodeKeyOfPublicKey(a.publicKey).hex)
  })

  it('come back from their PEM', () => {
    const keys = generateNodeKeys()
    const again = nodeKeysFromPem(keys.privateKeyPem)
    expect(again.publicKey).toEqual(keys.publicKey)
    expect(createPrivateKey(keys.privateKeyPem).asymmetricKeyType).toBe('ed25519')
  })

  it('SEC15 do not show the private key', () => {
    const keys = generateNodeKeys()
    const secret = keys.privateKeyPem.split('\n')[1] ?? ''
    expect(secret.length).toBeGreaterThan(40)
    for (const text of [inspect(keys, { showHidden: true, depth: 5 }), JSON.stringify(keys)]) {
      expect(text).not.toContain(secret)
      expect(text).not.toContain('PRIVATE')
    }
  })

  it('refuse another kind of key, without quoting it', () => {
    const { privateKey } = generateKeyPairSync('x25519')
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    expect(() => nodeKeysFromPem(pem)).toThrow(/must be Ed25519, not x25519/)
    for (const bad of ['', 'secret!', pem.slice(0, 50)]) {
      expect(() => nodeKeysFromPem(bad)).toThrow(KeyError)
      expect(() => nodeKeysFromPem(bad)).toThrow('the private key is not a PKCS#8 PEM')
    }
    expect(() => nodeKeysFromSeed(new Uint8Array(31))).toThrow(KeyError)
  })
})

describe('verifySignature', () => {
  it('answers false for anything, and never throws', () => {
    const { publicKey } = generateNodeKeys()
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 70 }),
      fc.anything(),
    ) as fc.Arbitrary<Uint8Array>
    fc.assert(
      fc.property(anything, anything, anything, (key, message, signature) => {
        expect(verifySignature(key, message, signature)).toBe(false)
        expect(verifySignature(publicKey, message, signature)).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  it('answers false for lengths beside 32 and 64', () => {
    const keys = generateNodeKeys()
    const message = Buffer.from('m')
    const signature = keys.sign(message)
    expect(verifySignature(keys.publicKey, message, signature.subarray(0, 63))).toBe(false)
    expect(verifySignature(keys.publicKey, message, Buffer.concat([signature, signature]))).toBe(
      false,
    )
    expect(verifySignature(keys.publicKey.subarray(1), message, signature)).toBe(false)
  })
})
