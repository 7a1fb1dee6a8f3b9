/** Kit: every limit at the limit and one above it. */
import { describe, expect, it } from 'vitest'
import type { CurrentKit } from './transport.ts'
import { codeThrownBy, Watched } from './transport-world.ts'

const LOOPS = 1_000

/** Part of `describeTransport`. */
export function describeLimits(current: CurrentKit): void {
  describe('limits', () => {
    it.each(['streamQueueBytesMax', 'connectionQueueBytesMax'] as const)(
      'queues exactly %s bytes and not one more',
      async (option) => {
        const limits = {
          [option]: 100_000,
          streamHighWaterBytes: 10_000,
          streamWindowBytes: 16_384,
        }
        const { near, far } = await current().pair(limits)
        const { world } = current()
        far.onStream = ({ stream }) => stream.pause()
        const { stream } = near.open()
        stream.write(Buffer.alloc(32_768))
        let before = -1
        await world.until(() => {
          const stuck = stream.bytesQueued > 0 && stream.bytesQueued === before
          before = stream.bytesQueued
          return stuck
        }, 'the writer to be stuck')
        const room = 100_000 - stream.bytesQueued
        expect(codeThrownBy(() => stream.write(Buffer.alloc(room + 1)))).toBe(
          'ERR_TRANSPORT_QUEUE_FULL',
        )
        expect(stream.bytesQueued).toBe(100_000 - room)
        expect(stream.write(Buffer.alloc(room))).toBe(false)
        expect(stream.bytesQueued).toBe(100_000)
        expect(codeThrownBy(() => stream.write(Buffer.alloc(1)))).toBe('ERR_TRANSPORT_QUEUE_FULL')
        expect(near.connection.stats().bytesQueued).toBe(100_000)
        await world.until(() => far.streams.length === 1, 'the stream')
        far.streams[0]!.stream.resume()
        await world.until(() => far.streams[0]!.bytes === 32_768 + room, 'what was taken')
        expect(near.connection.stats().bytesQueued).toBe(0)
      },
    )

    it('opens streamsMax streams and not one more, and again after one has ended', async () => {
      const { near, far } = await current().pair({ streamsMax: 3 })
      const { world } = current()
      far.onStream = (watched) => {
        watched.onEnd = () => watched.stream.end()
      }
      const streams = [near.open(), near.open(), near.open()]
      expect(codeThrownBy(() => near.open())).toBe('ERR_TRANSPORT_STREAM_LIMIT')
      for (const { stream } of streams) stream.write(Buffer.from('x'))
      await world.until(() => far.streams.length === 3, 'three streams')
      expect(codeThrownBy(() => near.open())).toBe('ERR_TRANSPORT_STREAM_LIMIT')
      for (const { stream } of streams) stream.end()
      const opensAgain = (): boolean => codeThrownBy(() => near.open().stream.end()) === 'no error'
      for (let round = 0; round < 5; round++) await world.until(opensAgain, 'a stream more')
      await world.until(() => far.streams.length === 8, 'the later streams')
    })

    it('lets connectionsMax diallers in and tells the next one', async () => {
      const kit = current()
      const listener = await kit.node({ limits: { connectionsMax: 2 } })
      const dialler = await kit.node()
      const { near } = await kit.join(dialler, listener)
      await kit.join(dialler, listener)
      const refused = kit.settled(dialler.endpoint.dial(listener.endpoint.address))
      await expect(refused).rejects.toMatchObject({
        code: 'ERR_TRANSPORT_REFUSED',
        peerReason: 'ERR_TRANSPORT_CONNECTION_LIMIT',
        transportCode: 2,
      })
      expect(listener.refusals).toMatchObject([{ code: 'ERR_TRANSPORT_CONNECTION_LIMIT' }])
      expect(listener.endpoint.stats()).toMatchObject({ connections: 2, connectionsRefused: 1 })
      near.connection.close(0, '')
      await kit.world.until(() => listener.endpoint.stats().connections === 1, 'room')
      await kit.join(dialler, listener)
    })

    it('dials up to connectionsMax and not once more', async () => {
      const kit = current()
      const listener = await kit.node()
      const dialler = await kit.node({ limits: { connectionsMax: 2 } })
      await kit.join(dialler, listener)
      await kit.join(dialler, listener)
      const dial = dialler.endpoint.dial(listener.endpoint.address)
      expect(await kit.codeOf(dial)).toBe('ERR_TRANSPORT_CONNECTION_LIMIT')
      expect(dialler.endpoint.stats().connections).toBe(2)
    })

    it('lets connectionsPerAddressMax diallers in from one address and tells the next one', async () => {
      const kit = current()
      const listener = await kit.node({ limits: { connectionsPerAddressMax: 2 } })
      const dialler = await kit.node()
      const { near } = await kit.join(dialler, listener)
      await kit.join(dialler, listener)
      const refused = kit.settled(dialler.endpoint.dial(listener.endpoint.address))
      await expect(refused).rejects.toMatchObject({
        code: 'ERR_TRANSPORT_REFUSED',
        peerReason: 'ERR_TRANSPORT_ADDRESS_LIMIT',
      })
      expect(listener.refusals).toMatchObject([{ code: 'ERR_TRANSPORT_ADDRESS_LIMIT' }])
      near.connection.close(0, '')
      await kit.world.until(() => listener.endpoint.stats().connections === 1, 'room')
      await kit.join(dialler, listener)
    })

    it('a thousand connects and closes leave nothing behind', { timeout: 60_000 }, async () => {
      const kit = current()
      const limits = { idleTimeoutMs: 1_000 }
      const listener = await kit.node({ limits })
      const dialler = await kit.node({ limits })
      const batch = 50
      for (let done = 0; done < LOOPS; done += batch) {
        const dials = Array.from({ length: batch }, () =>
          dialler.endpoint.dial(listener.endpoint.address),
        )
        const connections = await kit.settled(Promise.all(dials))
        const watched = connections.map((connection) => new Watched(connection))
        for (const { connection } of watched) connection.close(0, 'done')
        const over = (): boolean => watched.every(({ closed }) => closed.length === 1)
        await kit.world.until(over, 'a batch to close')
      }
      const left = (): number =>
        listener.endpoint.stats().connections + dialler.endpoint.stats().connections
      await kit.world.until(() => left() === 0, 'the listener to see every close')
      expect(listener.accepted).toHaveLength(LOOPS)
      expect(listener.refusals).toEqual([])
    })

    it('streams that are aborted with bytes in flight do not use the connection up', async () => {
      const { near, far } = await current().pair()
      const { world } = current()
      far.onStream = (watched) => {
        watched.onData = () => watched.stream.stopSending(1)
      }
      for (let round = 0; round < 60; round++) {
        const out = near.open()
        out.stream.write(Buffer.alloc(60_000))
        await world.until(() => (far.streams[round]?.bytes ?? 0) > 0, 'the first bytes')
        out.stream.reset(2)
      }
      far.onStream = () => {}
      const last = near.open()
      last.stream.write(Buffer.alloc(200_000))
      last.stream.end()
      const bytes = (): number => far.streams.at(-1)?.bytes ?? 0
      await world.until(() => bytes() === 200_000, 'a stream after sixty aborted ones')
      expect([near.closed, far.closed]).toEqual([[], []])
    })
  })
}
