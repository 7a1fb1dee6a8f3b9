import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SwimInbox } from '../../../mesh/membership/swim-inbox.ts'
import { PART_BYTES_MAX, SwimProtocol } from '../../../mesh/membership/swim-protocol.ts'
import { statementItems, updateItems } from '../../../mesh/membership/swim-wire.ts'
import type { SyncEntry, Update } from '../../../mesh/membership/swim/message.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { MessageError } from '../../../mesh/wire/errors.ts'
import { HEADER_BYTES } from '../../../mesh/wire/frame.ts'
import { entry, REALM_ID, statement, update } from './swim-messages.ts'

const codec = new Codec()
const protocol = new SwimProtocol(codec, REALM_ID)
const said = { ...fc.sample(statement, { numRuns: 1, seed: 1 })[0]!, left: false }
const news: Update = { type: 'statement', statement: said }
const accusation: Update = {
  type: 'dead',
  id: 'ab'.repeat(32),
  accuser: 'cd'.repeat(32),
  generation: 3,
  counter: 4,
}

/** The field that is complained about. */
function fieldOf(fn: () => unknown): string {
  try {
    fn()
  } catch (error) {
    if (error instanceof MessageError) return `${error.messageType} ${error.field}`
    throw error
  }
  return 'none'
}

const gossip = (...updates: unknown[]) =>
  fieldOf(() => protocol.readDatagram(0x34, codec.encode([updates])))
const changed = (items: readonly unknown[], at: number, value: unknown) =>
  items.map((item, index) => (index === at ? value : item))

describe('fields of a statement', () => {
  it.each<[number, string, readonly unknown[], readonly unknown[]]>([
    [0, 'rank', [0, 3], [-1, 4, '0', null]],
    [1, 'generation', [0, Number.MAX_SAFE_INTEGER], [-1, 1.5, 2 ** 53, '1', null, NaN]],
    [2, 'counter', [0, 2 ** 31 - 1], [-1, 2 ** 31, 0.5, true]],
    [3, 'name', ['a', 'n'.repeat(64)], ['', '1a', 'a@b', 'n'.repeat(65), 'a\u0000', 7]],
    [4, 'host', ['h', '::1', `${'h.'.repeat(126)}h`], ['', 'a b', `${'h.'.repeat(127)}h`, 1]],
    [5, 'port', [1, 65_535], [0, 65_536, 1.5, '80']],
    [6, 'meta', [new Uint8Array(0), new Uint8Array(512)], [new Uint8Array(513), 'meta', null]],
    [7, 'publicKey', [new Uint8Array(32)], [new Uint8Array(31), new Uint8Array(33), 'key']],
    [8, 'signature', [new Uint8Array(64)], [new Uint8Array(63), new Uint8Array(65), null]],
    [9, 'notBeforeMs', [0], [-1, 2 ** 53, null]],
    [10, 'notAfterMs', [2 ** 53 - 1], [-1, 0.1, 'never']],
    [11, 'roles', [[], ['a', 'b']], [['b', 'a'], ['a', 'a'], ['A'], [1], 'a', null]],
    [12, 'membership', [new Uint8Array(64)], [new Uint8Array(63), null]],
  ])('element %i, %s, is checked', (at, field, good, bad) => {
    for (const value of good) expect(gossip(changed(statementItems(said), at, value))).toBe('none')
    for (const value of bad) {
      expect(gossip(changed(statementItems(said), at, value))).toBe(
        `swim_gossip updates[0].${field}`,
      )
    }
  })

  it('an element that a newer peer adds is ignored, a missing one is not', () => {
    expect(gossip([...statementItems(said), 'news'])).toBe('none')
    expect(gossip(statementItems(said).slice(0, 12))).toBe('swim_gossip updates[0].membership')
    expect(gossip([])).toBe('swim_gossip updates[0].rank')
    expect(gossip(7)).toBe('swim_gossip updates[0]')
  })
})

