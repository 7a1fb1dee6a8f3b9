import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import nacl from 'tweetnacl'
import {
  BOX_OVERHEAD_BYTES,
  boxPublicKey,
  boxSecretKey,
  createBoxes,
  NONCE_BYTES,
} from '../../../mesh/identity/box.ts'
import { nodeKeysFromSeed } from '../../../mesh/identity/keys.ts'
import { ed25519Signatures } from '../../../mesh/identity/signatures.ts'
import { simulatedSignatures } from '../../../mesh/identity/simulated-signatures.ts'

const keysOf = (n: number) => nodeKeysFromSeed(new Uint8Array(32).fill(n))
const nonce = new Uint8Array(NONCE_BYTES).fill(7)
const text = Uint8Array.from(Buffer.from('for your eyes only'))
const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })

/** The X25519 private key with those bytes, for `node:crypto` (RFC 8410). */
function x25519(secret: Uint8Array) {
  const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), secret])
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

function publicX25519(point: Uint8Array) {
  const der = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), point])
  return createPublicKey({ key: der, format: 'der', type: 'spki' })
}

/** 32 bytes, little-endian. */
function bytesOf(number: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, at) => Number((number >> BigInt(8 * at)) & 255n))
}

describe('keys of boxes', () => {
  it('are those that node:crypto and tweetnacl derive from the secret', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const keys = nodeKeysFromSeed(seed)
        const secret = boxSecretKey(keys)
        const point = boxPublicKey(keys.publicKey)
        const spki = createPublicKey(x25519(secret)).export({ format: 'der', type: 'spki' })
        expect(Buffer.from(point!).equals(spki.subarray(-32))).toBe(true)
        expect(point).toEqual(nacl.scalarMult.base(secret))
      }),
      { numRuns: 10, seed: 6_001 },
    )
  })

  it('give two nodes the secret that node:crypto agrees on', () => {
    const [a, b] = [keysOf(1), keysOf(2)]
    const agreed = diffieHellman({
      privateKey: x25519(boxSecretKey(a)),
      publicKey: publicX25519(boxPublicKey(b.publicKey)!),
    })
    const ours = nacl.scalarMult(boxSecretKey(b), boxPublicKey(a.publicKey)!)
    expect(agreed.equals(ours)).toBe(true)
  })

  it('are none for points of small order and numbers beyond the field', () => {
    const p = 2n ** 255n - 19n
    // y of the points of order 1, 2, 4 and 8.
    const eighths = [
      2707385501144840649318225287225658788936804267575313519463743609750303402022n,
      55188659117513257062467267217118295137698188065244968500265048394206261417927n,
    ]
    for (const y of [1n, p - 1n, 0n, p, p + 1n, ...eighths]) {
      expect(boxPublicKey(bytesOf(y)), `y = ${y}`).toBeUndefined()
    }
    expect(boxPublicKey(keysOf(1).publicKey)).toBeDefined()
  })
})

