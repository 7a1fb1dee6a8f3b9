import { describe, expect, it } from 'vitest'
import { nodeKeyFromBytes } from '../../../mesh/identity/node-key.ts'
import { MemberExchange } from '../../../mesh/membership/exchange.ts'
import type {
  ExchangeEffect,
  ExchangeOptions,
  ProvenPeer,
  SyncEntry,
} from '../../../mesh/membership/exchange.ts'

const keyOf = (n: number) => {
  const bytes = new Uint8Array(32)
  bytes[30] = n >> 8
  bytes[31] = n & 255
  return nodeKeyFromBytes(bytes)
}
const hex = (n: number) => keyOf(n).hex
const peer = (n: number, incarnation = 1): ProvenPeer => ({
  key: keyOf(n),
  name: `n${n}`,
  address: { host: `10.0.0.${n}`, port: 4433 },
  incarnation,
})
const told = (n: number, change: Partial<SyncEntry> = {}): SyncEntry => ({
  key: keyOf(n),
  name: `n${n}`,
  host: `10.0.0.${n}`,
  port: 4433,
  incarnation: 1,
  ...change,
})
const make = (change: Partial<ExchangeOptions> = {}) =>
  new MemberExchange(
    {
      ownKeyHex: hex(0),
      membersMax: 100,
      hearsayMax: 50,
      dialsMax: 400,
      downMemberForgetMs: 60_000,
      syncIntervalMs: 10_000,
      reconnectBaseMs: 500,
      reconnectMaxMs: 8_000,
      ...change,
    },
    () => 0,
    0,
  )
const of = <T extends ExchangeEffect['type']>(effects: readonly ExchangeEffect[], type: T) =>
  effects.filter((e): e is Extract<ExchangeEffect, { type: T }> => e.type === type)
const events = (effects: readonly ExchangeEffect[]) =>
  of(effects, 'event').map((e) => `${e.event.type} ${e.event.member.nodeId}`)
const dialled = (effects: readonly ExchangeEffect[]) =>
  of(effects, 'dial').map((e) => `${e.key.hex.slice(-2)} ${e.address.host}`)

