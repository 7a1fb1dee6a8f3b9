/**
 * A member of the realm that lies about others: whatever it says, no table changes but by the rules, and a
 * counter says why (S43, S44, H37).
 */
import { describe, expect, it } from 'vitest'
import { createRealm } from '../../../mesh/identity/realm.ts'
import { REQUESTS_PER_SECOND_MAX } from '../../../mesh/membership/driver.ts'
import type { SyncEntry, Update } from '../../../mesh/membership/swim/message.ts'
import type { Statement } from '../../../mesh/membership/swim/statement.ts'
import { encodeFrame } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { Cluster, linkTo, membersOf } from '../cluster.ts'
import { seenBy, watch } from './histories.ts'
import { authorityOf, codec, invented, scene, statement } from './hostile-scene.ts'

describe('S43 lies about a third node', () => {
  it('accusations of lives that it never had, and of nodes that nobody knows, change nothing', async () => {
    await using cluster = new Cluster(1)
    const { a, b, evil, tell, table } = await scene(cluster)
    const seen = watch(a, ({ type }) => type !== 'up')
    const before = table()
    const { generation, counter } = seenBy(a, b.key.hex).incarnation
    const accuser = evil.key.hex
    for (const type of ['suspect', 'dead'] as const) {
      tell({ type, id: b.key.hex, generation, counter: counter + 1, accuser })
      tell({ type, id: b.key.hex, generation, counter: 0x7fff_ffff, accuser })
      tell({ type, id: b.key.hex, generation: Number.MAX_SAFE_INTEGER, counter: 0, accuser })
      tell({ type, id: 'ab'.repeat(32), generation, counter, accuser })
      tell({ type, id: b.key.hex, generation: generation - 1, counter: 9, accuser })
    }
    await cluster.clock.advance(30_000)
    expect(seen).toEqual([])
    expect(table()).toEqual(before)
    expect(a.stats().refused).toMatchObject({
      ERR_SWIM_ACCUSATION_AHEAD: 6,
      ERR_SWIM_ACCUSATION_UNKNOWN: 2,
    })
  })

  it('S10 an accusation that counts is refuted, again and again, and the log says who lied', async () => {
    await using cluster = new Cluster(2)
    const { a, b, evil, tell } = await scene(cluster)
    const seen = watch(a, ({ type }) => type !== 'up')
    for (let i = 0; i < 5; i++) {
      const { generation, counter } = seenBy(a, b.key.hex).incarnation
      tell({ type: 'suspect', id: b.key.hex, generation, counter, accuser: evil.key.hex })
      await cluster.clock.advance(5_000)
    }
    expect(seen).toEqual(Array.from({ length: 5 }, () => ['suspect b', 'alive b']).flat())
    const lines = a.membership.log().filter(({ type }) => type === 'suspect')
    for (const line of lines) {
      expect(line).toMatchObject({ accuser: evil.key.hex, from: evil.key.hex })
    }
    expect(b.stats().membership?.refutations).toBe(5)
  })

  it('S7 its word that a node is dead does not end a link that lives, and is refuted', async () => {
    await using cluster = new Cluster(11)
    const { a, b, evil, tell } = await scene(cluster)
    expect(linkTo(a, 'b').state).toBe('established')
    const seen = watch(a, ({ type }) => type !== 'up')
    const downs = cluster.events.filter((line) => line.includes('down')).length
    for (let i = 0; i < 5; i++) {
      const { generation, counter } = seenBy(a, b.key.hex).incarnation
      const about = { id: b.key.hex, generation, counter }
      tell(
        { type: 'suspect', ...about, accuser: evil.key.hex },
        { type: 'dead', ...about, accuser: a.key.hex },
        { type: 'dead', ...about, accuser: evil.key.hex },
      )
      await cluster.clock.advance(3_000)
    }
    expect(seen).toEqual(Array.from({ length: 5 }, () => ['suspect b', 'alive b']).flat())
    expect(cluster.events.filter((line) => line.includes('down'))).toHaveLength(downs)
  })

  it('a goodbye, an address or metadata that the node did not sign are refused', async () => {
    await using cluster = new Cluster(3)
    const { a, evil, tell, table, ofB } = await scene(cluster)
    const before = table()
    const real = ofB[0]!
    const forged: Statement[] = [
      { ...real, counter: real.counter + 1 },
      { ...real, counter: real.counter + 1, left: true },
      { ...real, generation: real.generation + 1, host: '10.9.9.9' },
      { ...real, counter: real.counter + 1, meta: codec.encode({ zone: 'evil' }) },
    ]
    for (const said of forged) tell(statement(said))
    // Signed, but by another key, for another cluster, and with the word of another authority.
    const { keys } = evil.identity
    const sign = authorityOf(cluster, cluster.realm, evil, 'other')
    tell(statement(sign(99, {})))
    tell(statement(invented(cluster, 1, createRealm('com.example.test'))))
    expect(keys.nodeKey.hex).toBe(evil.key.hex)
    await cluster.clock.advance(10_000)
    expect(table()).toEqual(before)
    expect(a.stats().refused).toMatchObject({ ERR_SWIM_SIGNATURE: 5, ERR_SWIM_MEMBERSHIP: 1 })
  })

  it('what it said once and replaced is no news the second time', async () => {
    await using cluster = new Cluster(4)
    const { a, b, tell, push, table, ofB } = await scene(cluster)
    b.setMetadata({ zone: 'new' })
    await cluster.clock.advance(2_000)
    const seen = watch(a, ({ type }) => type !== 'up')
    const before = table()
    for (let i = 0; i < 50; i++) tell(statement(ofB[0]!))
    push(ofB.map((said) => ({ statement: said, status: 'alive' })))
    push(ofB.map((said) => ({ statement: said, status: 'dead', accuser: b.key.hex })))
    await cluster.clock.advance(10_000)
    expect([seen, table()]).toEqual([[], before])
  })
})

