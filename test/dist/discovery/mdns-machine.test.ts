import { describe, expect, it } from 'vitest'
import { realmService, recordsOf } from '../../../dist/discovery/dns-sd.ts'
import { MdnsMachine, type MdnsEffect } from '../../../dist/discovery/mdns-machine.ts'
import type { MdnsPacket } from '../../../dist/discovery/mdns-port.ts'
import { createRealm } from '../../../mesh/index.ts'

const realm = createRealm('com.example.shop')
const word = (name: string, port = 4433) => ({
  ...{ key: name.charCodeAt(0).toString(16).repeat(32), name, cluster: 'main' },
  address: { host: '10.0.0.1', port },
})
const make = (instancesMax = 8) =>
  new MdnsMachine(
    { realm, ownKey: word('z').key, ttlSeconds: 120, queryIntervalMaxMs: 8_000, instancesMax },
    () => 0,
    0,
  )
const says = (name: string, ttlSeconds = 120, port = 4433): MdnsPacket => ({
  ...{ type: 'response', questions: [] },
  records: recordsOf(word(name, port), realm, ttlSeconds),
})
const query = (given: Partial<MdnsPacket> = {}): MdnsPacket => ({
  type: 'query',
  questions: [{ name: realmService(realm), type: 'PTR' }],
  records: [],
  ...given,
})
const text = (effects: readonly MdnsEffect[]) =>
  effects.map((effect) => {
    if (effect.type !== 'send') return `${effect.type} ${effect.word.name}`
    const { type, records } = effect.packet
    return `${type} ${records.length}${type === 'response' ? ` ttl ${records[0]?.ttlSeconds}` : ''}`
  })

/** Everything that is said until `untilMs`, with its time. */
function timeline(machine: MdnsMachine, untilMs: number): string[] {
  const lines: string[] = []
  for (let nowMs = machine.nextDueMs(); nowMs <= untilMs; nowMs = machine.nextDueMs()) {
    lines.push(...text(machine.tick(nowMs)).map((line) => `${nowMs} ${line}`))
  }
  return lines
}

describe('MdnsMachine', () => {
  it('asks at once, then after 1, 2, 4, 8 s, and no further apart', () => {
    expect(timeline(make(), 40_000)).toEqual(
      [20, 1_020, 3_020, 7_020, 15_020, 23_020, 31_020, 39_020].map((at) => `${at} query 0`),
    )
  })

  it('announces itself twice, a second apart, and says goodbye', () => {
    const machine = make()
    machine.setOwn([word('z')], 0)
    expect(timeline(machine, 2_000).filter((line) => line.includes('response'))).toEqual([
      '20 response 5 ttl 120',
      '1020 response 5 ttl 120',
    ])
    expect(text(machine.close())).toEqual(['response 5 ttl 0'])
    expect(text(machine.close())).toEqual([])
  })

  it('says goodbye to a name that it gives up, and announces what is new', () => {
    const machine = make()
    machine.setOwn([word('z')], 0)
    machine.tick(20)
    expect(text(machine.setOwn([], 100))).toEqual(['response 5 ttl 0'])
    machine.setOwn([word('z', 5)], 200)
    expect(text(machine.tick(220))).toEqual(['response 5 ttl 120'])
  })

  it('answers a question after 20 ms, once a second, and not who knows it already', () => {
    const machine = make()
    machine.setOwn([word('z')], 0)
    timeline(machine, 5_000)
    machine.packet(query(), 10_000)
    machine.packet(query(), 10_001)
    expect(timeline(machine, 12_000).filter((line) => line.includes('response'))).toEqual([
      '10020 response 5 ttl 120',
    ])
    const known = (ttlSeconds: number) => [
      { ...recordsOf(word('z'), realm, ttlSeconds)[1]!, ttlSeconds },
    ]
    machine.packet(query({ records: known(60) }), 20_000)
    machine.packet(query({ questions: [{ name: '_other._udp.local', type: 'PTR' }] }), 20_000)
    expect(timeline(machine, 22_000).some((line) => line.includes('response'))).toBe(false)
    machine.packet(query({ records: known(59) }), 22_000)
    expect(timeline(machine, 23_000).some((line) => line.includes('response'))).toBe(true)
  })

  it('tells who is there, who says goodbye a second later, and who is silent for its time', () => {
    const machine = make()
    expect(text(machine.packet(says('a'), 0))).toEqual(['found a'])
    expect(text(machine.packet(says('a'), 1))).toEqual([])
    expect(text(machine.packet(says('b'), 1))).toEqual(['found b'])
    machine.packet(says('b', 0), 5_000)
    const told = timeline(machine, 130_000).filter((line) => !line.includes('query'))
    expect(told).toEqual(['6000 lost b', '120001 lost a'])
  })

  it('takes back a goodbye that is followed by an announcement, and a new address for a move', () => {
    const machine = make()
    machine.packet(says('a'), 0)
    machine.packet(says('a', 0), 1_000)
    expect(text(machine.packet(says('a'), 1_500))).toEqual([])
    expect(text(machine.packet(says('a', 120, 9), 2_000))).toEqual(['lost a', 'found a'])
    expect(timeline(machine, 3_000).filter((line) => line.includes('lost'))).toEqual([])
  })

  it('names what it knows in its questions, unless half of the time is over', () => {
    const machine = make()
    machine.packet(says('a'), 0)
    expect(timeline(machine, 100)).toEqual(['20 query 1'])
    const late = timeline(machine, 100_000).filter((line) => line.includes('query'))
    expect(late.at(-1)).toMatch(/query 0$/)
  })

  it('does not hear itself, and hears instancesMax others and not one more', () => {
    const machine = make(2)
    expect(text(machine.packet(says('z'), 0))).toEqual([])
    expect(['a', 'b', 'c'].flatMap((name) => text(machine.packet(says(name), 0)))).toEqual([
      ...['found a', 'found b', 'no_room c'],
    ])
  })

  it('D1 gives everybody time to answer after its socket was away', () => {
    const machine = make()
    machine.packet(says('a', 5), 0)
    machine.setOwn([word('z')], 0)
    timeline(machine, 4_000)
    machine.resumed(60_000)
    const told = timeline(machine, 119_999)
    expect(told.filter((line) => line.includes('lost'))).toEqual([])
    expect(told.filter((line) => line.includes('response'))).toEqual([
      '60020 response 5 ttl 120',
      '61020 response 5 ttl 120',
    ])
    expect(timeline(machine, 120_000)).toContain('120000 lost a')
  })

  it('tells of the loss of the very node that it told of, also when two keys begin alike', () => {
    const machine = make()
    const lookalike = { ...word('a'), key: `${word('a').key.slice(0, 32)}${'f'.repeat(32)}` }
    const packet: MdnsPacket = {
      ...{ type: 'response', questions: [] },
      records: recordsOf(lookalike, realm, 120),
    }
    const keys = (effects: readonly MdnsEffect[]) =>
      effects.map((effect) => (effect.type === 'send' ? '' : `${effect.type} ${effect.word.key}`))
    expect(keys(machine.packet(says('a'), 0))).toEqual([`found ${word('a').key}`])
    expect(keys(machine.packet(packet, 0))).toEqual([
      `lost ${word('a').key}`,
      `found ${lookalike.key}`,
    ])
  })
})
