import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { nodeKeysFromSeed } from '../../../mesh/identity/keys.ts'
import type { NodeKeys } from '../../../mesh/identity/keys.ts'
import type { Membership } from '../../../mesh/identity/membership.ts'
import { createRealm, issueMembership } from '../../../mesh/identity/realm.ts'
import type { Realm } from '../../../mesh/identity/realm.ts'
import { RealmAuthority, statementSignedBytes } from '../../../mesh/membership/authority.ts'
import type { StatementProof } from '../../../mesh/membership/proof.ts'
import { SwimProtocol } from '../../../mesh/membership/swim-protocol.ts'
import type { Statement, StatementFields } from '../../../mesh/membership/swim/statement.ts'
import { VerifiedMemberships } from '../../../mesh/identity/verified-memberships.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { HEADER_BYTES } from '../../../mesh/wire/frame.ts'

const NOW_MS = 1_800_000_000_000
const DAY_MS = 86_400_000
const seed = (n: number) => new Uint8Array(32).fill(n)
const realmOf = (n: number, name = 'com.example.test') =>
  createRealm(name, { authority: nodeKeysFromSeed(seed(100 + n)) })
const realm = realmOf(1)

/** A node of a test: keys, the membership it uses, and its authority. */
class Node {
  readonly keys: NodeKeys
  membership: Membership
  readonly authority: RealmAuthority
  #counter = 0

  constructor(n: number, clock: { nowMs: number }, where: Realm = realm, cluster = 'main') {
    this.keys = nodeKeysFromSeed(seed(n))
    this.membership = this.issue(where, clock.nowMs, 30 * DAY_MS)
    this.authority = new RealmAuthority({
      realm: where,
      cluster,
      keys: this.keys,
      membership: () => this.membership,
      wallNowMs: () => clock.nowMs,
    })
  }

  issue(where: Realm, wallNowMs: number, validMs: number): Membership {
    return issueMembership(where, this.keys.nodeKey, { wallNowMs, validMs, roles: ['db', 'web'] })
  }

  say(change: Partial<StatementFields> = {}): Statement {
    return this.authority.sign({
      id: this.keys.nodeKey.hex,
      generation: 7,
      counter: this.#counter++,
      name: 'shop',
      host: '10.0.0.1',
      port: 4433,
      left: false,
      meta: Uint8Array.of(1, 2, 3),
      ...change,
    })
  }
}

const clock = { nowMs: NOW_MS }
const a = new Node(1, clock)
const b = new Node(2, clock)
const proofOf = ({ proof }: Statement) => proof as StatementProof
const withProof = (statement: Statement, change: Partial<StatementProof>): Statement => ({
  ...statement,
  proof: { ...proofOf(statement), ...change },
})