describe('S44 invented members', () => {
  it('10^5 without a true signature change nothing, and cost no more checks than one peer may cause', async () => {
    await using cluster = new Cluster(5)
    const { a, push, table } = await scene(cluster, { membership: { checksPerSecondMax: 256 } })
    const before = table()
    const some = Array.from({ length: 50 }, (_, n) => invented(cluster, n))
    const fakes = Array.from({ length: 2_000 }, (_, n): SyncEntry => {
      const said = some[n % some.length]!
      return { statement: { ...said, generation: 2 + n }, status: 'alive' }
    })
    for (let second = 0; second < 5; second++) {
      for (let i = 0; i < 10; i++) push(fakes)
      await cluster.clock.advance(1_000)
    }
    await cluster.clock.advance(1_000)
    expect(table()).toEqual(before)
    const { refused } = a.stats()
    const checked = refused['ERR_SWIM_SIGNATURE'] ?? 0
    expect(checked).toBeGreaterThan(0)
    expect(checked).toBeLessThanOrEqual(7 * 256)
    expect(checked + (refused['ERR_SWIM_CHECKS_MAX'] ?? 0)).toBe(100_000)
  })

  it('with the word of the authority end at membersMax, and real ones stay', async () => {
    await using cluster = new Cluster(6)
    const { a, push } = await scene(cluster, { membersMax: 8, linksMax: 8 })
    const fakes = Array.from({ length: 12 }, (_, n) => invented(cluster, n))
    push(fakes.map((said) => ({ statement: said, status: 'alive' })))
    await cluster.clock.advance(100)
    // Eight with this node itself.
    expect(a.membership.members()).toHaveLength(7)
    expect(a.stats().refused['ERR_SWIM_MEMBERS_MAX']).toBe(7)
    await cluster.clock.advance(120_000)
    expect(membersOf(a)).toContain('b up, evil up')
    const fakeStates = a.membership.members().filter(({ nodeId }) => nodeId.startsWith('f'))
    for (const { state } of fakeStates) expect(state).toBe('down')
  })

  it('H37 do not take the dials of whoever asks for a link', async () => {
    await using cluster = new Cluster(7)
    const { a, push } = await scene(cluster)
    const c = await cluster.start('c', 4)
    const fakes = Array.from({ length: 200 }, (_, n) => invented(cluster, n))
    push(fakes.map((said) => ({ statement: said, status: 'alive' })))
    await cluster.clock.advance(3_000)
    expect(a.membership.members()).toHaveLength(202)
    const link = await cluster.during(a.connect(c.address, { timeoutMs: 1_000 }))
    expect(link.peer.name).toBe('c')
    expect(a.stats().dials).toBeLessThanOrEqual(16)
    expect(cluster.events.filter((line) => line.includes('down'))).toEqual([])
  })
})

