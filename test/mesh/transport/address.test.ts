import { describe, expect, it } from 'vitest'
import {
  addressGroup,
  displayHost,
  isLoopbackHost,
  isWildcardHost,
  socketHost,
} from '../../../mesh/transport/address.ts'
import { codeThrownBy } from '../../conformance/transport-world.ts'

describe('addresses', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:0:1', '::ffff:0:1'],
    ['2001:db8::1', '2001:db8::1'],
  ])('show %s as %s', (host, shown) => {
    expect(displayHost(host)).toBe(shown)
  })

  it('are named as the socket needs it', () => {
    expect(socketHost('192.0.2.1', 4)).toBe('192.0.2.1')
    expect(socketHost('::ffff:192.0.2.1', 4)).toBe('192.0.2.1')
    expect(socketHost('192.0.2.1', 6)).toBe('::ffff:192.0.2.1')
    expect(socketHost('2001:db8::1', 6)).toBe('2001:db8::1')
    expect(codeThrownBy(() => socketHost('2001:db8::1', 4))).toBe('ERR_TRANSPORT_BAD_ADDRESS')
  })

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
  ])('count %s as %s', (host, group) => {
    expect(addressGroup(host)).toBe(group)
  })

  it('know this machine and every machine', () => {
    const hosts = ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', '128.0.0.1', '::2']
    expect(hosts.map(isLoopbackHost)).toEqual([true, true, true, true, false, false])
    expect(['0.0.0.0', '::', '127.0.0.1'].map(isWildcardHost)).toEqual([true, true, false])
  })
})
