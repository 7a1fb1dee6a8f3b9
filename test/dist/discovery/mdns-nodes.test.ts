import { describe, expect, it } from 'vitest'
import { mdnsNodes } from '../../../dist/discovery/mdns-nodes.ts'
import { createRealm } from '../../../mesh/index.ts'
import { createSimClock, type SimClock } from '../../../runtime/index.ts'
import { running } from './context.ts'
import { Hub, mdnsOn, type MdnsHub } from './hubs.ts'

function world(): { readonly clock: SimClock; readonly hub: MdnsHub } {
  const clock = createSimClock({ startMs: 1_800_000_000_000 })
  return { clock, hub: new Hub(clock) }
}

describe('mdnsNodes', () => {
  it('nodes of one realm find each other within a second, and a goodbye is seen within two', async () => {
    const { clock, hub } = world()
    const port = mdnsOn(hub)
    const one = running(mdnsNodes({ port }), { clock, number: 1 })
    const two = running(mdnsNodes({ port }), { clock, number: 2 })
    const foreign = { clock, number: 3, realm: createRealm('com.example.other') }
    const other = running(mdnsNodes({ port }), foreign)
    await clock.advance(1_000)
    expect([one.said, two.said]).toEqual([['+10.0.0.2:4433'], ['+10.0.0.1:4433']])
    await two.stop()
    await clock.advance(2_000)
    expect(one.said).toEqual(['+10.0.0.2:4433', '-10.0.0.2:4433'])
    expect(other.said).toEqual([])
    await Promise.all([one.stop(), other.stop()])
    expect([hub.size, clock.timerCount]).toEqual([0, 0])
  })

  it('a node that does not advertise finds others and is not found', async () => {
    const { clock, hub } = world()
    const port = mdnsOn(hub)
    const one = running(mdnsNodes({ port, advertise: false }), { clock, number: 1 })
    const two = running(mdnsNodes({ port }), { clock, number: 2 })
    await clock.advance(1_000)
    expect([one.said, two.said]).toEqual([['+10.0.0.2:4433'], []])
    await Promise.all([one.stop(), two.stop()])
  })

  it('D1 D11 a socket that breaks is told and opened again, and nobody is gone for it', async () => {
    const { clock, hub } = world()
    const port = mdnsOn(hub)
    const one = running(mdnsNodes({ port }), { clock, number: 1 })
    const two = running(mdnsNodes({ port }), { clock, number: 2 })
    await clock.advance(1_000)
    hub.failure = Object.assign(new Error('no network'), { code: 'ENETDOWN' })
    for (const member of hub.members()) member.onError(hub.failure)
    await clock.advance(600_000)
    hub.failure = undefined
    await clock.advance(60_000)
    expect(one.said.filter((word) => !word.startsWith('!'))).toEqual(['+10.0.0.2:4433'])
    expect(one.said).toContain('!ENETDOWN')
    await Promise.all([one.stop(), two.stop()])
  })

  it('reads datagramsPerSecondMax datagrams in a second, then closes the socket for the rest of it', async () => {
    const { clock, hub } = world()
    const one = running(mdnsNodes({ port: mdnsOn(hub), datagramsPerSecondMax: 50 }), { clock })
    await clock.advance(5_000)
    await clock.advance(900)
    const noise = { type: 'query', questions: [], records: [] } as const
    for (let i = 0; i < 50; i++) hub.send(noise)
    await clock.settle()
    expect([hub.size, one.refused]).toEqual([1, []])
    for (let i = 0; i < 50; i++) hub.send(noise)
    await clock.settle()
    expect([hub.size, one.refused]).toEqual([0, ['ERR_DISCOVERY_FLOOD']])
    await clock.advance(1_000)
    expect(hub.size).toBe(1)
    await one.stop()
  })

  it('D2 an address at which a node was started anew, with another key, stays when the old one is forgotten', async () => {
    const { clock, hub } = world()
    const port = mdnsOn(hub)
    const one = running(mdnsNodes({ port }), { clock, number: 1 })
    const before = running(mdnsNodes({ port }), { clock, number: 2 })
    const again = running(mdnsNodes({ port }), { clock, number: 2, keyNumber: 9 })
    await clock.advance(2_000)
    await before.stop()
    await clock.advance(120_000)
    expect(one.said).toEqual(['+10.0.0.2:4433'])
    await Promise.all([one.stop(), again.stop()])
  })
})
