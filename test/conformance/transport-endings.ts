/** Kit: every way in which a connection or an endpoint ends, and what each side is told. */
import { describe, expect, it } from 'vitest'
import type { CurrentKit } from './transport.ts'
import { Watched } from './transport-world.ts'

const IDLE_MS = 300

/** Part of `describeTransport`. */
export function describeEndings(current: CurrentKit): void {
  describe('endings', () => {
    it.each(['near', 'far'] as const)(
      'tells code and text of a close by the %s side',
      async (side) => {
        const pair = await current().pair()
        const closer = pair[side]
        const other = side === 'near' ? pair.far : pair.near
        closer.connection.close(2 ** 32 - 1, 'good bye')
        const own = { by: 'local', code: 2 ** 32 - 1, reason: 'good bye' }
        expect(closer.connection.closed).toEqual(own)
        expect(closer.closed).toEqual([]) // not inside the call
        const both = (): boolean => closer.closed.length + other.closed.length === 2
        await current().world.until(both, 'both sides to close')
        expect(closer.closed).toEqual([own])
        expect(other.closed).toEqual([{ by: 'peer', code: 2 ** 32 - 1, reason: 'good bye' }])
        expect(other.connection.closed).toEqual(other.closed[0])
      },
    )

    it('closes once, with the first reason', async () => {
      const { near, far } = await current().pair()
      near.connection.close(1, 'first')
      near.connection.close(2, 'second')
      await current().world.until(() => near.closed.length + far.closed.length === 2, 'the close')
      near.connection.close(3, 'third')
      expect(near.closed).toEqual([{ by: 'local', code: 1, reason: 'first' }])
      expect(far.closed).toEqual([{ by: 'peer', code: 1, reason: 'first' }])
    })

    it('cuts a long text to 256 bytes, between characters', async () => {
      const { near, far } = await current().pair()
      near.connection.close(0, 'é'.repeat(127) + 'x€€€')
      await current().world.until(() => far.closed.length === 1, 'the close')
      expect(far.closed[0]!.reason).toBe('é'.repeat(127) + 'x')
    })

    it('tells onClosed also to whoever handles the connection later', async () => {
      const kit = current()
      const listener = await kit.node()
      const dialler = await kit.node()
      const dialled = await kit.settled(dialler.endpoint.dial(listener.endpoint.address))
      await kit.world.until(() => listener.accepted.length === 1, 'the connection')
      new Watched(dialled).connection.close(9, 'gone')
      const accepted = listener.accepted[0]!
      await kit.world.until(() => accepted.closed !== undefined, 'the close')
      const late = new Watched(accepted)
      expect(late.closed).toEqual([])
      await kit.world.until(() => late.closed.length === 1, 'onClosed')
      expect(late.closed).toEqual([{ by: 'peer', code: 9, reason: 'gone' }])
    })

    it('calls no handler after onClosed', async () => {
      const { near, far } = await current().pair()
      const { world } = current()
      const events: string[] = []
      near.onStream = (watched) => {
        watched.onData = () => events.push('data')
      }
      const out = far.open()
      out.stream.write(Buffer.from('x'))
      await world.until(() => events.length === 1, 'the first byte')
      near.connection.close(0, '')
      out.stream.write(Buffer.from('y'))
      far.connection.sendDatagram(Buffer.from('z'))
      await world.until(() => near.closed.length + far.closed.length === 2, 'the end')
      expect(events).toEqual(['data'])
      expect(near.datagrams).toEqual([])
      expect(near.streams[0]!.resets).toEqual([])
    })

    it.each(['onStream', 'onData', 'onEnd', 'onDatagram', 'onDrain'] as const)(
      'a throwing %s closes its connection and nothing else',
      async (event) => {
        const kit = current()
        const limits = { streamHighWaterBytes: 100, streamWindowBytes: 16_384 }
        const { near, far, dialler, listener } = await kit.pair(limits)
        const bystander = await kit.join(dialler, listener)
        const fail = (): never => {
          throw new Error('a bug')
        }
        far.connection.handle({
          onStream: (stream) => {
            if (event === 'onStream') fail()
            stream.handle({
              onData: () => {
                if (event === 'onData') fail()
                if (event === 'onDrain') stream.write(Buffer.alloc(40_000))
              },
              onEnd: () => void (event === 'onEnd' && fail()),
              onDrain: () => void (event === 'onDrain' && fail()),
            })
          },
          onDatagram: () => void (event === 'onDatagram' && fail()),
          onClosed: (info) => void far.closed.push(info),
        })
        const out = near.open()
        out.stream.write(Buffer.from('x'))
        out.stream.end()
        near.connection.sendDatagram(Buffer.from('x'))
        await kit.world.until(() => near.closed.length + far.closed.length === 2, 'the end')
        expect(far.closed).toMatchObject([
          { by: 'error', code: 1, reason: 'ERR_TRANSPORT_HANDLER: a bug' },
        ])
        expect(near.closed).toEqual([{ by: 'error', code: 1, reason: 'ERR_TRANSPORT_HANDLER' }])
        expect([bystander.near.closed, bystander.far.closed]).toEqual([[], []])
        expect(listener.endpoint.stats().connections).toBe(1)
      },
    )

    it('a throwing onClosed harms nobody', async () => {
      const kit = current()
      const { near, far, dialler, listener } = await kit.pair()
      let calls = 0
      far.connection.handle({
        onClosed: () => {
          calls++
          throw new Error('a bug')
        },
      })
      near.connection.close(0, '')
      await kit.world.until(() => calls === 1, 'onClosed')
      await kit.join(dialler, listener)
      expect(calls).toBe(1)
    })

    it('finds a peer that was killed, within the idle timeout', async () => {
      const kit = current()
      const limits = { idleTimeoutMs: IDLE_MS }
      const { near, listener } = await kit.pair(limits)
      const startMs = kit.world.nowMs()
      kit.world.kill(listener.endpoint)
      await kit.world.until(() => near.closed.length === 1, 'the silence to be noticed')
      expect(near.closed).toEqual([{ by: 'idle_timeout', code: 0, reason: '' }])
      const waitedMs = kit.world.nowMs() - startMs
      expect(waitedMs).toBeGreaterThan(IDLE_MS / 3)
      // Our own keepalive may restart the count once.
      expect(waitedMs).toBeLessThan(IDLE_MS * 3)
    })

    it('keeps an idle connection alive for three idle timeouts', async () => {
      const kit = current()
      const limits = { idleTimeoutMs: IDLE_MS }
      const { near, far } = await kit.pair(limits)
      const startMs = kit.world.nowMs()
      await kit.world.until(() => kit.world.nowMs() - startMs >= 3 * IDLE_MS, 'three idle timeouts')
      expect([near.closed, far.closed]).toEqual([[], []])
      const out = near.open()
      out.stream.write(Buffer.from('still here'))
      await kit.world.until(() => far.streams[0]?.text === 'still here', 'a byte after the silence')
    })

    it('ends an idle connection when nobody sends keepalives', async () => {
      const kit = current()
      const limits = { idleTimeoutMs: IDLE_MS, keepaliveIntervalMs: Infinity }
      const { near, far } = await kit.pair(limits)
      await kit.world.until(() => near.closed.length + far.closed.length === 2, 'both to end')
      const info = { by: 'idle_timeout', code: 0, reason: '' }
      expect([...near.closed, ...far.closed]).toEqual([info, info])
    })

    it('NX-D27 closing an endpoint closes its connections, ends its dials and refuses new ones', async () => {
      const kit = current()
      const { near, far, dialler, listener } = await kit.pair()
      const gone = await kit.node()
      const { address } = gone.endpoint
      await kit.settled(gone.endpoint.close())
      const pending = kit.codeOf(dialler.endpoint.dial(address))
      const closing = dialler.endpoint.close()
      expect(near.closed).toEqual([]) // not inside the call
      const after = kit.codeOf(dialler.endpoint.dial(listener.endpoint.address))
      await kit.settled(closing)
      expect(near.closed).toEqual([{ by: 'local', code: 0, reason: '' }])
      expect(await pending).toBe('ERR_TRANSPORT_CLOSED')
      expect(await after).toBe('ERR_TRANSPORT_CLOSED')
      expect(dialler.endpoint.stats().connections).toBe(0)
      await kit.world.until(() => far.closed.length === 1, 'the peer to learn it')
      expect(far.closed).toEqual([{ by: 'peer', code: 0, reason: '' }])
      await kit.settled(dialler.endpoint.close()) // idempotent
    })

    it('closing a listener ends handshakes that have only begun', async () => {
      const kit = current()
      const listener = await kit.node()
      const dialler = await kit.node()
      const dial = dialler.endpoint.dial(listener.endpoint.address, { timeoutMs: 500 })
      const outcome = kit.codeOf(dial)
      await kit.settled(listener.endpoint.close())
      const code = await outcome
      const allowed = [
        'ERR_TRANSPORT_REFUSED',
        'ERR_TRANSPORT_TIMEOUT',
        'no error', // it was quicker
      ]
      expect(allowed).toContain(code)
      expect(listener.endpoint.stats().connections).toBe(0)
    })
  })
}