describe('fields of other parts', () => {
  it.each<[number, string, readonly unknown[]]>([
    [1, 'id', [new Uint8Array(31), 'ab'.repeat(32), null]],
    [2, 'generation', [-1, 2 ** 53]],
    [3, 'counter', [-1, 2 ** 31]],
    [4, 'accuser', [new Uint8Array(33), undefined]],
  ])('element %i of an accusation, %s, is checked', (at, field, bad) => {
    expect(gossip(updateItems(accusation))).toBe('none')
    for (const value of bad) {
      expect(gossip(changed(updateItems(accusation), at, value))).toBe(
        `swim_gossip updates[0].${field}`,
      )
    }
  })

  it('a status that contradicts the statement, or an accuser of the living, is refused', () => {
    const push = (...items: unknown[]) =>
      fieldOf(() => protocol.readStream(codec.encode([3, 1, 0, true, [items]])))
    const gone = statementItems({ ...said, left: true })
    const id = new Uint8Array(32)
    expect(push(statementItems(said), 0)).toBe('none')
    expect(push(statementItems(said), 1, id)).toBe('none')
    expect(push(gone, 3)).toBe('none')
    expect(push(statementItems(said), 3)).toBe('swim_sync entries[0].rank')
    expect(push(gone, 2)).toBe('swim_sync entries[0].rank')
    expect(push(statementItems(said), 4)).toBe('swim_sync entries[0].rank')
    expect(push(statementItems(said), 0, id)).toBe('swim_sync entries[0].accuser')
    expect(push(statementItems(said), 2, 'ab')).toBe('swim_sync entries[0].accuser')
    expect(push(updateItems(accusation), 2)).toBe('swim_sync entries[0].statement.rank')
  })

  it('S5 255 updates are read, 256 are not; nor are 1,025 entries', () => {
    const many = (count: number) => Array.from({ length: count }, () => updateItems(accusation))
    expect(gossip(...many(255))).toBe('none')
    expect(gossip(...many(256))).toBe('swim_gossip updates')
    expect(() =>
      protocol.datagram({ type: 'gossip', updates: Array.from({ length: 256 }, () => news) }),
    ).toThrow(expect.objectContaining({ code: 'ERR_INVARIANT_SWIM_UPDATES' }))
    const line = [statementItems(said), 0]
    const part = (count: number) =>
      fieldOf(() =>
        protocol.readStream(
          codec.encode([3, 1, 0, true, Array.from({ length: count }, () => line)]),
        ),
      )
    expect(part(1_024)).toBe('none')
    expect(part(1_025)).toBe('swim_sync entries')
  })

  it.each<[string, unknown[], string]>([
    ['no kind', [], 'kind'],
    ['an unknown kind', [8, 1], 'kind'],
    ['a hold that is no word', [0, 1], 'hold'],
    ['no number', [1], 'number'],
    ['a number of 33 bits', [6, 2 ** 32], 'number'],
    ['short digests', [2, 1, statementItems(said), new Uint8Array(511), true], 'digests'],
    ['a sync of nobody', [2, 1, null, new Uint8Array(512), true], 'self'],
    ['a push without last', [3, 1, 0, 1, []], 'last'],
    ['a reply without self', [5, 1, 0, true, []], 'self'],
    ['a reply with a short list of buckets', replyHead(new Uint8Array(7)), 'wanted'],
  ])('%s is refused', (_claim, items, field) => {
    expect(fieldOf(() => protocol.readStream(codec.encode(items)))).toBe(`swim_sync ${field}`)
  })

  it('sequence numbers have 32 bits', () => {
    const ping = (sequence: unknown) =>
      fieldOf(() => protocol.readDatagram(0x30, codec.encode([sequence, []])))
    expect(ping(2 ** 32 - 1)).toBe('none')
    for (const bad of [-1, 2 ** 32, 0.5, null]) expect(ping(bad)).toBe('swim_ping sequence')
  })
})

function replyHead(wanted: Uint8Array): unknown[] {
  return [5, 1, 0, true, [], statementItems(said), wanted, false]
}

describe('SwimInbox', () => {
  const entries: SyncEntry[] = fc.sample(entry, { numRuns: 40, seed: 3 })
  const parts = protocol
    .request(5, { type: 'sync_push', entries }, 4_096)
    .map((frame) => frame.subarray(HEADER_BYTES))

  it('gives a message once its last part is there', () => {
    expect(parts.length).toBeGreaterThan(3)
    const inbox = new SwimInbox(protocol)
    const given = parts.map((part) => inbox.take(part))
    expect(given.filter((message) => message !== undefined)).toEqual([given.at(-1)])
    expect(given.at(-1)).toMatchObject({ type: 'request', number: 5, message: { entries } })
  })

  it('other messages may come between the parts', () => {
    const inbox = new SwimInbox(protocol)
    inbox.take(parts[0]!)
    const hold = protocol.hold(true).subarray(HEADER_BYTES)
    expect(inbox.take(hold)).toEqual({ type: 'hold', hold: true })
    for (const part of parts.slice(1, -1)) expect(inbox.take(part)).toBeUndefined()
    expect(inbox.take(parts.at(-1)!)).toMatchObject({ type: 'request' })
  })

  it('a first part begins anew, a part out of turn is refused', () => {
    const inbox = new SwimInbox(protocol)
    inbox.take(parts[0]!)
    inbox.take(parts[0]!)
    inbox.take(parts[1]!)
    for (const wrong of [parts[1]!, parts[3]!]) {
      expect(fieldOf(() => inbox.take(wrong))).toBe('swim_sync part')
    }
    const other = protocol.request(6, { type: 'sync_push', entries }, 4_096)[2]!
    expect(fieldOf(() => inbox.take(other.subarray(HEADER_BYTES)))).toBe('swim_sync part')
    expect(fieldOf(() => new SwimInbox(protocol).take(parts[1]!))).toBe('swim_sync part')
  })

  it('holds bytesMax bytes of a table, and not one more', () => {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    const takeAll = (inbox: SwimInbox) => fieldOf(() => parts.forEach((part) => inbox.take(part)))
    expect(takeAll(new SwimInbox(protocol, bytes))).toBe('none')
    const small = new SwimInbox(protocol, bytes - 1)
    expect(takeAll(small)).toBe('swim_sync entries')
    expect(small.bytesHeld).toBe(0)
  })

  it('an entry that is larger than a part goes alone, for the link to refuse', () => {
    const frames = protocol.request(1, { type: 'sync_push', entries: entries.slice(0, 3) }, 100)
    const sizes = frames.map((frame) => frame.length - HEADER_BYTES)
    expect(frames).toHaveLength(4)
    expect(sizes[0]).toBeLessThan(100)
    expect(Math.min(...sizes.slice(1))).toBeGreaterThan(100)
  })

  it('a part has 64 KiB at most, whatever a frame may have', () => {
    const many = Array.from({ length: 1_000 }, () => entries[0]!)
    const frames = protocol.request(1, { type: 'sync_push', entries: many }, 16_777_216)
    expect(frames.length).toBeGreaterThan(1)
    for (const frame of frames) {
      expect(frame.length - HEADER_BYTES).toBeLessThanOrEqual(PART_BYTES_MAX)
    }
  })

  it('an update of a sample is what it was', () => {
    const list = fc.sample(update, { numRuns: 3, seed: 2 })
    const frame = protocol.datagram({ type: 'ping', sequence: 1, updates: list })
    expect(protocol.readDatagram(0x30, frame.subarray(HEADER_BYTES))).toEqual({
      type: 'ping',
      sequence: 1,
      updates: list,
    })
  })
})
