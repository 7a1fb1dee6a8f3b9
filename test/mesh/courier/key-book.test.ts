import { describe, expect, it } from 'vitest'
import type { Directory } from '../../../mesh/courier/directory.ts'
import { KeyBook } from '../../../mesh/courier/key-book.ts'
import { nodeKeysFromSeed } from '../../../mesh/identity/keys.ts'
import { wireTypeName } from '../../../mesh/wire/messages.ts'
import { createSimClock } from '../../../runtime/index.ts'
import { payloadOf } from './courier-world.ts'

const keysOf = (n: number) => {
  const { publicKey, nodeKey } = nodeKeysFromSeed(new Uint8Array(32).fill(n))
  return { publicKey, hex: nodeKey.hex, bytes: nodeKey.bytes }
}
const own = keysOf(1)
const gateway = keysOf(2)
const peer = keysOf(3)

function make(more: Partial<Directory> = {}, { keysMax = 2, queriesMax = 2, queueMax = 0 } = {}) {
  const sent: { to: string; what: string; payload: Uint8Array; lost: () => void; via?: string }[] =
    []
  const deferred: (() => void)[] = []
  const heard: string[] = []
  const linked = new Set<string>()
  let nowMs = 0
  const book = new KeyBook({
    ...{ self: own.hex, publicKey: own.publicKey, timeoutMs: 1_000 },
    ...{ keysMax, queriesMax, queueMax },
    directory: { address: () => undefined, publicKey: () => undefined, find: undefined, ...more },
    now: () => nowMs,
    isLinked: (node) => linked.has(node),
    defer: (work) => void deferred.push(work),
    send: (to, frame, { via, lost }) =>
      void sent.push({
        ...{ to, lost, what: wireTypeName(frame[1]!), payload: payloadOf(frame) },
        ...(via === undefined ? {} : { via }),
      }),
  })
  const find = (n: number, at: string | undefined) =>
    book.find(keysOf(n).hex, at, (key) => {
      heard.push(
        key === undefined
          ? `${n} none`
          : `${n} ${keysOf(n).publicKey.every((b, i) => b === key[i])}`,
      )
    })
  const answer = (n: number, from = gateway.hex, publicKey = keysOf(n).publicKey) =>
    book.answered(from, Buffer.concat([keysOf(n).bytes, publicKey]))
  const advance = (toMs: number): void => {
    nowMs = toMs
    book.tick(toMs)
  }
  return { book, sent, deferred, heard, linked, find, answer, advance }
}

