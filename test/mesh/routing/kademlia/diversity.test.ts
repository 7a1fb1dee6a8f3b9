import { describe, expect, it } from 'vitest'
import { NetworkCounts, networkOf } from '../../../../mesh/routing/kademlia/diversity.ts'

describe('networkOf', () => {
  it.each([
    ['8.8.4.4', '8.8.4'],
    ['100.63.255.1', '100.63.255'],
    ['100.128.0.1', '100.128.0'],
    ['172.15.0.1', '172.15.0'],
    ['172.32.0.1', '172.32.0'],
    ['2001:db8:1:2::3', '2001:db8:1'],
    ['2001:DB8:0001::', '2001:db8:1'],
    ['2001:db8::1', '2001:db8:0'],
    ['2001::1', '2001:0:0'],
    ['::2:3:4:5:6:7:8', '0:2:3'],
    ['1:2:3:4:5:6:7:8', '1:2:3'],
    ['64:ff9b::8.8.8.8', '64:ff9b:0'],
  ])('K12 %s is of network %s', (host, network) => {
    expect(networkOf(host)).toBe(network)
  })

  it('K12 an IPv4 address is of the same network however it is written', () => {
    const written = ['8.8.4.4', '::ffff:8.8.4.4', '::ffff:808:404', '0:0:0:0:0:FFFF:8.8.4.4']
    expect(new Set(written.map(networkOf))).toEqual(new Set(['8.8.4']))
  })

  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.1.1',
    '100.64.0.1',
    '100.127.0.1',
    '0.0.0.0',
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'fd00::1',
    '::ffff:10.0.0.1',
    'node-7.example',
    '',
  ])('K12 %s has no limited network', (host) => {
    expect(networkOf(host)).toBeUndefined()
  })
})

describe('NetworkCounts', () => {
  it('K12 forgets a network when its last entry goes', () => {
    const counts = new NetworkCounts()
    counts.add('8.8.4')
    counts.add('8.8.4')
    counts.add(undefined)
    expect(counts.of('8.8.4')).toBe(2)
    counts.remove('8.8.4')
    counts.remove(undefined)
    expect(counts.entries()).toEqual([['8.8.4', 1]])
    counts.remove('8.8.4')
    expect(counts.size).toBe(0)
  })
})
