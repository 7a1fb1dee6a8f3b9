import { describe, expect, it } from 'vitest'
import { WireType } from '../../../mesh/wire/messages.ts'
import { CourierWorld, frameOf, killCourier, noting, pattern, payloadOf } from './courier-world.ts'

describe('over a link', () => {
  it('sends at once, in order, and says who sent it', async () => {
    await using world = new CourierWorld(11)
    const [a, b] = await world.startAll(2)
    for (const text of ['one', 'two', 'three']) {
      expect(a!.courier.send(b!.key, 'rpc', frameOf(text))).toBe('sent')
    }
    await world.advance(10)
    expect(b!.got).toEqual(['one', 'two', 'three'].map((text) => `call ${text} from n1 direct`))
    expect(b!.origins[0]).toEqual({ node: a!.key, roles: [], path: 'direct', via: undefined })
    expect(a!.courier.stats()).toMatchObject({ direct: 3, relayed: 0, lost: 0, refused: 0 })
    expect(b!.courier.stats()).toMatchObject({ received: 3 })
  })

  it('counts what handlers throw, and words about keys that nobody asked for', async () => {
    await using world = new CourierWorld(13)
    const [a, b] = await world.startAll(2)
    b!.courier.onGone(() => {
      throw new Error('broken')
    })
    a!.courier.send(b!.key, 'pubsub', frameOf('garbage', WireType.keyReply))
    await world.advance(10)
    await world.stop(a!)
    await world.advance(10)
    expect(b!.core.refusals.counters()).toMatchObject({
      ...{ ERR_COURIER_KEY: 1, ERR_COURIER_HANDLER: 1 },
    })
    expect(b!.got).toEqual([])
  })

  it('refuses a message of one byte more than valueBytesMax, and takes one of just that', async () => {
    await using world = new CourierWorld(12)
    const [a, b] = await world.startAll(2, { courier: { valueBytesMax: 2_000 } })
    expect(a!.courier.send(b!.key, 'rpc', frameOf(pattern(2_001)), noting(a!))).toBe('refused')
    expect(a!.courier.send(b!.key, 'rpc', frameOf(pattern(2_000)), noting(a!))).toBe('sent')
    await world.advance(10)
    expect(b!.got).toEqual(['call 2000 bytes from n1 direct'])
    expect(a!.lost).toEqual([])
    expect(a!.courier.stats()).toMatchObject({ refused: 1 })
    expect(a!.core.refusals.counters()).toMatchObject({ ERR_COURIER_TOO_LARGE: 1 })
  })

  it('cuts large messages into pieces, and lets small ones pass between them', async () => {
    await using world = new CourierWorld(13)
    const [a, b] = await world.startAll(2, { courier: { chunkBytes: 1_024 } })
    const large = frameOf(pattern(100_000), WireType.publish)
    const other = frameOf(pattern(50_000), WireType.reply)
    a!.courier.send(b!.key, 'pubsub', large)
    a!.courier.send(b!.key, 'rpc', other)
    await world.advance(100)
    expect(b!.got).toEqual([
      'publish 100000 bytes from n1 direct',
      'reply 50000 bytes from n1 direct',
    ])
    for (const [at, frame] of [large, other].entries()) {
      expect(Buffer.compare(b!.payloads[at]!, payloadOf(frame))).toBe(0)
    }
  })

  it('takes a frame in two parts as one, also where it is cut, waits, or is too large', async () => {
    await using world = new CourierWorld(15)
    const [a, b] = await world.startAll(2, { courier: { chunkBytes: 1_024, valueBytesMax: 9_000 } })
    const sizes = [10, 1_024, 1_025, 9_000]
    const send = (size: number): string => {
      const whole = frameOf(pattern(size))
      const rest = whole.subarray(12)
      return a!.courier.send(b!.key, 'rpc', whole.slice(0, 12), { ...noting(a!), rest })
    }
    await unlink(world, 0, 1)
    expect(sizes.map(send)).toEqual(['waiting', 'waiting', 'waiting', 'waiting'])
    await world.advance(100)
    const outcomes = new Set(sizes.map(send))
    expect(outcomes.has('waiting') || outcomes.has('refused')).toBe(false)
    expect(send(9_001)).toBe('refused')
    await world.advance(100)
    expect(b!.got).toHaveLength(8)
    const got = b!.payloads.map((payload) => Buffer.from(payload))
    const sent = [...sizes, ...sizes].map((size) => payloadOf(frameOf(pattern(size))))
    for (const payload of sent) expect(got.some((one) => one.equals(payload))).toBe(true)
    expect(a!.lost).toEqual([])
  })

  it('says full when the link wants no more, and drains once for it', async () => {
    await using world = new CourierWorld(14)
    const [a, b] = await world.startAll(2)
    const frame = frameOf(pattern(60_000))
    let outcome = 'sent'
    let sent = 0
    while (outcome === 'sent' && sent < 1_000) {
      outcome = a!.courier.send(b!.key, 'rpc', frame)
      sent += 1
    }
    expect(outcome).toBe('full')
    expect(a!.courier.bytesWaiting(b!.key)).toBeGreaterThan(0)
    await world.advance(1_000)
    expect(a!.drains).toEqual(['n2'])
    expect(b!.got).toHaveLength(sent)
    expect(a!.courier.bytesWaiting(b!.key)).toBe(0)
  })

  it('counts what a link that is ending brings still, to its end', async () => {
    await using world = new CourierWorld(17)
    const [a, b] = await world.startAll(2)
    while (a!.courier.send(b!.key, 'rpc', frameOf(pattern(60_000))) === 'sent');
    const waiting = a!.courier.bytesWaiting(b!.key)
    a!.core.pool.link(b!.key)?.fail('ERR_LINK_PROTOCOL', 'the peer broke a rule')
    expect(a!.core.pool.link(b!.key)).toBeUndefined()
    // Whoever reuses the memory of what was sent asks this; a peer may speak over another link meanwhile.
    expect(a!.courier.bytesWaiting(b!.key)).toBeGreaterThanOrEqual(waiting)
    await world.advance(10_000)
    expect(a!.courier.bytesWaiting(b!.key)).toBe(0)
  })

  it('sends a message that is more than a lane holds, as the lane takes it', async () => {
    await using world = new CourierWorld(15)
    const [a, b] = await world.startAll(2, { mesh: { bytesQueuedMax: 524_288 } })
    const large = frameOf(pattern(2_097_152))
    expect(a!.courier.send(b!.key, 'bulk', large)).toBe('full')
    expect(a!.courier.stats().bytesWaiting).toBeGreaterThan(0)
    await world.advance(3_000)
    expect(b!.payloads.map(({ length }) => length)).toEqual([2_097_152])
    expect(Buffer.compare(b!.payloads[0]!, payloadOf(large))).toBe(0)
    expect(a!.drains).toEqual(['n2'])
    expect(a!.courier.stats().bytesWaiting).toBe(0)
  })

  it('tells the sender of a large message that the link broke under it, once', async () => {
    await using world = new CourierWorld(16)
    const [a, b] = await world.startAll(2, { mesh: { bytesQueuedMax: 524_288 } })
    a!.courier.send(b!.key, 'bulk', frameOf(pattern(4_194_304)), noting(a!))
    await world.advance(1)
    // One that stops may take in the rest meanwhile.
    world.cluster.network.kill('10.0.0.2')
    await world.advance(30_000)
    expect(b!.got).toEqual([])
    expect(a!.lost).toEqual(['ERR_COURIER_UNREACHABLE'])
    expect(a!.courier.stats().bytesWaiting).toBe(0)
  })
})