describe('S43 bytes that are no message', () => {
  it('any byte of a datagram garbled changes no table and ends no link', async () => {
    await using cluster = new Cluster(8)
    const { a, evil, protocol, table, ofB } = await scene(cluster)
    const before = table()
    const { generation, counter } = seenBy(a, ofB[0]!.id).incarnation
    const accusation = {
      type: 'suspect',
      id: ofB[0]!.id,
      generation,
      counter: counter + 7,
    } as const
    const updates: Update[] = [statement(ofB[0]!), { ...accusation, accuser: evil.key.hex }]
    const frame = protocol.datagram({ type: 'ping', sequence: 5, updates })
    for (let at = 0; at < frame.length; at++) {
      for (const flip of [0x01, 0x80]) {
        const garbled = frame.slice()
        garbled[at]! ^= flip
        // The link itself refuses to send what is no frame at all.
        try {
          linkTo(evil, 'a').sendDatagram(garbled)
        } catch (error) {
          expect((error as { code: string }).code).toBe('ERR_INVARIANT_LINK_DATAGRAM')
        }
      }
      if (at % 50 === 49) await cluster.clock.advance(1_000)
    }
    await cluster.clock.advance(10_000)
    expect(table()).toEqual(before)
    expect(linkTo(a, 'evil').state).toBe('established')
    expect(cluster.events.filter((line) => line.includes('down'))).toEqual([])
  })

  it('a datagram cut anywhere changes no table and ends no link', async () => {
    await using cluster = new Cluster(12)
    const { a, evil, protocol, table, ofB } = await scene(cluster)
    const before = table()
    const updates = [statement(ofB[0]!), statement(ofB[0]!)]
    const frame = protocol.datagram({ type: 'ping', sequence: 5, updates })
    for (let length = 0; length < frame.length - 8; length++) {
      const cut = encodeFrame(WireType.swimPing, frame.subarray(8, 8 + length))
      linkTo(evil, 'a').sendDatagram(cut)
      if (length % 100 === 99) await cluster.clock.advance(1_000)
    }
    await cluster.clock.advance(10_000)
    expect(table()).toEqual(before)
    expect(a.stats().refused['ERR_CODEC_TRUNCATED']).toBe(frame.length - 8)
    expect(cluster.events.filter((line) => line.includes('down'))).toEqual([])
  })

  it.each([1_200, 1_201])(
    'a datagram of %d bytes of garbage is dropped and counted',
    async (bytes) => {
      await using cluster = new Cluster(13)
      const { a, evil, table } = await scene(cluster)
      const before = table()
      const garbage = encodeFrame(WireType.swimPing, new Uint8Array(bytes - 8))
      expect(linkTo(evil, 'a').sendDatagram(garbage)).toBe(true)
      await cluster.clock.advance(1_000)
      expect(table()).toEqual(before)
      expect(Object.values(a.stats().refused)).toEqual([1])
    },
  )

  it('metadata of 512 bytes are taken, of 513 are no message', async () => {
    await using cluster = new Cluster(14)
    const { a, evil, tell } = await scene(cluster)
    const { counter } = seenBy(a, evil.key.hex).incarnation
    const sign = authorityOf(cluster, cluster.realm, evil)
    const text = (length: number) => ({ text: 'x'.repeat(length) })
    const fits = 512 - codec.encode(text(400)).length + 400
    const seen: unknown[] = []
    a.membership.subscribe(({ type, member }) => {
      if (type === 'update') seen.push(String(member.metadata['text']).length)
    })
    tell(statement({ ...sign(counter + 1, {}), meta: new Uint8Array(513) }))
    await cluster.clock.advance(100)
    expect(a.stats().refused).toEqual({ ERR_MESSAGE_INVALID: 1 })
    tell(statement(sign(counter + 1, text(fits))))
    await cluster.clock.advance(100)
    expect(seen[0]).toBe(fits)
  })

  it('who introduces itself as somebody else is refused', async () => {
    await using cluster = new Cluster(15)
    const { a, evil, protocol, table, ofB } = await scene(cluster)
    const before = table()
    const digests = new Uint32Array(128)
    const ask = { type: 'sync', self: ofB[0]!, digests, join: true } as const
    for (const frame of protocol.request(7, ask, 65_536)) linkTo(evil, 'a').send('sync', frame)
    await cluster.clock.advance(1_000)
    expect(table()).toEqual(before)
    expect(a.stats().refused['ERR_SWIM_STATEMENT']).toBe(1)
  })

  it('a table whose parts never end, or come in no order, ends the link and no more', async () => {
    await using cluster = new Cluster(16)
    const { a, evil, protocol, table, ofB } = await scene(cluster)
    const before = table()
    const line: SyncEntry = { statement: ofB[0]!, status: 'alive' }
    const entries = Array.from({ length: 6_000 }, () => line)
    const frames = protocol.request(8, { type: 'sync_push', entries }, 65_536)
    // The first part again and again begins anew each time.
    for (let i = 0; i < 50; i++) linkTo(evil, 'a').send('sync', frames[0]!)
    await cluster.clock.advance(1_000)
    expect(linkTo(a, 'evil').state).toBe('established')
    for (const frame of frames) linkTo(evil, 'a').send('sync', frame)
    await cluster.clock.advance(1_000)
    expect(a.stats().refused).toMatchObject({ ERR_MESSAGE_INVALID: 1 })
    await cluster.clock.advance(5_000)
    expect(table()).toEqual(before)
  })

  it('metadata of 1 MB ends the link that brought it, and nothing else', async () => {
    await using cluster = new Cluster(9)
    const { a, evil, table, ofB } = await scene(cluster)
    const before = table()
    const real = ofB[0]!
    const proof = real.proof as { publicKey: Uint8Array; signature: Uint8Array }
    const items = [0, real.generation, real.counter + 1, 'b', real.host, real.port]
    const rest = [proof.publicKey, proof.signature, 1, 2, [], proof.signature]
    const said = [...items, new Uint8Array(1_000_000), ...rest]
    const update = codec.encode([1, 77, [said]])
    linkTo(evil, 'a').send('sync', encodeFrame(WireType.swimSync, update))
    await cluster.clock.advance(100)
    expect(cluster.events.at(-1)).toMatch(/down (a|evil) connection_closed/)
    expect(a.stats().refused).toMatchObject({ ERR_MESSAGE_INVALID: 1 })
    await cluster.clock.advance(10_000)
    expect(table()).toEqual(before)
  })

  it('requests beyond the rate of a peer are not answered, and counted', async () => {
    await using cluster = new Cluster(10)
    const { a, evil, protocol } = await scene(cluster)
    await cluster.clock.advance(1_000)
    const before = a.stats().refused['ERR_MEMBERS_REQUEST_FLOOD']
    expect(before).toBeUndefined()
    const ask = (number: number) => {
      const [frame] = protocol.request(number, { type: 'probe', updates: [] }, 65_536)
      linkTo(evil, 'a').send('sync', frame!)
    }
    for (let i = 0; i < REQUESTS_PER_SECOND_MAX; i++) ask(i)
    await cluster.clock.advance(10)
    expect(a.stats().refused['ERR_MEMBERS_REQUEST_FLOOD']).toBeUndefined()
    ask(99)
    await cluster.clock.advance(10)
    expect(a.stats().refused['ERR_MEMBERS_REQUEST_FLOOD']).toBe(1)
    // Evil asked for none of those answers.
    expect(evil.stats().refused['ERR_SWIM_SEQUENCE']).toBe(REQUESTS_PER_SECOND_MAX)
  })
})