describe('RealmAuthority', () => {
  it('S43 believes a node about itself, alive or left', () => {
    expect(b.authority.check(a.say())).toBeUndefined()
    expect(b.authority.check(a.say({ left: true, meta: new Uint8Array(512) }))).toBeUndefined()
  })

  it.each<[keyof StatementFields, Partial<StatementFields>]>([
    ['generation', { generation: 8 }],
    ['counter', { counter: 2 ** 31 - 1 }],
    ['name', { name: 'shoq' }],
    ['host', { host: '10.0.0.2' }],
    ['port', { port: 4434 }],
    ['left', { left: true }],
    ['meta', { meta: Uint8Array.of(1, 2, 4) }],
    ['meta', { meta: new Uint8Array(0) }],
    ['id', { id: b.keys.nodeKey.hex }],
  ])('S43 another %s than was signed is refused', (_field, change) => {
    const said = { ...a.say(), ...change }
    expect(b.authority.check(said)).toBe('ERR_SWIM_SIGNATURE')
  })

  it('S43 moving a letter from one field to the next is seen', () => {
    const said = a.say({ name: 'ab', host: 'c.example' })
    expect(b.authority.check({ ...said, name: 'a', host: 'bc.example' })).toBe('ERR_SWIM_SIGNATURE')
  })

  it('S43 any byte of a statement on the wire: it is refused, or no statement any more', () => {
    const protocol = new SwimProtocol(new Codec(), realm.id)
    const said = a.say()
    const good = protocol.datagram({
      type: 'gossip',
      updates: [{ type: 'statement', statement: said }],
    })
    const counts = { refused: 0, unreadable: 0, same: 0 }
    for (let at = HEADER_BYTES; at < good.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = Uint8Array.from(good.subarray(HEADER_BYTES))
        bytes[at - HEADER_BYTES]! ^= flip
        let read: Statement | undefined
        try {
          const update = protocol.readDatagram(0x34, bytes).updates[0]
          if (update?.type === 'statement') read = update.statement
        } catch {
          // A garbled datagram is dropped as a whole.
        }
        if (read === undefined) counts.unreadable += 1
        else if (isDeepStrictEqual(read, { ...said, proof: { ...proofOf(said) } })) counts.same += 1
        else {
          expect(b.authority.check(read), `byte ${at} ^ ${flip}`).toBeDefined()
          counts.refused += 1
        }
      }
    }
    expect(counts.same).toBe(0)
    expect(counts.refused).toBeGreaterThan(500)
    expect(counts.unreadable).toBeGreaterThan(50)
  })

  it('S43 nobody but the node itself speaks for it', () => {
    const said = a.say()
    const mine = b.say({ id: a.keys.nodeKey.hex })
    expect(b.authority.check(mine)).toBe('ERR_SWIM_SIGNATURE')
    expect(b.authority.check(withProof(mine, { publicKey: a.keys.publicKey }))).toBe(
      'ERR_SWIM_MEMBERSHIP',
    )
    const { membership } = a
    const borrowed = withProof(mine, { publicKey: a.keys.publicKey, membership })
    expect(b.authority.check(borrowed)).toBe('ERR_SWIM_SIGNATURE')
    expect(b.authority.check(withProof(said, { membership: b.membership }))).toBe(
      'ERR_SWIM_MEMBERSHIP',
    )
  })

  it('S43 a statement for another realm or another cluster is not valid here', () => {
    const elsewhere = new Node(1, clock, realmOf(2))
    expect(b.authority.check(elsewhere.say())).toBe('ERR_SWIM_MEMBERSHIP')
    // The same authority, the same node, a membership that is good here: only the words are not.
    const other = new Node(1, clock, realm, 'staging')
    expect(b.authority.check(other.say())).toBe('ERR_SWIM_SIGNATURE')
    const said = elsewhere.say()
    expect(b.authority.check(withProof(said, { membership: a.membership }))).toBe(
      'ERR_SWIM_SIGNATURE',
    )
  })

  it('S43 a membership that has ended, or is not of now, is not believed, known or not', () => {
    const time = { nowMs: NOW_MS }
    const judge = new Node(3, time)
    const said = a.say()
    expect(judge.authority.check(said)).toBeUndefined()
    time.nowMs = NOW_MS + 30 * DAY_MS + 300_000
    expect(judge.authority.check(said)).toBeUndefined() // clocks may differ by five minutes
    time.nowMs += 1
    expect(judge.authority.check(said)).toBe('ERR_SWIM_MEMBERSHIP')
    time.nowMs = NOW_MS - DAY_MS
    expect(judge.authority.check(said)).toBe('ERR_SWIM_MEMBERSHIP')
  })

  it('S43 a known membership with other times or roles is a forged one', () => {
    const judge = new Node(4, clock)
    const said = a.say()
    expect(judge.authority.check(said)).toBeUndefined()
    expect(judge.authority.membershipsVerified).toBe(1)
    const { membership } = a
    for (const change of [
      { notAfterMs: membership.notAfterMs + 1 },
      { notBeforeMs: membership.notBeforeMs - 1 },
      { roles: ['admin', 'web'] },
      { roles: ['db'] },
      { roles: 'db' as unknown as string[] },
      { nodeKey: b.keys.nodeKey.bytes },
      { realmId: new Uint8Array(32) },
      { signature: b.membership.signature },
      { signature: undefined as unknown as Uint8Array },
    ]) {
      const forged = withProof(said, { membership: { ...membership, ...change } })
      expect(judge.authority.check(forged)).toBe('ERR_SWIM_MEMBERSHIP')
    }
    expect(judge.authority.membershipsVerified).toBe(1)
  })

  it.each<[string, object]>([
    ['no proof', { proof: undefined }],
    ['a proof that is a word', { proof: 'trust me' }],
    ['a short key', { proof: { ...proofOf(a.say()), publicKey: new Uint8Array(31) } }],
    ['a long signature', { proof: { ...proofOf(a.say()), signature: new Uint8Array(65) } }],
    ['an id that is no hex', { id: 'n1' }],
    ['a generation that is no number', { generation: NaN }],
    ['a counter at the ceiling', { counter: 2 ** 31 }],
    ['a name that is none', { name: '' }],
    ['a host that is none', { host: 'a b' }],
    ['port 0', { port: 0 }],
    ['513 bytes of metadata', { meta: new Uint8Array(513) }],
  ])('%s is no statement', (_claim, change) => {
    expect(b.authority.check({ ...a.say(), ...change } as Statement)).toBe('ERR_SWIM_STATEMENT')
  })

  it('remembers membershipsMax memberships, the newest ones', () => {
    const judge = new RealmAuthority({
      realm,
      cluster: 'main',
      keys: a.keys,
      membership: () => a.membership,
      wallNowMs: () => NOW_MS,
      membershipsMax: 2,
    })
    for (const n of [10, 11, 12]) expect(judge.check(new Node(n, clock).say())).toBeUndefined()
    expect(judge.membershipsVerified).toBe(2)
  })

  it('checks with what it is given, so that a simulation can sign in its own way', () => {
    const seen: number[] = []
    const judge = new RealmAuthority({
      realm,
      cluster: 'main',
      keys: a.keys,
      membership: () => a.membership,
      wallNowMs: () => NOW_MS,
      verify: (_key, bytes) => seen.push(bytes.length) > 1,
    })
    const said = b.say()
    expect(judge.check(said)).toBe('ERR_SWIM_SIGNATURE')
    expect(judge.check(said)).toBeUndefined()
    expect(seen).toHaveLength(2)
  })
})

