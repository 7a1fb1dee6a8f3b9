/** Real multicast on this machine, on a port that the tests have to themselves but for what they open beside it. */
import { createSocket, type Socket } from 'node:dgram'
import { afterEach, describe, expect, it } from 'vitest'
import { gossip } from '../../../dist/discovery/gossip.ts'
import { mdnsNodes } from '../../../dist/discovery/mdns-nodes.ts'
import { mdnsSockets } from '../../../dist/discovery/mdns.ts'
import type { MdnsPacket, MdnsSocket } from '../../../dist/discovery/mdns-port.ts'
import { createRealClock } from '../../../runtime/index.ts'
import { running, type Running } from './context.ts'

const LOOPBACK = '127.0.0.1'
const packet: MdnsPacket = {
  type: 'response',
  questions: [],
  records: [
    { type: 'PTR', name: '_x._udp.local', ttlSeconds: 9, target: 'i._x._udp.local' },
    { type: 'SRV', name: 'i._x._udp.local', ttlSeconds: 9, target: 'h.local', port: 7 },
    { type: 'TXT', name: 'i._x._udp.local', ttlSeconds: 9, entries: ['v=1', 'key=ab'] },
    { type: 'A', name: 'h.local', ttlSeconds: 9, address: '10.0.0.7' },
    { type: 'AAAA', name: 'h.local', ttlSeconds: 9, address: '2001:db8::7' },
  ],
}

const ending: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ending.splice(0)) await end()
})

async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, resolve))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  return port
}

interface Open {
  readonly socket: MdnsSocket
  readonly errors: unknown[]
  readonly garbage: unknown[]
  next(): Promise<MdnsPacket>
}

async function open(port: number, interfaces = () => [LOOPBACK]): Promise<Open> {
  const errors: unknown[] = []
  const garbage: unknown[] = []
  const come: MdnsPacket[] = []
  const waiting: ((packet: MdnsPacket) => void)[] = []
  const socket = await mdnsSockets({ port, interfaces }).open({
    onPacket: (one) => {
      const taker = waiting.shift()
      if (taker === undefined) come.push(one)
      else taker(one)
    },
    onGarbage: (error) => garbage.push(error),
    onWarning: (error) => errors.push(error),
    onError: (error) => errors.push(error),
  })
  ending.push(() => socket.close())
  const next = (): Promise<MdnsPacket> =>
    new Promise((resolve) => {
      const one = come.shift()
      if (one === undefined) waiting.push(resolve)
      else resolve(one)
    })
  return { socket, errors, garbage, next }
}

