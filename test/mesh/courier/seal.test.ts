import { describe, expect, it } from 'vitest'
import { readFrames } from '../../../mesh/courier/frames.ts'
import { SEAL_OVERHEAD_BYTES, Seals } from '../../../mesh/courier/seal.ts'
import type { Opened } from '../../../mesh/courier/seal.ts'
import { createRealm, issueMembership } from '../../../mesh/identity/realm.ts'
import type { Realm } from '../../../mesh/identity/realm.ts'
import { ed25519Signatures } from '../../../mesh/identity/signatures.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { createSeededEntropy } from '../../../runtime/index.ts'
import { frameOf } from './courier-world.ts'

const signatures = ed25519Signatures
const NOW = 1_800_000_000_000
const authority = signatures.keysFromSeed(new Uint8Array(32).fill(99))
const realm = createRealm('com.example.seals', { authority })
const via = 'ab'.repeat(32)

let clockMs = NOW

function nodeOf(n: number, more: { realm?: Realm; life?: number; roles?: string[] } = {}) {
  const { realm: of = realm, life = 1, roles = [] } = more
  const keys = signatures.keysFromSeed(new Uint8Array(32).fill(n))
  const membership = issueMembership(of, keys.nodeKey, { wallNowMs: NOW, roles, validMs: 1e9 })
  const seals = new Seals({
    ...{ realm, life, publicKey: keys.publicKey, membership: () => membership },
    boxes: signatures.createBoxes(keys),
    entropy: createSeededEntropy(n),
    wallNowMs: () => clockMs,
    limits: { sealAgeMaxMs: 60_000, sendersMax: 10, membershipsMax: 10 },
  })
  return { keys, seals, key: keys.nodeKey.hex }
}

const frames = [frameOf('one'), frameOf('two', WireType.publish)]
const a = nodeOf(1)

const b = nodeOf(2)

/** What a receiver makes of it that has taken nothing of that number. */
function opened(sealed: Uint8Array, source = a.key): Opened | string {
  return b.seals.open(sealed, source)
}

const seal = (from = a, gateway?: string): Uint8Array =>
  from.seals.seal(b.keys.publicKey, frames, gateway)!

