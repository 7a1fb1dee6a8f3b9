import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeHeartbeat,
  encodeHeartbeat,
  heartbeatKey,
  ReplayGuard,
  type Heartbeat,
} from '../../../dist/discovery/heartbeat.ts'
import { createRealm, nodeKeyFromBytes } from '../../../mesh/index.ts'

const realm = createRealm('com.example.shop')
const SECRET = 'sixteen letters!'
const key = heartbeatKey(realm, 'main', SECRET)
const beat = (given: Partial<Heartbeat> = {}): Heartbeat => ({
  key: nodeKeyFromBytes(new Uint8Array(32).fill(7)),
  name: 'shop',
  address: { host: '10.0.0.7', port: 4433 },
  wallMs: 1_800_000_000_000,
  number: 1,
  ...given,
})

describe('a heartbeat', () => {
  it.each(['10.0.0.7', '2001:db8::1', `${'a'.repeat(63)}.example`])(
    'comes back from its bytes: %s',
    (host) => {
      const said = beat({ address: { host, port: 65_535 } })
      const read = decodeHeartbeat(encodeHeartbeat(said, key), key) as Heartbeat
      expect({ ...read, key: read.key.hex }).toEqual({ ...said, key: said.key.hex })
    },
  )

  it('D10 of another secret, realm or cluster is foreign', () => {
    const bytes = encodeHeartbeat(beat(), key)
    const others = [
      heartbeatKey(realm, 'main', 'another secret!!'),
      heartbeatKey(realm, 'blue', SECRET),
      heartbeatKey(createRealm('com.example.shop'), 'main', SECRET),
      heartbeatKey(realm, 'main', undefined),
    ]
    for (const other of others) expect(decodeHeartbeat(bytes, other)).toBe('foreign')
  })

  it('D10 with any bit changed is not taken', () => {
    const bytes = encodeHeartbeat(beat(), key)
    for (let i = 0; i < bytes.length * 8; i++) {
      const changed = Buffer.from(bytes)
      changed[i >> 3]! ^= 1 << (i & 7)
      expect(['foreign', 'garbage']).toContain(decodeHeartbeat(changed, key))
    }
  })

  it('D10 any bytes are garbage and throw nothing, also behind the right head', () => {
    const head = encodeHeartbeat(beat(), key).subarray(0, 8)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(typeof decodeHeartbeat(bytes, key)).toBe('string')
        expect(typeof decodeHeartbeat(Buffer.concat([head, bytes]), key)).toBe('string')
      }),
      { numRuns: 300 },
    )
  })
})

describe('ReplayGuard', () => {
  const make = (sendersMax = 2) => new ReplayGuard({ windowMs: 30_000, sendersMax })
  const now = beat().wallMs

  it('D10 takes a heartbeat once, at the edge of the window and not beyond', () => {
    const guard = make()
    expect(guard.take(beat(), now + 30_001)).toBe(false)
    expect(guard.take(beat(), now - 30_001)).toBe(false)
    expect(guard.take(beat(), now + 30_000)).toBe(true)
    expect(guard.take(beat(), now)).toBe(false)
    expect(guard.take(beat({ number: 2 }), now)).toBe(true)
    expect(guard.take(beat({ number: 9, wallMs: now - 1 }), now)).toBe(false)
    expect(guard.take(beat({ number: 1, wallMs: now + 1 }), now)).toBe(true)
  })

  it('keeps sendersMax senders; the longest silent gives way', () => {
    const guard = make()
    const of = (fill: number) => beat({ key: nodeKeyFromBytes(new Uint8Array(32).fill(fill)) })
    expect([1, 2, 3].map((fill) => guard.take(of(fill), now))).toEqual([true, true, true])
    expect(guard.take(of(3), now)).toBe(false)
    expect(guard.take(of(2), now)).toBe(false)
    expect(guard.take(of(1), now)).toBe(true)
  })
})