describe('without a link', () => {
  it('dials, and sends in order what waited', async () => {
    await using world = new CourierWorld(21)
    const [a, , c] = await world.startAll(3)
    await unlink(world, 0, 2)
    expect(a!.core.pool.link(c!.key)).toBeUndefined()
    expect(a!.courier.send(c!.key, 'rpc', frameOf('one'))).toBe('waiting')
    expect(a!.courier.send(c!.key, 'pubsub', frameOf('two', WireType.publish))).toBe('waiting')
    expect(a!.courier.bytesWaiting(c!.key)).toBeGreaterThan(6)
    await world.advance(100)
    expect(c!.got).toEqual(['call one from n1 direct', 'publish two from n1 direct'])
    expect(a!.courier.bytesWaiting(c!.key)).toBe(0)
  })

  it('finds the address of a node that is no member in the DHT', async () => {
    await using world = new CourierWorld(22)
    const [a, , c] = await world.startAll(3, { mesh: { dht: {} } })
    await world.advance(10_000)
    await unlink(world, 0, 2)
    a!.core.view.forget(c!.key)
    a!.core.dht!.memory.contacts.delete(c!.key)
    a!.courier.send(c!.key, 'rpc', frameOf('found'), noting(a!))
    await world.advance(1_000)
    expect(c!.got).toEqual(['call found from n1 direct'])
    expect(a!.lost).toEqual([])
  })

  it('tells the sender of each message, once, that there is no way', async () => {
    await using world = new CourierWorld(23)
    const [a] = await world.startAll(1)
    const nobody = 'ab'.repeat(32)
    expect(a!.courier.send(nobody, 'rpc', frameOf('one'), noting(a!))).toBe('waiting')
    expect(a!.courier.send(nobody, 'rpc', frameOf('two'), noting(a!))).toBe('waiting')
    expect(a!.lost).toEqual([])
    await world.advance(20_000)
    expect(a!.lost).toEqual(['ERR_COURIER_UNREACHABLE', 'ERR_COURIER_UNREACHABLE'])
    expect(a!.gone).toEqual([`n${nobody} unreachable`])
    expect(a!.courier.stats()).toMatchObject({ lost: 2, bytesWaiting: 0 })
  })

  it('loses a message whose time is over, and not those that have more', async () => {
    await using world = new CourierWorld(24)
    const [a, , c] = await world.startAll(3)
    await unlink(world, 0, 2)
    world.cluster.network.partition('10.0.0.1', '10.0.0.3')
    a!.courier.send(c!.key, 'rpc', frameOf('short'), noting(a!, { timeoutMs: 50 }))
    a!.courier.send(c!.key, 'rpc', frameOf('long'), noting(a!, { timeoutMs: 9_000 }))
    await world.advance(60)
    expect(a!.lost).toEqual(['ERR_COURIER_TIMEOUT'])
    world.cluster.network.heal()
    await world.advance(6_000)
    expect(c!.got).toEqual(['call long from n1 direct'])
    expect(a!.lost).toEqual(['ERR_COURIER_TIMEOUT'])
  })

  it('lets no message wait longer than waitTimeoutMs, whatever its sender says', async () => {
    await using world = new CourierWorld(24)
    const [a, , c] = await world.startAll(3, { courier: { waitTimeoutMs: 100 } })
    await unlink(world, 0, 2)
    world.cluster.network.partition('10.0.0.1', '10.0.0.3')
    a!.courier.send(c!.key, 'rpc', frameOf('long'), noting(a!, { timeoutMs: 9_000 }))
    await world.advance(99)
    expect(a!.lost).toEqual([])
    await world.advance(10)
    expect(a!.lost).toEqual(['ERR_COURIER_TIMEOUT'])
  })

  it('holds waitingBytesPerNodeMax for a node and not one byte more', async () => {
    await using world = new CourierWorld(25)
    const [a] = await world.startAll(1, { courier: { waitingBytesPerNodeMax: 1_000 } })
    const nobody = 'ab'.repeat(32)
    // Two of 372 bytes and 128 more each.
    const frame = frameOf(pattern(364))
    expect(a!.courier.send(nobody, 'rpc', frame, noting(a!))).toBe('waiting')
    expect(a!.courier.send(nobody, 'rpc', frameOf(pattern(365)), noting(a!))).toBe('refused')
    expect(a!.courier.send(nobody, 'rpc', frame, noting(a!))).toBe('waiting')
    expect(a!.courier.send(nobody, 'rpc', frameOf(''), noting(a!))).toBe('refused')
    expect(a!.core.refusals.counters()).toMatchObject({ ERR_COURIER_BACKLOG: 2 })
    await world.advance(100)
    expect(a!.lost).toHaveLength(2)
  })

  it('tells what waited that it is lost when its process is killed, and goes on with the next', async () => {
    await using world = new CourierWorld(26)
    const [a, , c] = await world.startAll(3)
    await unlink(world, 0, 2)
    a!.courier.send(c!.key, 'rpc', frameOf('lost'), noting(a!))
    killCourier(a!)
    expect(a!.lost).toEqual(['ERR_COURIER_STOPPED'])
    await world.advance(100)
    a!.courier.send(c!.key, 'rpc', frameOf('next'), noting(a!))
    await world.advance(100)
    expect(c!.got).toEqual(['call next from n1 direct'])
    expect(a!.lost).toHaveLength(1)
  })
})

