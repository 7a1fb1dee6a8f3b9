import { describe, expect, it } from 'vitest'
import { nodeKeyFromBytes } from '../../../mesh/identity/node-key.ts'
import { ClusterSecret } from '../../../mesh/link/cluster-secret.ts'
import { Handshake } from '../../../mesh/link/handshake.ts'
import type { HandshakeEffect, HandshakeOptions, Hello } from '../../../mesh/link/handshake.ts'

const keyOf = (n: number) => nodeKeyFromBytes(new Uint8Array(32).fill(n))
const hello = (n: number, change: Partial<Hello> = {}): Hello => ({
  versionMin: 1,
  versionMax: 1,
  nodeKey: keyOf(n),
  kind: 'member',
  name: `n${n}`,
  host: '10.0.0.1',
  port: 4433,
  incarnation: 3,
  dials: 1,
  realmId: new Uint8Array([1, 2, 3]),
  cluster: 'main',
  membership: 'good',
  capabilities: ['sync', 'dist'],
  frameBytesMax: 1_000,
  states: [],
  ...change,
})
const options = (change: Partial<HandshakeOptions> = {}): HandshakeOptions => ({
  role: 'acceptor',
  own: hello(1),
  peerKey: keyOf(2),
  deadlineMs: 5_000,
  checkMembership: (h) =>
    h.membership === 'good' ? { roles: ['web'] } : { complaint: 'signature is wrong' },
  ...change,
})
const types = (effects: readonly HandshakeEffect[]) => effects.map((e) => e.type)
const failureOf = (effects: readonly HandshakeEffect[]) => {
  const last = effects.at(-1)
  return last?.type === 'failed' ? last.failure : undefined
}

describe('Handshake, dialler', () => {
  it('sends connect once, and is established by accepted', () => {
    const h = new Handshake(options({ role: 'dialer' }))
    expect(types(h.input({ type: 'start' }, 0))).toEqual(['send_connect'])
    expect(h.input({ type: 'start' }, 0)).toEqual([])
    const [effect] = h.input(
      { type: 'accepted', hello: hello(2, { capabilities: ['dist', 'x'], frameBytesMax: 500 }) },
      10,
    )
    expect(effect).toMatchObject({
      type: 'established',
      negotiated: { version: 1, capabilities: ['dist'], frameBytesMax: 500, roles: ['web'] },
    })
    expect(h.ended).toBe(true)
  })

  it.each([
    'realm_mismatch',
    'membership_invalid',
    'version_unsupported',
    'simultaneous_dial',
    'stale_incarnation',
    'self',
    'too_many_links',
    'not_accepting',
    'key_in_use',
  ])('names the reason %s of a rejection', (reason) => {
    const h = new Handshake(options({ role: 'dialer' }))
    h.input({ type: 'start' }, 0)
    const effects = h.input({ type: 'rejected', reason, message: 'no' }, 10)
    expect(failureOf(effects)).toEqual({ code: 'ERR_LINK_REJECTED', reason, message: 'no' })
  })

  it('checks the realm and the membership of the acceptor too', () => {
    for (const [bad, reason] of [
      [hello(2, { realmId: new Uint8Array([9]) }), 'realm_mismatch'],
      [hello(2, { cluster: 'Main' }), 'cluster_mismatch'],
      [hello(2, { membership: 'forged' }), 'membership_invalid'],
    ] as const) {
      const h = new Handshake(options({ role: 'dialer' }))
      h.input({ type: 'start' }, 0)
      const effects = h.input({ type: 'accepted', hello: bad }, 10)
      expect(types(effects)).toEqual(['send_rejected', 'failed'])
      expect(failureOf(effects)).toMatchObject({ code: 'ERR_LINK_REFUSED', reason })
    }
  })

  it('a connect from the acceptor is out of place', () => {
    const h = new Handshake(options({ role: 'dialer' }))
    h.input({ type: 'start' }, 0)
    expect(failureOf(h.input({ type: 'connect', hello: hello(2) }, 1))?.code).toBe(
      'ERR_LINK_EARLY_FRAME',
    )
  })
})