for (const signatures of [
  ed25519Signatures,
  simulatedSignatures(),
  simulatedSignatures({ realShare: 0 }),
]) {
  describe(`boxes (${signatures.name})`, () => {
    const [a, b, c] = [1, 2, 3].map((n) => signatures.keysFromSeed(new Uint8Array(32).fill(n)))
    const [ofA, ofB, ofC] = [a!, b!, c!].map((keys) => signatures.createBoxes(keys))

    it('are opened by the one they are for, and by nobody else', () => {
      const box = ofA!.seal(b!.publicKey, nonce, text)!
      expect(box).toHaveLength(text.length + BOX_OVERHEAD_BYTES)
      expect(Buffer.from(box).includes(Buffer.from(text))).toBe(false)
      expect(ofB!.open(a!.publicKey, nonce, box)).toEqual(text)
      expect(ofB!.open(c!.publicKey, nonce, box)).toBeUndefined()
      expect(ofC!.open(a!.publicKey, nonce, box)).toBeUndefined()
    })

    it('are refused when any byte of box or nonce is another one', () => {
      const box = ofA!.seal(b!.publicKey, nonce, text)!
      for (let at = 0; at < box.length; at++) {
        const altered = box.slice()
        altered[at]! ^= 0x20
        expect(ofB!.open(a!.publicKey, nonce, altered), `byte ${at}`).toBeUndefined()
      }
      for (let at = 0; at < nonce.length; at++) {
        const altered = nonce.slice()
        altered[at]! ^= 1
        expect(ofB!.open(a!.publicKey, altered, box), `nonce ${at}`).toBeUndefined()
      }
    })

    it('are refused when they are no boxes, without throwing', () => {
      expect(ofB!.open(a!.publicKey, nonce, new Uint8Array(15))).toBeUndefined()
      expect(ofB!.open(a!.publicKey, nonce.subarray(1), new Uint8Array(40))).toBeUndefined()
      expect(ofB!.open(new Uint8Array(31), nonce, new Uint8Array(40))).toBeUndefined()
      expect(ofA!.seal(new Uint8Array(32).fill(255), nonce, text)).toBeUndefined()
    })

    it('hold nothing as well as something, and Buffers as well as arrays', () => {
      const box = ofA!.seal(b!.publicKey, nonce, new Uint8Array(0))!
      expect(ofB!.open(a!.publicKey, nonce, Buffer.from(box))).toEqual(new Uint8Array(0))
      const other = ofA!.seal(Buffer.from(b!.publicKey), Buffer.from(nonce), Buffer.from(text))!
      expect(ofB!.open(a!.publicKey, nonce, other)).toEqual(text)
    })
  })
}

describe('boxes under OpenSSL', () => {
  it("are NaCl's, both ways", () => {
    fc.assert(
      fc.property(seeds, seeds, (mine, yours) => {
        const [ours, theirs] = [nodeKeysFromSeed(mine), nodeKeysFromSeed(yours)]
        const [point, secret] = [boxPublicKey(ours.publicKey)!, boxSecretKey(theirs)]
        const box = createBoxes(ours).seal(theirs.publicKey, nonce, text)!
        expect(nacl.box.open(box, nonce, point, secret)).toEqual(text)
        const other = nacl.box(text, nonce, point, secret)
        expect(createBoxes(ours).open(theirs.publicKey, nonce, other)).toEqual(text)
      }),
      { numRuns: 10, seed: 6_002 },
    )
  })

  it('are made or refused, never thrown about, for whatever 32 bytes a peer calls its key', () => {
    const boxes = createBoxes(keysOf(1))
    fc.assert(
      fc.property(seeds, (bytes) => {
        const box = boxes.seal(bytes, nonce, text)
        expect(box === undefined).toBe(boxPublicKey(bytes) === undefined)
      }),
      { numRuns: 200, seed: 6_003 },
    )
  })
})

describe('boxes of different simulations', () => {
  it('do not know each other', () => {
    const [here, there] = [1, 2].map(() => simulatedSignatures({ realShare: 0 }))
    const own = here!.createBoxes(here!.keysFromSeed(new Uint8Array(32).fill(1)))
    const stranger = there!.keysFromSeed(new Uint8Array(32).fill(2))
    expect(own.seal(stranger.publicKey, nonce, text)).toBeUndefined()
  })

  it('send a share through the real boxes', () => {
    const signatures = simulatedSignatures({ realShare: 0.5 })
    const [a, b] = [1, 2].map((n) => signatures.keysFromSeed(new Uint8Array(32).fill(n)))
    const [ofA, ofB] = [signatures.createBoxes(a!), createBoxes(keysOf(2))]
    let real = 0
    for (let n = 0; n < 40; n++) {
      const each = new Uint8Array(NONCE_BYTES).fill(n)
      const box = ofA.seal(b!.publicKey, each, text)!
      if (ofB.open(a!.publicKey, each, box) !== undefined) real += 1
    }
    expect(real).toBeGreaterThan(8)
    expect(real).toBeLessThan(32)
  })
})