describe('nodes that are gone', () => {
  it('are told once: down, left, another life', async () => {
    await using world = new CourierWorld(31)
    const [a, , c] = await world.startAll(3)
    world.cluster.network.kill('10.0.0.2')
    await world.advance(30_000)
    expect(a!.gone).toEqual(['n2 down'])
    await world.stop(c!)
    await world.advance(5_000)
    expect(a!.gone.slice(1)).toEqual([`n${c!.key} left`])
  })

  it('an idle link that is closed is none', async () => {
    await using world = new CourierWorld(32)
    const [a] = await world.startAll(3)
    await unlink(world, 0, 2, 'idle')
    await world.advance(1_000)
    expect(a!.gone).toEqual([])
  })

  it('keeps a link that somebody holds, also the next one', async () => {
    await using world = new CourierWorld(33)
    const [a, , c] = await world.startAll(3)
    const held: number[] = []
    const note = (): void => {
      const link = a!.core.pool.link(c!.key)!
      link.hold = () => {
        held.push(1)
        return () => void held.push(-1)
      }
    }
    note()
    const release = a!.courier.hold(c!.key)
    const again = a!.courier.hold(c!.key)
    expect(held).toEqual([1])
    await unlink(world, 0, 2)
    // Before the courier hears of it.
    const up = a!.core.pool.announce.bind(a!.core.pool)
    a!.core.pool.announce = (event) => {
      if (event.type === 'up') note()
      up(event)
    }
    a!.courier.send(c!.key, 'rpc', frameOf('again'))
    await world.advance(100)
    expect(c!.got).toEqual(['call again from n1 direct'])
    const before = held.length
    expect(before).toBeGreaterThan(1)
    release()
    release()
    expect(held).toHaveLength(before)
    again()
    expect(held.slice(before)).toEqual([-1])
  })
})

/** Takes the link between two nodes away, once nothing holds it. */
async function unlink(
  world: CourierWorld,
  from: number,
  to: number,
  reason?: string,
): Promise<void> {
  const [a, b] = [world.nodes[from]!, world.nodes[to]!]
  await world.cluster.during(a.core.pool.link(b.key)?.close(reason) ?? Promise.resolve())
}