describe('KeyBook', () => {
  it('knows its own key, those of members, and those that it has learned', () => {
    const members = new Map([[peer.hex, peer.publicKey]])
    const { book } = make({ publicKey: (node) => members.get(node) })
    expect(book.known(own.hex)).toBe(own.publicKey)
    expect(book.known(peer.hex)).toBe(peer.publicKey)
    expect(book.known(gateway.hex)).toBeUndefined()
    expect(book.learn(gateway.hex, gateway.publicKey)).toBe(true)
    expect(book.known(gateway.hex)).toBe(gateway.publicKey)
  })

  it('believes no key that is not of that node, whoever says it', () => {
    const { book } = make({ publicKey: () => own.publicKey })
    expect(book.known(peer.hex)).toBeUndefined()
    expect(book.learn(peer.hex, gateway.publicKey)).toBe(false)
    expect(book.learn(peer.hex, peer.publicKey.subarray(1))).toBe(false)
  })

  it('keeps keysMax, and forgets the one that was not used for longest', () => {
    const { book } = make()
    for (const n of [3, 4]) book.learn(keysOf(n).hex, keysOf(n).publicKey)
    book.known(keysOf(3).hex)
    book.learn(keysOf(5).hex, keysOf(5).publicKey)
    expect([3, 4, 5].map((n) => book.known(keysOf(n).hex) !== undefined)).toEqual([
      true,
      false,
      true,
    ])
  })

  it('asks once for all that want a key, and tells each of them', () => {
    const { find, sent, heard, answer } = make()
    find(3, gateway.hex)
    find(3, gateway.hex)
    expect(sent.map(({ to, what }) => [to, what])).toEqual([[gateway.hex, 'keyQuery']])
    expect(sent[0]!.payload).toEqual(peer.bytes)
    expect(answer(3)).toBe(true)
    expect(heard).toEqual(['3 true', '3 true'])
  })

  it('takes an answer only from whom it asked, and only one that is right', () => {
    const { find, heard, answer, book } = make()
    find(3, gateway.hex)
    expect(answer(3, keysOf(9).hex)).toBe(false)
    expect(answer(3, gateway.hex, own.publicKey)).toBe(false)
    expect(answer(4)).toBe(false)
    expect(book.answered(gateway.hex, new Uint8Array(7))).toBe(false)
    expect(book.known(keysOf(4).hex)).toBeUndefined()
    expect(heard).toEqual([])
    expect(answer(3)).toBe(true)
    expect(answer(3)).toBe(false)
  })

  it('hears that a key is not known, that nobody could be asked, and that nobody answered', () => {
    const { find, sent, heard, book, advance } = make({}, { queriesMax: 3 })
    find(3, gateway.hex)
    find(4, gateway.hex)
    find(5, gateway.hex)
    expect(book.answered(gateway.hex, peer.bytes)).toBe(true)
    sent[1]!.lost()
    expect(heard).toEqual(['3 none', '4 none'])
    expect(book.nextDueMs).toBe(1_000)
    advance(999)
    expect(heard).toHaveLength(2)
    advance(1_000)
    expect(heard).toEqual(['3 none', '4 none', '5 none'])
    expect(book.nextDueMs).toBe(Infinity)
  })

  it('asks for queriesMax keys at once and not for one more; without anybody to ask, for none', () => {
    const { find, sent, heard, deferred } = make()
    for (const n of [3, 4, 5]) find(n, gateway.hex)
    find(6, undefined)
    expect(sent).toHaveLength(2)
    expect(heard).toEqual([])
    for (const work of deferred) work()
    expect(heard).toEqual(['5 none', '6 none'])
  })

  it('lets queueMax more wait for their turn, in order, and not one more', () => {
    const { find, sent, heard, deferred, answer } = make({}, { queriesMax: 2, queueMax: 2 })
    const asked = (): readonly string[] =>
      sent.map(({ payload }) => Buffer.from(payload).toString('hex'))
    for (const n of [3, 4, 5, 6, 7]) find(n, gateway.hex)
    for (const work of deferred) work()
    expect(heard).toEqual(['7 none'])
    expect(asked()).toEqual([3, 4].map((n) => keysOf(n).hex))
    // Nobody asked for it yet.
    expect(answer(5)).toBe(false)
    answer(4)
    expect(asked()).toEqual([3, 4, 5].map((n) => keysOf(n).hex))
    sent[0]!.lost()
    sent[2]!.lost()
    expect(asked()).toEqual([3, 4, 5, 6].map((n) => keysOf(n).hex))
    answer(6)
    expect(heard).toEqual(['7 none', '4 true', '3 none', '5 none', '6 true'])
  })

  it('counts the wait for a turn as part of the time, and forgets who waits with its end', () => {
    const { find, sent, heard, book, advance } = make({}, { queriesMax: 1, queueMax: 2 })
    find(3, gateway.hex)
    advance(600)
    find(4, gateway.hex)
    find(5, gateway.hex)
    advance(1_000)
    expect(heard).toEqual(['3 none'])
    expect(sent).toHaveLength(2)
    advance(1_600)
    expect(heard).toEqual(['3 none', '4 none', '5 none'])
    find(6, gateway.hex)
    find(7, gateway.hex)
    book.close()
    expect([sent.length, book.nextDueMs]).toEqual([3, Infinity])
  })

  it('goes through a long queue when nobody can be asked any more', () => {
    const { find, sent, heard } = make({}, { queriesMax: 1, queueMax: 100 })
    for (let n = 3; n < 60; n++) find(n, gateway.hex)
    for (let at = 0; at < 57; at++) sent[at]!.lost()
    expect(heard).toEqual(Array.from({ length: 57 }, (_, at) => `${at + 3} none`))
  })

  it('looks in the DHT for a node without a gateway', async () => {
    const address = { host: 'x', port: 1 }
    const { find, heard } = make({
      find: async (node) =>
        node === peer.hex ? { address, publicKey: peer.publicKey } : undefined,
    })
    find(3, undefined)
    find(4, undefined)
    await createSimClock().settle()
    expect(heard).toEqual(['3 true', '4 none'])
  })

  it('answers for itself and for what it knows, the way that the question came', () => {
    const { book, sent } = make()
    expect(book.asked({ node: peer.hex, via: gateway.hex }, own.bytes)).toBe(true)
    expect(sent).toMatchObject([{ to: peer.hex, what: 'keyReply', via: gateway.hex }])
    expect(sent[0]!.payload).toHaveLength(64)
    expect(book.asked({ node: peer.hex, via: undefined }, keysOf(9).bytes)).toBe(true)
    expect(sent[1]!.payload).toHaveLength(32)
    expect(book.asked({ node: peer.hex, via: undefined }, own.bytes.subarray(1))).toBe(false)
  })

  it('asks a linked node for its own key, on behalf of others', () => {
    const { book, sent, linked } = make()
    linked.add(peer.hex)
    book.asked({ node: keysOf(7).hex, via: undefined }, peer.bytes)
    expect(sent).toMatchObject([{ to: peer.hex, what: 'keyQuery' }])
    book.answered(peer.hex, Buffer.concat([peer.bytes, peer.publicKey]))
    expect(sent[1]).toMatchObject({ to: keysOf(7).hex, what: 'keyReply' })
    // Who asks for its own key does not know it: nobody else would.
    book.asked({ node: keysOf(8).hex, via: undefined }, keysOf(8).bytes)
    expect(sent[2]!.payload).toHaveLength(32)
  })

  it('says nothing any more after its end', () => {
    const { find, heard, answer, book } = make()
    find(3, gateway.hex)
    book.close()
    answer(3)
    expect([heard, book.nextDueMs]).toEqual([[], Infinity])
  })
})
