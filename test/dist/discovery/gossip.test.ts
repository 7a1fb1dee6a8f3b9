import { describe, expect, it } from 'vitest'
import { gossip } from '../../../dist/discovery/gossip.ts'
import { createSimClock, type SimClock } from '../../../runtime/index.ts'
import { running } from './context.ts'
import { Hub, multicastOn, type MulticastHub } from './hubs.ts'

const SECRET = 'sixteen letters!'

function world(): { readonly clock: SimClock; readonly hub: MulticastHub } {
  const clock = createSimClock({ startMs: 1_800_000_000_000 })
  return { clock, hub: new Hub(clock) }
}

describe('gossip', () => {
  it('nodes of one secret hear of each other, once, and of their silence', async () => {
    const { clock, hub } = world()
    const sockets = multicastOn(hub)
    const one = running(gossip({ secret: SECRET, sockets }), { clock, number: 1 })
    const two = running(gossip({ secret: SECRET, sockets }), { clock, number: 2 })
    await clock.advance(10_000)
    expect([one.said, two.said]).toEqual([['+10.0.0.2:4433'], ['+10.0.0.1:4433']])
    await two.stop()
    await clock.advance(55_000)
    expect(one.said).toEqual(['+10.0.0.2:4433'])
    await clock.advance(10_000)
    expect(one.said).toEqual(['+10.0.0.2:4433', '-10.0.0.2:4433'])
    await one.stop()
    expect([hub.size, clock.timerCount]).toEqual([0, 0])
  })

  it('D10 passes over heartbeats of another secret and over garbage in silence', async () => {
    const { clock, hub } = world()
    const sockets = multicastOn(hub)
    const one = running(gossip({ secret: SECRET, sockets }), { clock, number: 1 })
    const other = running(gossip({ secret: 'another secret!!', sockets }), { clock, number: 2 })
    hub.send(new Uint8Array(200))
    await clock.advance(20_000)
    expect([one.said, other.said]).toEqual([[], []])
    expect(new Set(one.refused)).toEqual(new Set(['ERR_DISCOVERY_DATAGRAM']))
    await Promise.all([one.stop(), other.stop()])
  })

  it('D10 a datagram that is sent again is not taken, not within 30 s and not later', async () => {
    const { clock, hub } = world()
    const sockets = multicastOn(hub)
    const two = running(gossip({ secret: SECRET, sockets }), { clock, number: 2 })
    await clock.advance(100)
    await two.stop()
    const recorded = hub.sent[0]!
    const one = running(gossip({ secret: SECRET, sockets, forgetAfterMs: 5_000 }), {
      clock,
      number: 1,
    })
    await clock.advance(1)
    hub.send(recorded)
    await clock.advance(10_000)
    expect(one.said).toEqual(['+10.0.0.2:4433', '-10.0.0.2:4433'])
    for (const waitMs of [1_000, 40_000]) {
      hub.send(recorded)
      await clock.advance(waitMs)
    }
    expect(one.said).toHaveLength(2)
    expect(one.refused).toEqual(['ERR_DISCOVERY_DATAGRAM', 'ERR_DISCOVERY_DATAGRAM'])
    await one.stop()
  })

  it('D10 reads datagramsPerSecondMax datagrams in a second, then closes the socket for the rest of it', async () => {
    const { clock, hub } = world()
    const strategy = gossip({
      secret: SECRET,
      sockets: multicastOn(hub),
      datagramsPerSecondMax: 100,
    })
    const one = running(strategy, { clock })
    await clock.advance(1)
    const flood = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) hub.send(new Uint8Array(1))
      await clock.settle()
    }
    await flood(99)
    expect([hub.size, one.refused.length]).toEqual([1, 99])
    await flood(1_000)
    expect(hub.size).toBe(0)
    expect(one.refused.filter((code) => code === 'ERR_DISCOVERY_FLOOD')).toHaveLength(1)
    expect(one.refused.length).toBeLessThanOrEqual(101)
    await clock.advance(1_000)
    expect([hub.size, hub.opened]).toEqual([1, 2])
    expect(one.said).toEqual([])
    await one.stop()
  })

  it('D1 a socket that breaks or cannot be opened is told, opened again, and makes nobody gone', async () => {
    const { clock, hub } = world()
    const sockets = multicastOn(hub)
    const one = running(gossip({ secret: SECRET, sockets }), { clock, number: 1 })
    const two = running(gossip({ secret: SECRET, sockets }), { clock, number: 2 })
    await clock.advance(5_000)
    hub.failure = Object.assign(new Error('no network'), { code: 'ENETDOWN' })
    for (const member of hub.members()) member.onError(hub.failure)
    await clock.advance(300_000)
    expect(new Set(one.said.slice(1))).toEqual(new Set(['!ENETDOWN']))
    hub.failure = undefined
    await clock.advance(120_000)
    expect(one.said.filter((word) => word.startsWith('-'))).toEqual([])
    expect(hub.size).toBe(2)
    await Promise.all([one.stop(), two.stop()])
  })

  it('a node that only broadcasts hears nobody', async () => {
    const { clock, hub } = world()
    const sockets = multicastOn(hub)
    const one = running(gossip({ sockets, broadcastOnly: true }), { clock, number: 1 })
    const two = running(gossip({ sockets }), { clock, number: 2 })
    await clock.advance(5_000)
    expect([one.said, two.said]).toEqual([[], ['+10.0.0.1:4433']])
    await Promise.all([one.stop(), two.stop()])
  })

  it.each([
    ['secret', { secret: 'fifteen letters' }],
    ['group', { group: 'not.an.address' }],
    ['hops', { hops: 256 }],
  ])('refuses a wrong %s', (option, given) => {
    expect(() => gossip(given)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID', option }),
    )
  })

  it('D2 an address at which a node was started anew, with another key, stays when the old one is forgotten', async () => {
    const { clock, hub } = world()
    const sockets = multicastOn(hub)
    const one = running(gossip({ secret: SECRET, sockets }), { clock, number: 1 })
    const before = running(gossip({ secret: SECRET, sockets }), { clock, number: 2 })
    await clock.advance(2_000)
    await before.stop()
    const again = running(gossip({ secret: SECRET, sockets }), { clock, number: 2, keyNumber: 9 })
    await clock.advance(120_000)
    expect(one.said).toEqual(['+10.0.0.2:4433'])
    await again.stop()
    await clock.advance(65_000)
    expect(one.said).toEqual(['+10.0.0.2:4433', '-10.0.0.2:4433'])
    await one.stop()
  })
})
