import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { afterEach, describe, expect, it } from 'vitest'
import type { QuicEndpoint } from '../../../../mesh/transport/quic/endpoint.ts'
import { PortChecks } from '../../../../mesh/transport/quic/port-check.ts'
import { Kit } from '../../../conformance/transport-world.ts'
import { quicWorld } from '../../../support/transport-quic.ts'

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close()
})

/** A port that somebody has, and what comes there. */
async function openPort(host = '127.0.0.1'): Promise<{ port: number; packets: Buffer[] }> {
  const socket = createSocket(host === '::1' ? 'udp6' : 'udp4')
  sockets.push(socket)
  const packets: Buffer[] = []
  socket.on('message', (packet) => packets.push(packet))
  await new Promise<void>((resolve) => socket.bind({ address: host, port: 0 }, resolve))
  return { port: socket.address().port, packets }
}

/** A port that nobody has any more. */
async function closedPort(host = '127.0.0.1'): Promise<number> {
  const { port } = await openPort(host)
  sockets.pop()?.close()
  return port
}

describe('PortChecks', () => {
  it.each(['127.0.0.1', '::1'])('tells at once that nobody has a port of %s', async (host) => {
    const port = await closedPort(host)
    const told = new Promise<string>((resolve) => {
      new PortChecks().ask({ host, port }, () => resolve('closed'))
    })
    expect(await told).toBe('closed')
  })

  it('says nothing of a port that is open, whose owner gets an empty datagram', async () => {
    const { world } = new Kit(quicWorld())
    const { port, packets } = await openPort()
    const checks = new PortChecks()
    const told: string[] = []
    checks.ask({ host: '127.0.0.1', port }, () => told.push('open port'))
    await world.until(() => packets.length === 1, 'the question')
    expect(packets[0]).toHaveLength(0)
    const closed = await closedPort()
    checks.ask({ host: '127.0.0.1', port: closed }, () => told.push('closed port'))
    await world.until(() => told.length > 0, 'the answer for the other one')
    expect(told).toEqual(['closed port'])
    checks.stop()
  })

  it('asks nothing of other machines, one question per port, sixteen at a time, none after the end', async () => {
    const { world } = new Kit(quicWorld())
    const host = '127.0.0.1'
    const checks = new PortChecks()
    const told: number[] = []
    checks.ask({ host: '192.0.2.1', port: await closedPort() }, () => told.push(0))
    const ports: number[] = []
    for (let n = 0; n < 17; n++) ports.push(await closedPort())
    for (const port of [...ports, ports[0]!]) {
      checks.ask({ host, port }, () => told.push(port))
    }
    await world.until(() => told.length >= 16, 'the answers')
    const last = new PortChecks()
    last.ask({ host, port: ports[16]! }, () => told.push(-1))
    last.stop()
    await new Promise<void>((resolve) => checks.ask({ host, port: ports[16]! }, resolve))
    expect(told.sort()).toEqual(ports.slice(0, 16).sort())
  })
})

it('a question does an endpoint no harm, and is no garbage', async () => {
  const kit = new Kit(quicWorld())
  const { endpoint, refusals } = await kit.node()
  const socket = createSocket('udp4')
  sockets.push(socket)
  socket.send('', endpoint.address.port, '127.0.0.1')
  const dropped = (): number => (endpoint as QuicEndpoint).stats().packetsDropped
  await kit.world.until(() => dropped() === 1, 'the datagram')
  expect(refusals).toEqual([])
  await kit.close()
})