describe('Handshake, acceptor', () => {
  const judged = (change: Partial<HandshakeOptions> = {}) => {
    const h = new Handshake(options(change))
    h.input({ type: 'start' }, 0)
    h.input({ type: 'connect', hello: hello(2, { incarnation: 8, dials: 4 }) }, 1)
    return { h, effects: h.input({ type: 'lane_open' }, 2) }
  }

  it('asks the pool once connect and the dist lane are there, in either order', () => {
    expect(judged().effects).toEqual([{ type: 'judge', offer: { incarnation: 8, dials: 4 } }])
    const h = new Handshake(options())
    expect(h.input({ type: 'lane_open' }, 1)).toEqual([])
    expect(types(h.input({ type: 'connect', hello: hello(2) }, 2))).toEqual(['judge'])
  })

  it('sends accepted before it is established', () => {
    const { h } = judged()
    const verdict = { type: 'accept', replace: false, dropDial: false } as const
    expect(types(h.input({ type: 'verdict', verdict }, 3))).toEqual([
      'send_accepted',
      'established',
    ])
    expect(h.input({ type: 'verdict', verdict }, 3)).toEqual([])
  })

  it.each(['simultaneous_dial', 'stale_incarnation', 'too_many_links', 'not_accepting'] as const)(
    'a verdict of %s is told to the peer',
    (reason) => {
      const { h } = judged()
      const effects = h.input({ type: 'verdict', verdict: { type: 'reject', reason } }, 3)
      expect(effects[0]).toMatchObject({ type: 'send_rejected', reason })
      expect(failureOf(effects)).toMatchObject({ code: 'ERR_LINK_REFUSED', reason })
    },
  )

  it.each<[string, Partial<Hello>, string]>([
    ['another realm', { realmId: new Uint8Array([1, 2, 4]) }, 'realm_mismatch'],
    ['another cluster', { cluster: 'staging' }, 'cluster_mismatch'],
    ['a realm id that is a prefix', { realmId: new Uint8Array([1, 2]) }, 'realm_mismatch'],
    ['a forged membership', { membership: 'forged' }, 'membership_invalid'],
    ['a version too new', { versionMin: 2, versionMax: 3 }, 'version_unsupported'],
    ['a version too old', { versionMin: 0, versionMax: 0 }, 'version_unsupported'],
  ])('H4 H9 %s is refused with a reason before the pool is asked', (_claim, change, reason) => {
    const h = new Handshake(options())
    h.input({ type: 'lane_open' }, 0)
    const effects = h.input({ type: 'connect', hello: hello(2, change) }, 1)
    expect(effects[0]).toMatchObject({ type: 'send_rejected', reason })
    expect(failureOf(effects)).toMatchObject({ code: 'ERR_LINK_REFUSED', reason })
  })

  it('H32 a hello that names another key than the certificate is refused', () => {
    const h = new Handshake(options())
    const effects = h.input({ type: 'connect', hello: hello(7) }, 1)
    expect(failureOf(effects)?.reason).toBe('membership_invalid')
  })

  it('refuses itself', () => {
    const h = new Handshake(options({ peerKey: keyOf(1) }))
    expect(failureOf(h.input({ type: 'connect', hello: hello(1) }, 1))?.reason).toBe('self')
  })

  it('H9 the highest common version is chosen', () => {
    const h = new Handshake(options({ own: hello(1, { versionMin: 1, versionMax: 4 }) }))
    h.input({ type: 'lane_open' }, 0)
    h.input({ type: 'connect', hello: hello(2, { versionMin: 2, versionMax: 3 }) }, 1)
    const verdict = { type: 'accept', replace: false, dropDial: false } as const
    expect(h.input({ type: 'verdict', verdict }, 3)[1]).toMatchObject({
      negotiated: { version: 3 },
    })
  })

  it('H6 any other frame before accepted ends it, whatever came before', () => {
    for (const early of ['first', 'after connect', 'while judged']) {
      const h = new Handshake(options())
      h.input({ type: 'start' }, 0)
      if (early !== 'first') h.input({ type: 'connect', hello: hello(2) }, 1)
      if (early === 'while judged') h.input({ type: 'lane_open' }, 1)
      const effects = h.input({ type: 'other_frame', name: 'publish' }, 2)
      expect(failureOf(effects)?.code).toBe('ERR_LINK_EARLY_FRAME')
      expect(h.input({ type: 'connect', hello: hello(2) }, 3)).toEqual([])
    }
  })

  it('a second connect ends it', () => {
    const h = new Handshake(options())
    h.input({ type: 'connect', hello: hello(2) }, 1)
    expect(failureOf(h.input({ type: 'connect', hello: hello(2) }, 1))?.code).toBe(
      'ERR_LINK_EARLY_FRAME',
    )
  })

  it('ML39 a peer that says nothing is given up at the deadline and not before', () => {
    const h = new Handshake(options())
    h.input({ type: 'start' }, 0)
    expect(h.input({ type: 'tick' }, 4_999)).toEqual([])
    expect(failureOf(h.input({ type: 'tick' }, 5_000))?.code).toBe('ERR_LINK_HANDSHAKE_TIMEOUT')
    expect(h.input({ type: 'tick' }, 6_000)).toEqual([])
  })
})