describe('S47 a membership is renewed without a refusal', () => {
  // Two nodes renew in every order of "the new one is issued", "it is used", "the old one has ended".
  const orders = ['a0 a1 b0 b1', 'a0 b0 a1 b1', 'a0 b0 b1 a1', 'b0 a0 a1 b1', 'b0 b1 a0 a1']
  it.each(orders)('in the order %s', (order) => {
    const time = { nowMs: NOW_MS }
    const nodes = { a: new Node(1, time), b: new Node(2, time), c: new Node(3, time) }
    nodes.c.membership = nodes.c.issue(realm, NOW_MS, 300 * DAY_MS)
    const issued = new Map<string, Membership>()
    const allBelieveAll = () => {
      for (const speaker of Object.values(nodes)) {
        const said = speaker.say()
        for (const judge of Object.values(nodes)) {
          expect(judge.authority.check(said)).toBeUndefined()
        }
      }
    }
    allBelieveAll()
    for (const step of order.split(' ')) {
      time.nowMs += 7 * DAY_MS
      const name = step[0] as 'a' | 'b'
      if (step[1] === '0') issued.set(name, nodes[name].issue(realm, time.nowMs, 200 * DAY_MS))
      else nodes[name].membership = issued.get(name)!
      allBelieveAll()
    }
    // The old ones end, for good.
    time.nowMs = NOW_MS + 31 * DAY_MS
    allBelieveAll()
  })
})

describe('VerifiedMemberships', () => {
  it('forgets the one that was added first', () => {
    const known = new VerifiedMemberships(1)
    known.add(a.membership)
    known.add(b.membership)
    expect(known.has(a.membership, a.keys.nodeKey, NOW_MS)).toBe(false)
    expect(known.has(b.membership, b.keys.nodeKey, NOW_MS)).toBe(true)
    expect(known.has(b.membership, a.keys.nodeKey, NOW_MS)).toBe(false)
    expect(known.size).toBe(1)
  })
})

describe('statementSignedBytes', () => {
  it('have every field at its place', () => {
    const scope = { realmId: seed(9), cluster: 'main' }
    const fields = {
      id: 'ab'.repeat(32),
      generation: 2 ** 40 + 3,
      counter: 5,
      name: 'n',
      host: 'hh',
      port: 258,
      left: true,
      meta: Uint8Array.of(7, 8),
    }
    const hex = Buffer.from(statementSignedBytes(scope, fields)).toString('hex')
    expect(hex).toBe(
      Buffer.from('fovea member 1\0').toString('hex') +
        '09'.repeat(32) +
        `04${Buffer.from('main').toString('hex')}` +
        'ab'.repeat(32) +
        '0000010000000003' +
        '00000005' +
        '01' +
        '016e' +
        '026868' +
        '0102' +
        '00020708',
    )
  })
})
