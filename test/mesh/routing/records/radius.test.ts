import { describe, expect, it } from 'vitest'
import { compareDistance, keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import type { Contact } from '../../../../mesh/routing/kademlia/message.ts'
import {
  expectedRadius,
  holdersAmong,
  isCrowded,
  widerCount,
} from '../../../../mesh/routing/records/radius.ts'
import { recordsSettings } from '../../../../mesh/routing/records/settings.ts'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import { randomKey } from './records-network.ts'

const settings = recordsSettings()
const key = keyFromHex('00'.repeat(32))

/** A contact at that part of the key space from the key. */
function at(part: number): Contact {
  const word = Math.floor(part * 2 ** 32)
  const contactKey = keyFromHex(word.toString(16).padStart(8, '0') + '00'.repeat(28))
  return { id: contactKey.hex, key: contactKey, host: '10.0.0.1', port: 1 }
}

const evenly = (count: number, networkSize: number) =>
  Array.from({ length: count }, (_, rank) => at((rank + 1) / networkSize))

describe('put radius (K45)', () => {
  it('is the distance within which k nodes are expected', () => {
    expect(expectedRadius(20, 1_000)).toBe(0.02)
    expect(expectedRadius(20, 4)).toBe(1)
    expect(expectedRadius(20, undefined)).toBe(0)
  })

  it('asks no further in a network that is spread evenly, of unknown size, or when it is off', () => {
    const area = { key, found: evenly(20, 1_000), count: 20, networkSize: 1_000 }
    expect(widerCount(area, settings)).toBeUndefined()
    const crowd = { ...area, found: evenly(20, 100_000) }
    expect(widerCount(crowd, settings)).toBe(40)
    expect(widerCount({ ...crowd, networkSize: undefined }, settings)).toBeUndefined()
    expect(widerCount(crowd, recordsSettings({ putRadius: false }))).toBeUndefined()
  })

  it('asks further until the last is beyond it, all are known or there are enough', () => {
    const crowd = [...evenly(45, 1e6), ...evenly(55, 1_000)].sort((a, b) =>
      compareDistance(key, a.key, b.key),
    )
    const wider = (count: number) =>
      widerCount({ key, found: crowd.slice(0, count), count, networkSize: 1_000 }, settings)
    expect([20, 40, 80].map(wider)).toEqual([40, 80, undefined])
    const area = { key, found: crowd.slice(0, 30), count: 40, networkSize: 1_000 }
    expect(widerCount(area, settings)).toBeUndefined()
    const dense = { key, found: evenly(100, 1e6), count: 100, networkSize: 1_000 }
    expect(widerCount(dense, settings)).toBeUndefined()
  })

  it('holds by the k nearest alone as long as they do not crowd', () => {
    const found = evenly(30, 2_000)
    const area = { key, found, count: 20, networkSize: 1_000 }
    expect(holdersAmong(area, settings, 20)).toEqual(found.slice(0, 20))
    expect(holdersAmong(area, settings, 19)).toEqual(found.slice(0, 19))
  })

  it.each([
    [100, 100],
    [101, 100],
  ])('of %d within it %d hold it', (within, holders) => {
    const area = { key, found: evenly(within, 1e6), count: 100, networkSize: 1_000 }
    expect(holdersAmong(area, settings, 20).length).toBe(holders)
  })

  it('holds by everybody within it when they crowd', () => {
    const found = [...evenly(45, 1e6), ...evenly(55, 1_000)].sort((a, b) =>
      compareDistance(key, a.key, b.key),
    )
    const area = { key, found, count: 80, networkSize: 1_000 }
    const holders = holdersAmong(area, settings, 20)
    expect(holders.length).toBe(45 + 20)
  })

  it('suspects an honest network once in a thousand keys at most', () => {
    const stream = new RandomStream(7, 1)
    const nodes = Array.from({ length: 1_000 }, () => randomKey(stream))
    let suspected = 0
    for (let i = 0; i < 300; i++) {
      const target = randomKey(stream)
      const last = nodes.sort((a, b) => compareDistance(target, a, b))[19]!
      const contact = { id: last.hex, key: last, host: '10.0.0.1', port: 1 }
      if (isCrowded(target, contact, 1_000, settings)) suspected += 1
    }
    expect(suspected).toBeLessThanOrEqual(1)
  })
})