describe('NX-D12 Handshake with a cluster secret', () => {
  const nonceOf = (n: number) => new Uint8Array(32).fill(n)
  const [good, bad] = [
    new ClusterSecret('correct horse battery'),
    new ClusterSecret('x'.repeat(16)),
  ]
  /** Both sides by the effects of the other; what crossed, and how each ended. */
  const meet = (
    dialer: ClusterSecret | undefined,
    acceptor: ClusterSecret | undefined,
    twist: (effect: HandshakeEffect) => HandshakeEffect = (effect) => effect,
  ) => {
    const nonce = (secret: unknown, n: number) =>
      secret === undefined ? {} : { nonce: nonceOf(n) }
    const own = { 2: hello(2, nonce(dialer, 22)), 1: hello(1, nonce(acceptor, 11)) }
    const sides = {
      dialer: new Handshake(
        options({ role: 'dialer', own: own[2], peerKey: keyOf(1), secret: dialer }),
      ),
      acceptor: new Handshake(options({ own: own[1], secret: acceptor })),
    }
    const crossed: string[] = []
    const ends: Record<string, string> = {}
    const run = (side: 'dialer' | 'acceptor', effects: readonly HandshakeEffect[]): void => {
      const other = side === 'dialer' ? 'acceptor' : 'dialer'
      const tell = (input: Parameters<Handshake['input']>[0]) =>
        run(other, sides[other].input(input, 1))
      for (const effect of effects.map(twist)) {
        if (effect.type.startsWith('send_')) crossed.push(effect.type.slice(5))
        if (effect.type === 'send_connect') tell({ type: 'connect', hello: own[2] })
        else if (effect.type === 'send_challenge') tell({ ...effect, type: 'challenge' })
        else if (effect.type === 'send_response') tell({ ...effect, type: 'response' })
        else if (effect.type === 'send_accepted') tell({ type: 'accepted', hello: own[1] })
        else if (effect.type === 'send_rejected') tell({ ...effect, type: 'rejected' })
        else if (effect.type === 'judge') {
          const verdict = { type: 'accept', replace: false, dropDial: false } as const
          run(side, sides[side].input({ type: 'verdict', verdict }, 1))
        } else if (effect.type === 'established') ends[side] = 'established'
        else if (effect.type === 'failed')
          ends[side] = `${effect.failure.code} ${effect.failure.reason}`
      }
    }
    sides.acceptor.input({ type: 'start' }, 0)
    sides.acceptor.input({ type: 'lane_open' }, 0)
    run('dialer', sides.dialer.input({ type: 'start' }, 0))
    return { crossed, ends }
  }

  it('both prove it, and only then the pool is asked', () => {
    expect(meet(good, good)).toEqual({
      crossed: ['connect', 'challenge', 'response', 'accepted'],
      ends: { dialer: 'established', acceptor: 'established' },
    })
  })

  it.each<[string, ClusterSecret | undefined, ClusterSecret | undefined, string]>([
    ['another one', bad, good, 'acceptor'],
    ['one and none', good, undefined, 'dialer'],
    ['none and one', undefined, good, 'dialer'],
  ])('%s is secret_mismatch for both', (_claim, dialer, acceptor) => {
    const { ends } = meet(dialer, acceptor)
    const words = Object.values(ends).map((end) => end.split(' ')[1])
    expect(words.filter((word) => word === 'secret_mismatch').length).toBeGreaterThan(0)
    expect(Object.values(ends)).not.toContain('established')
  })

  it.each<[string, (effect: HandshakeEffect) => HandshakeEffect]>([
    [
      'a proof for another connection',
      (e) => (e.type === 'send_response' ? { ...e, message: { proof: nonceOf(7) } } : e),
    ],
    [
      'the proof of the other side sent back',
      (() => {
        let proof: Uint8Array = nonceOf(0)
        return (e: HandshakeEffect): HandshakeEffect => {
          if (e.type === 'send_challenge') ({ proof } = e.message)
          return e.type === 'send_response' ? { ...e, message: { proof } } : e
        }
      })(),
    ],
    [
      'an acceptor without a proof',
      (e) =>
        e.type === 'send_challenge'
          ? { ...e, message: { nonce: nonceOf(11), proof: new Uint8Array(32) } }
          : e,
    ],
  ])('%s is refused', (_claim, twist) => {
    const { ends } = meet(good, good, twist)
    expect(Object.values(ends)).toContain('ERR_LINK_REFUSED secret_mismatch')
    expect(ends['acceptor']).not.toBe('established')
  })

  it('an acceptor that accepts without a challenge is refused', () => {
    const h = new Handshake(
      options({ role: 'dialer', own: hello(1, { nonce: nonceOf(1) }), secret: good }),
    )
    h.input({ type: 'start' }, 0)
    const effects = h.input({ type: 'accepted', hello: hello(2, { nonce: nonceOf(2) }) }, 1)
    expect(failureOf(effects)?.reason).toBe('secret_mismatch')
  })

  it('proofs differ by side, keys, random numbers and realm, and say nothing of the secret', () => {
    const scope = {
      ...{ realmId: nonceOf(1), dialerKey: nonceOf(2), acceptorKey: nonceOf(3) },
      ...{ dialerNonce: nonceOf(4), acceptorNonce: nonceOf(5) },
    }
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
    const proofs = [hex(good.proof('dialer', scope)), hex(good.proof('acceptor', scope))]
    for (const part of Object.keys(scope)) {
      proofs.push(hex(good.proof('dialer', { ...scope, [part]: nonceOf(9) })))
    }
    expect(new Set(proofs).size).toBe(7)
    expect(good.isProof(good.proof('dialer', scope), 'dialer', scope)).toBe(true)
    expect(good.isProof(good.proof('dialer', scope).subarray(1), 'dialer', scope)).toBe(false)
    expect(good.isProof(good.proof('dialer', scope), 'acceptor', scope)).toBe(false)
  })
})