describe('mDNS on real sockets', () => {
  it('MG21 D11 two sockets of one machine share the port with a third, and packets come back as they were', async () => {
    const port = await freePort()
    const avahi: Socket = createSocket({ type: 'udp4', reuseAddr: true })
    await new Promise<void>((resolve) => avahi.bind(port, resolve))
    ending.push(() => new Promise<void>((resolve) => avahi.close(() => resolve())))
    const [one, two] = [await open(port), await open(port)]
    one.socket.send(packet)
    expect(await two.next()).toEqual(packet)
    two.socket.send({ ...packet, type: 'query', questions: [{ name: 'x.local', type: 'PTR' }] })
    expect((await one.next()).type).toBe('response')
    expect(await one.next()).toMatchObject({ type: 'query', questions: [{ name: 'x.local' }] })
    expect([one.errors, two.errors]).toEqual([[], []])
  })

  it('D11 an interface that vanishes and appears again, or has two addresses, is no error', async () => {
    const port = await freePort()
    let addresses: string[] = []
    const one = await open(port, () => addresses)
    one.socket.send(packet)
    const two = await open(port)
    addresses = [LOOPBACK, '127.0.0.2']
    one.socket.refresh()
    one.socket.send(packet)
    expect(await two.next()).toEqual(packet)
    expect(await two.next()).toEqual(packet)
    addresses = ['127.0.0.2']
    one.socket.refresh()
    addresses = [LOOPBACK]
    one.socket.refresh()
    two.socket.send({ ...packet, records: [] })
    for (let last = await one.next(); last.records.length > 0;) last = await one.next()
    expect([one.errors, two.errors]).toEqual([[], []])
    addresses = ['192.0.2.99']
    one.socket.refresh()
    addresses = []
    one.socket.refresh()
  })

  it('what is no packet is told as garbage and ends nothing', async () => {
    const port = await freePort()
    const one = await open(port)
    const stranger = createSocket('udp4')
    await new Promise<void>((resolve) => stranger.bind(0, LOOPBACK, resolve))
    stranger.setMulticastInterface(LOOPBACK)
    for (const bytes of [[], [1], Array<number>(40).fill(0xc0), Array<number>(500).fill(0xff)]) {
      stranger.send(Buffer.from(bytes), port, '224.0.0.251')
    }
    await new Promise<void>((resolve) =>
      stranger.send(Buffer.alloc(3), port, '224.0.0.251', () => resolve()),
    )
    stranger.close()
    one.socket.send(packet)
    expect(await one.next()).toEqual(packet)
    expect(one.garbage.length).toBeGreaterThan(0)
  })

  it('D11 a port that somebody holds for himself is ERR_DISCOVERY_SOCKET', async () => {
    const port = await freePort()
    const holder = createSocket('udp4')
    await new Promise<void>((resolve) => holder.bind(port, resolve))
    ending.push(() => new Promise<void>((resolve) => holder.close(() => resolve())))
    await expect(open(port)).rejects.toMatchObject({ code: 'ERR_DISCOVERY_SOCKET' })
  })

  it('a goodbye is out before the socket is closed', async () => {
    const port = await freePort()
    const clock = createRealClock() as Running['clock']
    const ear = await open(port)
    const node = running(mdnsNodes({ port: mdnsSockets({ port, interfaces: () => [LOOPBACK] }) }), {
      clock,
    })
    const heard = async (ttlSeconds: number): Promise<void> => {
      for (let one = await ear.next(); one.records[0]?.ttlSeconds !== ttlSeconds;)
        one = await ear.next()
    }
    await heard(120)
    await node.stop()
    await heard(0)
    expect([node.errors, ear.errors]).toEqual([[], []])
  })

  const strategies = [
    [
      'mdnsNodes',
      (port: number) => mdnsNodes({ port: mdnsSockets({ port, interfaces: () => [LOOPBACK] }) }),
    ],
    ['gossip', (port: number) => gossip({ port, interface: LOOPBACK, intervalMs: 100 })],
  ] as const
  it.each(strategies)('%s: two nodes of this machine hear each other', async (_name, make) => {
    const port = await freePort()
    const clock = createRealClock() as Running['clock']
    const nodes = [1, 2].map((number) => running(make(port), { clock, number }))
    ending.push(() => Promise.all(nodes.map((node) => node.stop())))
    await Promise.all(nodes.map((node) => node.heard(1)))
    expect(nodes.map(({ said }) => said)).toEqual([['+10.0.0.2:4433'], ['+10.0.0.1:4433']])
  })

  it('D11 an interface that cannot be spoken on is told, tried again, and does not keep the socket open', async () => {
    let told = (_text: string): void => {}
    const unbound = (): Promise<string> =>
      new Promise((resolve) => {
        told = (text) => /bind/.test(text) && resolve(text)
      })
    const first = unbound()
    const handlers = { onPacket: () => {}, onGarbage: () => {}, onError: () => {} }
    // No address of this machine (RFC 5737).
    const given = { port: await freePort(), interfaces: () => ['192.0.2.1'] }
    const onWarning = (error: unknown): void => told(String(error))
    const socket = await mdnsSockets(given).open({ ...handlers, onWarning })
    socket.send(packet)
    expect(await first).toMatch(/bind EADDRNOTAVAIL 192\.0\.2\.1/)
    const second = unbound()
    socket.refresh()
    expect(await second).toMatch(/bind EADDRNOTAVAIL 192\.0\.2\.1/)
    socket.refresh()
    socket.send(packet)
    await socket.close()
  })
})