describe('MemberExchange', () => {
  it('ML11 a newcomer is told everybody who is up, and dials whom it did not know', () => {
    const b = make()
    b.linkUp(peer(1), 0)
    const [sync] = of(b.linkUp(peer(2), 0), 'sync')
    expect(sync!.to).toBe(hex(2))
    expect(sync!.entries.map((e) => e.name)).toEqual(['n1'])

    const c = make({ ownKeyHex: hex(2) })
    c.linkUp(peer(9), 0)
    const effects = c.sync(hex(9), sync!.entries, 0)
    expect(events(effects)).toEqual(['connecting n1@10.0.0.1:4433'])
    expect(dialled(effects)).toEqual(['01 10.0.0.1'])
    expect(c.sync(hex(9), sync!.entries, 0)).toEqual([])
  })

  it('never dials itself, the teller, or a member that is up', () => {
    const x = make()
    x.linkUp(peer(1), 0)
    x.linkUp(peer(2), 0)
    expect(x.sync(hex(1), [told(0), told(1), told(2)], 0)).toEqual([])
    expect(x.members()).toHaveLength(2)
  })

  it('H37 what another node says changes neither state nor incarnation nor address of a member', () => {
    const x = make()
    x.linkUp(peer(1), 0)
    x.linkUp(peer(2, 7), 0)
    x.linkDown(hex(2), 'heartbeat_timeout', 5)
    x.sync(hex(1), [told(2, { incarnation: 2 ** 52, host: '6.6.6.6', name: 'evil' })], 10)
    expect(x.member(hex(2))).toMatchObject({
      state: 'down',
      incarnation: 7,
      nodeId: 'n2@10.0.0.2:4433',
      reason: 'heartbeat_timeout',
    })
    // The address is tried in turn with the proven one, which is first.
    expect(dialled(x.tick(300))).toEqual(['02 10.0.0.2'])
    x.dialFailed(hex(2), false, 400)
    expect(dialled(x.tick(10_000))).toEqual(['02 6.6.6.6'])
  })

  it('H37 inventions take every other try of a member at most, and their answers do not slow it down', () => {
    const x = make({ syncIntervalMs: 1_000_000 })
    x.linkUp(peer(1), 0)
    x.linkUp(peer(2), 0)
    x.linkDown(hex(2), 'heartbeat_timeout', 0)
    x.sync(
      hex(1),
      [6, 7, 8, 9].map((n) => told(2, { host: `6.6.6.${n}` })),
      10,
    )
    const tries: string[] = []
    const waits: number[] = []
    for (let now = 250; tries.length < 6; now += waits.at(-1)!) {
      tries.push(...dialled(x.tick(now)))
      // Somebody else lives at the invented addresses, which would be a lasting failure.
      x.dialFailed(hex(2), tries.at(-1)!.includes('6.6.6.'), now)
      waits.push(x.nextDueMs() - now)
    }
    expect(tries.map((line) => line.slice(3))).toEqual([
      '10.0.0.2',
      '6.6.6.8',
      '10.0.0.2',
      '6.6.6.7',
      '10.0.0.2',
      '6.6.6.9',
    ])
    expect(waits.slice(0, 4)).toEqual([500, 1_000, 2_000, 4_000])
  })

  it('a member that is down is dialled with growing pauses until it answers', () => {
    const x = make()
    x.linkUp(peer(1), 0)
    expect(events(x.linkDown(hex(1), 'connection_closed', 0))).toEqual(['down n1@10.0.0.1:4433'])
    const waits: number[] = []
    let now = 0
    for (let i = 0; i < 6; i++) {
      const due = x.nextDueMs()
      waits.push(due - now)
      now = due
      const effects = x.tick(now)
      if (dialled(effects).length === 0) {
        i -= 1
        waits.pop()
        continue
      }
      expect(dialled(x.tick(now))).toEqual([])
      x.dialFailed(hex(1), false, now)
    }
    expect(waits.slice(0, 4)).toEqual([250, 500, 1_000, 2_000])
    expect(events(x.linkUp(peer(1, 2), now))).toEqual(['up n1@10.0.0.1:4433'])
    expect(x.member(hex(1))).toMatchObject({ incarnation: 2, state: 'up' })
    expect(x.member(hex(1))).not.toHaveProperty('reason')
  })

  it('a failure that lasts waits longest at once', () => {
    const x = make()
    x.linkUp(peer(1), 0)
    x.linkDown(hex(1), 'connection_closed', 0)
    x.tick(250)
    x.dialFailed(hex(1), true, 250)
    expect(dialled(x.tick(4_249))).toEqual([])
    expect(dialled(x.tick(4_250))).toHaveLength(1)
  })

  it('a member that left is not dialled until it dials us', () => {
    const x = make()
    x.linkUp(peer(1), 0)
    x.linkUp(peer(2), 0)
    expect(events(x.linkDown(hex(1), 'graceful_shutdown', 0))).toEqual(['left n1@10.0.0.1:4433'])
    for (let now = 0; now < 50_000; now += 1_000) {
      x.sync(hex(2), [told(1)], now)
      expect(dialled(x.tick(now))).toEqual([])
    }
    expect(events(x.linkUp(peer(1, 2), 51_000))).toEqual(['up n1@10.0.0.1:4433'])
  })

  it('a member that left is asked once when somebody is linked with a newer incarnation of it', () => {
    const x = make()
    x.linkUp(peer(1), 0)
    x.linkUp(peer(2), 0)
    x.linkDown(hex(1), 'graceful_shutdown', 0)
    expect(dialled(x.sync(hex(2), [told(1, { incarnation: 2 })], 5))).toEqual(['01 10.0.0.1'])
    x.dialFailed(hex(1), false, 6)
    expect(dialled(x.tick(60_000 - 1))).toEqual([])
    expect(x.member(hex(1))!.state).toBe('left')
  })

  it('down and left members are forgotten at downMemberForgetMs and not before', () => {
    for (const reason of ['heartbeat_timeout', 'graceful_shutdown'] as const) {
      const x = make()
      x.linkUp(peer(1), 0)
      x.linkDown(hex(1), reason, 1_000)
      expect(events(x.tick(60_999))).toEqual([])
      expect(events(x.tick(61_000))).toEqual(['forgotten n1@10.0.0.1:4433'])
      expect(x.members()).toEqual([])
      x.dialFailed(hex(1), false, 61_001)
      expect(x.members()).toEqual([])
    }
  })

  it('a stranger that does not answer three dials is forgotten', () => {
    const x = make()
    x.linkUp(peer(1), 0)
    x.sync(hex(1), [told(2)], 0)
    expect(x.dialFailed(hex(2), false, 0)).toEqual([])
    x.tick(1_000)
    expect(x.dialFailed(hex(2), false, 1_000)).toEqual([])
    x.tick(3_000)
    expect(events(x.dialFailed(hex(2), false, 3_000))).toEqual(['forgotten n2@10.0.0.2:4433'])
  })

  it('H37 one neighbour makes us try hearsayMax strangers, not one more', () => {
    const x = make({ hearsayMax: 3 })
    x.linkUp(peer(1), 0)
    x.linkUp(peer(2), 0)
    const effects = x.sync(
      hex(1),
      [11, 12, 13, 14, 15].map((n) => told(n)),
      0,
    )
    expect(dialled(effects)).toHaveLength(3)
    expect(of(effects, 'refused')).toEqual([
      { type: 'refused', code: 'ERR_MEMBERS_HEARSAY_FULL', count: 2 },
    ])
    // Another neighbour has its own allowance, and a proven stranger gives it back.
    expect(dialled(x.sync(hex(2), [told(21)], 0))).toHaveLength(1)
    x.linkUp(peer(11), 0)
    expect(dialled(x.sync(hex(1), [told(14)], 0))).toHaveLength(1)
  })

  it('H37 strangers of one neighbour take a quarter of the dials, all strangers half, the exchange three', () => {
    const x = make({ dialsMax: 16 })
    for (const n of [1, 2, 3]) x.linkUp(peer(n), 0)
    const names = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => told(from + i))
    expect(dialled(x.sync(hex(1), names(10, 20), 0))).toHaveLength(4)
    expect(dialled(x.sync(hex(1), names(30, 20), 0))).toHaveLength(0)
    expect(dialled(x.sync(hex(2), names(50, 20), 0))).toHaveLength(4)
    expect(dialled(x.sync(hex(3), names(70, 20), 0))).toHaveLength(0)

    // Members that were lost are no strangers.
    for (let n = 80; n < 90; n++) x.linkUp(peer(n), 0)
    for (let n = 80; n < 90; n++) x.linkDown(hex(n), 'connection_closed', 0)
    expect(dialled(x.tick(250)).map((line) => line.slice(0, 2))).toEqual(['50', '51', '52', '53'])
  })

  it('a dial that waits for room begins when another one ends, the longest due first, and no alarm rings before', () => {
    const x = make({ dialsMax: 4 })
    x.linkUp(peer(1), 0)
    expect(dialled(x.sync(hex(1), [told(10), told(11), told(12)], 0))).toEqual(['0a 10.0.0.10'])
    expect(x.nextDueMs()).toBe(5_000)
    expect(x.dialFailed(hex(10), false, 100)).toEqual([])
    expect(x.nextDueMs()).toBe(0)
    expect(dialled(x.tick(100))).toEqual(['0b 10.0.0.11'])
    x.linkUp(peer(11), 200)
    expect(dialled(x.tick(1_000))).toEqual(['0c 10.0.0.12'])
    x.dialFailed(hex(12), false, 6_000)
    expect(dialled(x.tick(6_000))).toEqual(['0a 10.0.0.10'])
  })

  it('membersMax members are kept, not one more, and a real node displaces a stranger', () => {
    const x = make({ membersMax: 3 })
    x.linkUp(peer(1), 0)
    const effects = x.sync(hex(1), [told(2), told(3), told(4)], 0)
    expect(of(effects, 'refused')).toEqual([
      { type: 'refused', code: 'ERR_MEMBERS_FULL', count: 1 },
    ])
    expect(x.members()).toHaveLength(3)
    expect(events(x.linkUp(peer(9), 1))).toEqual([
      'forgotten n2@10.0.0.2:4433',
      'up n9@10.0.0.9:4433',
    ])
    expect(x.members()).toHaveLength(3)
  })

  it('one neighbour is told everything every syncIntervalMs', () => {
    const x = make()
    x.linkUp(peer(1), 0)
    x.linkUp(peer(2), 0)
    expect(of(x.tick(4_999), 'sync')).toEqual([])
    const [sync] = of(x.tick(5_000), 'sync')
    expect(sync).toMatchObject({ to: hex(1), entries: [{ name: 'n2' }] })
    expect(of(x.tick(5_001), 'sync')).toEqual([])
  })

  it('a successor machine redials who was up or down and leaves alone who left', () => {
    const a = make()
    for (const n of [1, 2, 3]) a.linkUp(peer(n, 5), 0)
    a.linkDown(hex(2), 'graceful_shutdown', 0)
    a.linkDown(hex(3), 'heartbeat_timeout', 0)
    const b = make()
    b.restore(a.members(), 100)
    expect(b.members().map((m) => [m.state, m.incarnation])).toEqual([
      ['down', 5],
      ['left', 5],
      ['down', 5],
    ])
    expect(dialled(b.tick(350))).toEqual(['01 10.0.0.1', '03 10.0.0.3'])
  })
})
