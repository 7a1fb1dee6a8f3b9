/** Kit: who is let in, who is not, and how each side learns it. */
import { describe, expect, it } from 'vitest'
import { FoveaError } from '../../runtime/index.ts'
import type { CurrentKit } from './transport.ts'
import { Watched } from './transport-world.ts'
import type { Kit, KitNode } from './transport-world.ts'

/** An address of this machine at which nobody listens. */
async function deadAddress(kit: Kit): Promise<KitNode['endpoint']['address']> {
  const gone = await kit.node()
  const { address } = gone.endpoint
  await kit.settled(gone.endpoint.close())
  return address
}

const refuseAll = (): never => {
  throw new FoveaError('ERR_CERTIFICATE_TEST', 'not this one')
}

/** Part of `describeTransport`. */
export function describeConnecting(current: CurrentKit): void {
  describe('connecting', () => {
    it('gives both sides the key that the other has proven', async () => {
      const { near, far, dialler, listener } = await current().pair()
      expect(near.connection.peerKey.hex).toBe(listener.key.hex)
      expect(far.connection.peerKey.hex).toBe(dialler.key.hex)
      expect([near.connection.initiator, far.connection.initiator]).toEqual([true, false])
      expect(near.connection.remote).toEqual(listener.endpoint.address)
      expect(far.connection.remote).toEqual(dialler.endpoint.address)
      expect([near.connection.closed, far.connection.closed]).toEqual([undefined, undefined])
    })

    it('connects to the expected key', async () => {
      const kit = current()
      const listener = await kit.node()
      const dialler = await kit.node()
      const { address } = listener.endpoint
      const dial = dialler.endpoint.dial(address, { expect: listener.key })
      expect((await kit.settled(dial)).peerKey.hex).toBe(listener.key.hex)
    })

    it('H5 refuses another key than the expected one', async () => {
      const kit = current()
      const listener = await kit.node()
      const dialler = await kit.node()
      const { address } = listener.endpoint
      const dial = dialler.endpoint.dial(address, { expect: dialler.key })
      expect(await kit.codeOf(dial)).toBe('ERR_TRANSPORT_PEER_KEY')
      const { world } = kit
      await world.until(() => listener.endpoint.stats().connections === 0, 'the listener to forget')
      expect(dialler.endpoint.stats().connections).toBe(0)
    })

    it('refuses a listener whose certificate the dialler does not accept', async () => {
      const kit = current()
      const listener = await kit.node()
      const dialler = await kit.node({ verifyPeer: refuseAll })
      const dial = kit.settled(dialler.endpoint.dial(listener.endpoint.address))
      await expect(dial).rejects.toMatchObject({
        code: 'ERR_TRANSPORT_PEER_KEY',
        cause: { code: 'ERR_CERTIFICATE_TEST' },
      })
      expect(dialler.refusals).toEqual([])
    })

    it('refuses a dialler whose certificate the listener does not accept, and both learn it', async () => {
      const kit = current()
      const listener = await kit.node({ verifyPeer: refuseAll })
      const dialler = await kit.node()
      // Connected is not accepted: the refusal comes one step after the dialler has connected.
      const dialled = await kit.settled(dialler.endpoint.dial(listener.endpoint.address))
      const near = new Watched(dialled)
      await kit.world.until(() => near.closed.length > 0, 'the dialler to learn it')
      expect(near.closed).toEqual([{ by: 'error', code: 0x12a, reason: 'ERR_CERTIFICATE_TEST' }])
      expect(listener.accepted).toEqual([])
      expect(listener.refusals).toMatchObject([
        {
          code: 'ERR_TRANSPORT_PEER_KEY',
          message: 'not this one',
          remote: dialler.endpoint.address,
        },
      ])
      expect(listener.endpoint.stats()).toMatchObject({ connections: 0, connectionsRefused: 1 })
    })

    it('H8 refuses another application protocol, and both learn it', async () => {
      const kit = current()
      const listener = await kit.node({ alpn: 'fovea/1:other' })
      const dialler = await kit.node()
      const dial = dialler.endpoint.dial(listener.endpoint.address)
      expect(await kit.codeOf(dial)).toBe('ERR_TRANSPORT_PROTOCOL')
      await kit.world.until(() => listener.refusals.length > 0, 'the listener to report it')
      expect(listener.refusals).toMatchObject([{ code: 'ERR_TRANSPORT_PROTOCOL' }])
      expect(listener.accepted).toEqual([])
    })

    it('gives up at its own deadline when nobody answers', async () => {
      const kit = current()
      const dialler = await kit.node()
      const startMs = kit.world.nowMs()
      const dial = dialler.endpoint.dial(await deadAddress(kit), { timeoutMs: 200 })
      expect(await kit.codeOf(dial)).toBe('ERR_TRANSPORT_TIMEOUT')
      expect(kit.world.nowMs() - startMs).toBeGreaterThanOrEqual(199)
      expect(dialler.endpoint.stats().connections).toBe(0)
    })

    it('gives up when its signal is aborted, before and during the dial', async () => {
      const kit = current()
      const dialler = await kit.node()
      const address = await deadAddress(kit)
      const aborted = AbortSignal.abort('enough')
      const early = kit.settled(dialler.endpoint.dial(address, { signal: aborted }))
      await expect(early).rejects.toMatchObject({ code: 'ERR_TRANSPORT_ABORTED', cause: 'enough' })
      const controller = new AbortController()
      const late = dialler.endpoint.dial(address, { signal: controller.signal })
      controller.abort('later')
      await expect(kit.settled(late)).rejects.toMatchObject({
        code: 'ERR_TRANSPORT_ABORTED',
        cause: 'later',
      })
      expect(dialler.endpoint.stats().connections).toBe(0)
    })

    it.each([
      ['localhost', 4433],
      ['', 4433],
      ['1.2.3', 4433],
      ['127.0.0.1', 0],
      ['127.0.0.1', 65_536],
      ['127.0.0.1', -1],
      ['127.0.0.1', 1.5],
      ['127.0.0.1', Number.NaN],
      ['0.0.0.0', 4433],
      ['::', 4433],
    ])('does not dial %s port %s', async (host, port) => {
      const kit = current()
      const dialler = await kit.node()
      const code = await kit.codeOf(dialler.endpoint.dial({ host, port }))
      expect(code).toBe('ERR_TRANSPORT_BAD_ADDRESS')
    })

    it.each([0, -1, Number.NaN, Infinity, 2 ** 31])('does not take the deadline %s', async (ms) => {
      const kit = current()
      const dialler = await kit.node()
      const dial = dialler.endpoint.dial(await deadAddress(kit), { timeoutMs: ms })
      expect(await kit.codeOf(dial)).toBe('ERR_TRANSPORT_ARGUMENT')
    })

    it.each([
      ['localhost', 0],
      ['no host', 0],
      ['127.0.0.1', 65_536],
      ['127.0.0.1', -1],
    ])('does not bind %s port %s', async (host, port) => {
      const kit = current()
      expect(await kit.codeOf(kit.node({ host, port }))).toBe('ERR_TRANSPORT_BAD_ADDRESS')
    })

    it('does not bind a port that another endpoint has, but does after it is closed', async () => {
      const kit = current()
      const first = await kit.node()
      const { port } = first.endpoint.address
      expect(await kit.codeOf(kit.node({ port }))).toBe('ERR_TRANSPORT_PORT_BUSY')
      await kit.settled(first.endpoint.close())
      expect((await kit.node({ port })).endpoint.address.port).toBe(port)
    })

    it('dials in both directions at once over one port each', async () => {
      const kit = current()
      const a = await kit.node()
      const b = await kit.node()
      const dials = [
        a.endpoint.dial(b.endpoint.address, { expect: b.key }),
        b.endpoint.dial(a.endpoint.address, { expect: a.key }),
      ]
      const [fromA, fromB] = await kit.settled(Promise.all(dials))
      const both = (): boolean => a.accepted.length === 1 && b.accepted.length === 1
      await kit.world.until(both, 'both to accept')
      expect(fromA!.remote).toEqual(b.endpoint.address)
      expect(fromB!.remote).toEqual(a.endpoint.address)
      expect(a.accepted[0]!.remote).toEqual(b.endpoint.address)
      expect([a, b].map(({ endpoint }) => endpoint.stats().connections)).toEqual([2, 2])
    })

    it('a throwing onConnection closes that connection and nothing else', async () => {
      const kit = current()
      let first = true
      const listener = await kit.node({
        onConnection: () => {
          if (!first) return
          first = false
          throw new Error('not today')
        },
      })
      const dialler = await kit.node()
      const near = new Watched(await kit.settled(dialler.endpoint.dial(listener.endpoint.address)))
      await kit.world.until(() => near.closed.length > 0, 'the end of the first')
      expect(near.closed).toEqual([{ by: 'error', code: 1, reason: 'ERR_TRANSPORT_HANDLER' }])
      await kit.join(dialler, listener)
      expect(listener.endpoint.stats().connections).toBe(1)
    })
  })
}
