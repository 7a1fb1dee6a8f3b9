import { describe, expect, it } from 'vitest'
import { nodesIn, realmService, recordsOf } from '../../../dist/discovery/dns-sd.ts'
import type { MdnsRecord } from '../../../dist/discovery/mdns-port.ts'
import { createRealm } from '../../../mesh/index.ts'

const realm = createRealm('com.example.shop')
const word = (host = '10.0.0.7') => ({
  ...{ key: 'ab'.repeat(32), name: 'shop', cluster: 'main' },
  address: { host, port: 4433 },
})
const packet = (records: readonly MdnsRecord[]) =>
  ({ type: 'response', questions: [], records }) as const

describe('a node as DNS-SD records', () => {
  it.each(['10.0.0.7', '2001:db8::1', 'shop.example'])('comes back from them: %s', (host) => {
    const records = recordsOf(word(host), realm, 120)
    expect(nodesIn(packet(records), realm)).toEqual([{ word: word(host), ttlSeconds: 120 }])
    expect(records.some(({ type }) => type === 'A' || type === 'AAAA')).toBe(
      host !== 'shop.example',
    )
  })

  it('comes back whatever the case of names, with a dot at their end', () => {
    const loud = (text: string) => `${text.toUpperCase()}.`
    const records = recordsOf(word(), realm, 120).map((record): MdnsRecord => {
      const name = loud(record.name)
      if (record.type === 'PTR' || record.type === 'SRV') {
        return { ...record, name, target: loud(record.target) }
      }
      return { ...record, name }
    })
    expect(nodesIn(packet(records), realm)).toEqual([{ word: word(), ttlSeconds: 120 }])
  })

  it('is found under the service of its realm only', () => {
    const other = createRealm('com.example.shop')
    expect(realmService(realm)).not.toBe(realmService(other))
    expect(nodesIn(packet(recordsOf(word(), realm, 120)), other)).toEqual([])
  })

  const changed: readonly (readonly [string, (record: MdnsRecord) => MdnsRecord | undefined])[] = [
    ['without SRV', (r) => (r.type === 'SRV' ? undefined : r)],
    ['without TXT', (r) => (r.type === 'TXT' ? undefined : r)],
    ['with port 0', (r) => (r.type === 'SRV' ? { ...r, port: 0 } : r)],
    ['with an address that is none', (r) => (r.type === 'A' ? { ...r, address: 'x y' } : r)],
    ['of another realm in its text', (r) => without(r, 'realm', 'realm=0011223344556677')],
    ['with a key that is none', (r) => without(r, 'key', 'key=abc')],
    ['with another key than its name says', (r) => without(r, 'key', `key=${'cd'.repeat(32)}`)],
    ['with a name that is none', (r) => without(r, 'name', 'name=1 x')],
    ['with a cluster that is none', (r) => without(r, 'cluster', 'cluster=')],
  ]
  it.each(changed)('is passed over %s', (_what, change) => {
    const records = recordsOf(word(), realm, 120).flatMap((record) => change(record) ?? [])
    expect(nodesIn(packet(records), realm)).toEqual([])
  })

  it('of a packet 64 records and 8 nodes are read', () => {
    const records = recordsOf(word(), realm, 120)
    const pointer = records[1]!
    const many = [...records, ...Array<MdnsRecord>(100).fill(pointer)]
    expect(nodesIn(packet(many), realm)).toHaveLength(8)
    const others = Array.from({ length: 60 }, () => ({ ...pointer, name: 'x' }))
    const late = [...others, ...records]
    expect(nodesIn(packet(late), realm)).toEqual([])
  })
})

function without(record: MdnsRecord, field: string, instead: string): MdnsRecord {
  if (record.type !== 'TXT') return record
  const entries = record.entries.map((entry) => (entry.startsWith(`${field}=`) ? instead : entry))
  return { ...record, entries }
}