describe('a sealed message', () => {
  it('brings who sent it, with its roles and its gateway, and the frames', () => {
    const from = nodeOf(1, { roles: ['admin', 'writer'] })
    const result = b.seals.open(seal(from, via), from.key) as Opened
    expect(result).toMatchObject({
      roles: ['admin', 'writer'],
      via,
      publicKey: from.keys.publicKey,
    })
    expect(result.sender.hex).toBe(from.key)
    const read = readFrames(result.frames)!
    expect(read.map(({ type, payload }) => `${type} ${Buffer.from(payload).toString()}`)).toEqual([
      '32 one',
      '16 two',
    ])
    const other = nodeOf(2).seals.open(seal(), a.key)
    expect(other).toMatchObject({ via: undefined, roles: [] })
  })

  it('is no longer than the overhead that is reckoned with', () => {
    const roles = Array.from(
      { length: 16 },
      (_each, n) => `${String.fromCodePoint(97 + n)}${'x'.repeat(62)}`,
    )
    const from = nodeOf(1, { roles })
    const sealed = seal(from, via)
    expect(sealed.length).toBe(SEAL_OVERHEAD_BYTES + frames[0]!.length + frames[1]!.length)
  })

  it('is refused when any byte of it is another one', () => {
    const sealed = seal(a, via)
    const codes = new Set<unknown>()
    for (let at = 0; at < sealed.length; at++) {
      const altered = Uint8Array.from(sealed)
      altered[at]! ^= 1
      const result = opened(altered)
      expect(result, `byte ${at}`).toBeTypeOf('string')
      codes.add(result)
    }
    expect([...codes].sort()).toEqual([
      'ERR_COURIER_MEMBERSHIP',
      'ERR_COURIER_SEAL',
      'ERR_COURIER_SOURCE',
    ])
  })

  it('is refused when it is cut off anywhere, without throwing', () => {
    const sealed = seal()
    for (let length = 0; length < sealed.length; length++) {
      expect(opened(sealed.subarray(0, length)), `${length} bytes`).toBe('ERR_COURIER_SEAL')
    }
  })

  it('is for one node only', () => {
    expect(nodeOf(3).seals.open(seal(), a.key)).toBe('ERR_COURIER_SEAL')
  })

  it('is of the node that sealed it, whatever the envelope says', () => {
    expect(opened(seal(), nodeOf(3).key)).toBe('ERR_COURIER_SOURCE')
  })

  it('cannot be given back to the node that sealed it as one of the other', () => {
    const sealed = seal()
    const answer = nodeOf(2).seals.seal(a.keys.publicKey, frames, undefined)!
    // Head of b, nonce and box of a: both have the same key.
    const head = answer.length - (24 + 16 + 9 + frames[0]!.length + frames[1]!.length)
    expect(head).toBe(1 + 32 + 17 + 64)
    const forged = Buffer.concat([answer.subarray(0, head), sealed.subarray(head)])
    expect(a.seals.open(answer, b.key)).toBeTypeOf('object')
    expect(a.seals.open(forged, b.key)).toBe('ERR_COURIER_SEAL')
  })

  it('of a node of another realm is refused', () => {
    const stranger = nodeOf(4, { realm: createRealm('com.example.seals') })
    expect(opened(seal(stranger), stranger.key)).toBe('ERR_COURIER_MEMBERSHIP')
  })

  it('of a node whose membership has ended is refused, also when it was known', () => {
    const receiver = nodeOf(2)
    expect(receiver.seals.open(seal(), a.key)).toBeTypeOf('object')
    clockMs = NOW + 1e9 + 400_000
    expect(receiver.seals.open(seal(), a.key)).toBe('ERR_COURIER_MEMBERSHIP')
    clockMs = NOW
  })

  it('H31 is taken once, and not after its time', () => {
    const receiver = nodeOf(2)
    const sealed = seal()
    expect(receiver.seals.open(sealed, a.key)).toBeTypeOf('object')
    expect(receiver.seals.open(sealed, a.key)).toBe('ERR_COURIER_REPLAYED')
    clockMs = NOW + 60_001
    expect(nodeOf(2).seals.open(sealed, a.key)).toBe('ERR_COURIER_STALE')
    clockMs = NOW
    const earlier = seal(nodeOf(1, { life: 1 }))
    expect(receiver.seals.open(seal(nodeOf(1, { life: 2 })), a.key)).toBeTypeOf('object')
    expect(receiver.seals.open(earlier, a.key)).toBe('ERR_COURIER_REPLAYED')
  })

  it('has another nonce each time, to whomever it goes', () => {
    const from = nodeOf(1)
    const nonces = new Set<string>()
    for (let n = 0; n < 30; n++) {
      const to = nodeOf(2 + (n % 3))
      const sealed = from.seals.seal(to.keys.publicKey, frames, undefined)!
      const at = 1 + 32 + 17 + 64
      nonces.add(`${n % 3} ${Buffer.from(sealed.subarray(at, at + 24)).toString('hex')}`)
    }
    expect(nonces.size).toBe(30)
  })

  it('is none for a key that nothing can be sealed for', () => {
    expect(a.seals.seal(new Uint8Array(32).fill(255), frames, undefined)).toBeUndefined()
  })
})

describe('the frames in it', () => {
  it('are all or none', () => {
    const one = frameOf('x')
    expect(readFrames(new Uint8Array(0))).toEqual([])
    expect(readFrames(Buffer.concat([one, one]))).toHaveLength(2)
    const bad = (at: number, value: number): Uint8Array => {
      const altered = Buffer.concat([one, one])
      altered[at] = value
      return altered
    }
    for (const [at, value] of [
      [0, 2],
      [1, WireType.swimPing],
      [1, WireType.rpcRoute],
      [2, 1],
      [3, 1],
      [7, 2],
      [15, 200],
      [4, 255],
    ] as const) {
      expect(readFrames(bad(at, value)), `byte ${at}`).toBeUndefined()
    }
    expect(readFrames(Buffer.concat([one, one.subarray(0, 5)]))).toBeUndefined()
  })
})
