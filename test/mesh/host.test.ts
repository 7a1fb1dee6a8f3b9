import { describe, expect, it } from 'vitest'
import { chooseAdvertiseHost, isHost, isNodeName } from '../../mesh/host.ts'

const v4 = (address: string, internal = false) => ({ address, family: 'IPv4', internal })
const v6 = (address: string) => ({ address, family: 'IPv6', internal: false })

describe('chooseAdvertiseHost', () => {
  it('ML44 takes the first IPv4 address that is not internal when every address is bound', () => {
    const addresses = () => [
      v4('127.0.0.1', true),
      v6('2001:db8::1'),
      v4('10.1.2.3'),
      v4('10.9.9.9'),
    ]
    expect(chooseAdvertiseHost('0.0.0.0', undefined, addresses)).toBe('10.1.2.3')
    expect(chooseAdvertiseHost('::', undefined, addresses)).toBe('10.1.2.3')
  })

  it('NX-D13 never takes a loopback address by accident', () => {
    const addresses = () => [v4('127.0.0.1', true)]
    expect(() => chooseAdvertiseHost('0.0.0.0', undefined, addresses)).toThrow(
      expect.objectContaining({ code: 'ERR_ADVERTISE_HOST_REQUIRED' }),
    )
    expect(chooseAdvertiseHost('0.0.0.0', 'node.example', addresses)).toBe('node.example')
  })

  it('advertises a host that was bound explicitly, also a loopback one', () => {
    const none = () => []
    expect(chooseAdvertiseHost('127.0.0.1', undefined, none)).toBe('127.0.0.1')
    expect(chooseAdvertiseHost('10.0.0.1', '192.0.2.7', none)).toBe('192.0.2.7')
  })
})

describe('names and hosts', () => {
  it.each(['a', 'Shop-1', `n${'x'.repeat(63)}`])('%s is a node name', (name) => {
    expect(isNodeName(name)).toBe(true)
  })
  it.each(['', '1a', 'a@b', 'a b', `n${'x'.repeat(64)}`, 7])('%s is no node name', (name) => {
    expect(isNodeName(name)).toBe(false)
  })
  it.each(['10.0.0.1', '::1', 'a', 'seed.example', 'pod_1.svc'])('%s is a host', (host) => {
    expect(isHost(host)).toBe(true)
  })
  it.each(['', 'a b', 'a@b', '-a', 'fe80::1%eth0', '[::1]', 'x'.repeat(254), undefined])(
    '%s is no host',
    (host) => {
      expect(isHost(host)).toBe(false)
    },
  )
})
