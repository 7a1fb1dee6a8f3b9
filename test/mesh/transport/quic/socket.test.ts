import { createSocket } from 'node:dgram'
import { describe, expect, it } from 'vitest'
import { bindSocket, PacketSender, socketFamily } from '../../../../mesh/transport/quic/socket.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }

describe('bindSocket', () => {
  it.each([
    ['127.0.0.1', 4],
    ['::', 6],
    ['fe80::1%eth0', 6],
  ])('takes %s for version %i', (host, family) => {
    expect(socketFamily(host)).toBe(family)
  })

  it('names a busy port with its cause', async () => {
    const socket = await bindSocket(LOOPBACK, 65_536)
    const { port } = socket.address()
    await expect(bindSocket({ ...LOOPBACK, port }, 65_536)).rejects.toMatchObject({
      code: 'ERR_TRANSPORT_PORT_BUSY',
      message: expect.stringContaining(`127.0.0.1:${port}`) as string,
      cause: { code: 'EADDRINUSE' },
    })
    socket.close()
  })

  it('takes what buffers the system gives', async () => {
    const socket = await bindSocket(LOOPBACK, 2 ** 30)
    expect(socket.getRecvBufferSize()).toBeGreaterThan(0)
    socket.close()
  })
})

describe('PacketSender', () => {
  it('sends more than a block of packets unchanged, and counts them', async () => {
    const receiver = createSocket('udp4')
    await new Promise<void>((resolve) => receiver.bind(0, '127.0.0.1', resolve))
    const { port } = receiver.address()
    const total = 300 // of 1,200 bytes: three blocks
    const got: number[] = []
    const all = new Promise<void>((resolve) =>
      receiver.on('message', (packet) => {
        expect(packet.every((byte) => byte === packet[0])).toBe(true)
        if (got.push(packet[0]!) === total) resolve()
      }),
    )
    const sender = new PacketSender(await bindSocket(LOOPBACK, 1 << 20), 1_350)
    for (let i = 0; i < total; i++) {
      sender.space(1_350).fill(i & 0xff)
      sender.send(1_200, '127.0.0.1', port)
      if (i % 30 === 29) await new Promise<void>((resolve) => setImmediate(resolve))
    }
    await all
    expect(got).toEqual(Array.from({ length: total }, (_, i) => i & 0xff))
    expect([sender.packetsSent, sender.bytesSent]).toEqual([total, total * 1_200])
    await sender.close()
    await sender.close() // idempotent
    sender.sendCopy(Buffer.from('x'), '127.0.0.1', port)
    expect(sender.packetsSent).toBe(total)
    receiver.close()
  })
})
