/** One address, two ways: a port inside the process, the network outside. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryNetwork } from '../../../../mesh/transport/memory.ts'
import { Door, Line, Switchboard } from '../../../../mesh/transport/worker.ts'
import { WorkerConnection } from '../../../../mesh/transport/worker/connection.ts'
import type { TransportConnection } from '../../../../mesh/transport/transport.ts'
import { createRealClock, createSeededEntropy, createSimClock } from '../../../../runtime/index.ts'
import { echo, Kit, Watched } from '../../../conformance/transport-world.ts'
import type { KitNode, TransportWorld } from '../../../conformance/transport-world.ts'

const real = createRealClock()

let kit: Kit
let switchboard: Switchboard
let doors: Door[]

beforeEach(() => {
  const clock = createSimClock()
  const network = new MemoryNetwork({ clock, entropy: createSeededEntropy(1) })
  doors = []
  switchboard = new Switchboard()
  const world: TransportWorld = {
    host: '127.0.0.1',
    transport: (limits) => {
      const options = { clock, ...limits }
      const door = new Door({ outside: async () => network.transport(limits), options })
      doors.push(door)
      return door
    },
    nowMs: () => clock.now(),
    kill: () => {},
    until: async (condition, what) => {
      for (let step = 0; !condition(); step++) {
        if (step > 5_000) expect.fail(`waited in vain for ${what}`)
        await clock.advance(1)
        await new Promise<void>((resolve) => real.nextTurn(resolve))
      }
    },
  }
  kit = new Kit(world)
})

afterEach(async () => {
  await kit.close()
  for (const door of doors) await kit.settled(door.detach())
  switchboard.close()
})

const attach = (door: Door): Promise<void> =>
  kit.settled(door.attach(new Line(switchboard.connect())))

const isInside = (connection: TransportConnection): boolean =>
  connection instanceof WorkerConnection

async function dial(from: KitNode, to: KitNode): Promise<TransportConnection> {
  const { key, endpoint } = to
  return await kit.settled(from.endpoint.dial(endpoint.address, { expect: key }))
}

describe('a door', () => {
  it('leads outside until it has a line, inside when both have one, and outside to everybody else', async () => {
    const [a, b, stranger] = [await kit.node(), await kit.node(), await kit.node()]
    expect(isInside(await dial(a, b))).toBe(false)
    await attach(doors[0]!)
    await attach(doors[1]!)
    const inside = await dial(a, b)
    expect(isInside(inside)).toBe(true)
    // The same address either way: nobody has to know which.
    expect(inside.remote).toEqual(b.endpoint.address)
    expect(isInside(await dial(a, stranger))).toBe(false)
    await kit.world.until(() => b.accepted.length === 2, 'both connections')
    expect(b.accepted.map((connection) => connection.remote)).toEqual([
      ...[a.endpoint.address, a.endpoint.address],
    ])
    expect(a.endpoint.stats().connections).toBe(3)
  })

  it('carries streams inside as outside', async () => {
    const [a, b] = [await kit.node(), await kit.node()]
    await attach(doors[0]!)
    await attach(doors[1]!)
    const { near, far } = await kit.join(a, b)
    echo(far)
    const out = near.open()
    out.stream.write(Buffer.from('through the wall'))
    out.stream.end()
    await kit.world.until(() => out.ended === 1, 'the echo')
    expect(out.text).toBe('through the wall')
  })

  it('that is closed inside ends those connections and no others', async () => {
    const [a, b] = [await kit.node(), await kit.node()]
    const outside = new Watched(await dial(a, b))
    await attach(doors[0]!)
    await attach(doors[1]!)
    const inside = new Watched(await dial(a, b))
    await kit.settled(doors[1]!.detach())
    await kit.world.until(() => inside.closed.length === 1, 'the end inside')
    expect(outside.closed).toEqual([])
    expect(isInside(await dial(a, b))).toBe(false)
  })

  it('gives a dial outside no more time than is left, and ends it with the caller', async () => {
    const [a, gone] = [await kit.node(), await kit.node()]
    await attach(doors[0]!)
    const { address } = gone.endpoint
    await kit.settled(gone.endpoint.close())
    const startMs = kit.world.nowMs()
    const late = a.endpoint.dial(address, { timeoutMs: 50 })
    expect(await kit.codeOf(late)).toBe('ERR_TRANSPORT_TIMEOUT')
    expect(kit.world.nowMs() - startMs).toBeLessThan(80)
    const controller = new AbortController()
    const aborted = a.endpoint.dial(address, { signal: controller.signal })
    const code = kit.codeOf(aborted)
    await kit.world.until(() => kit.world.nowMs() - startMs > 100, 'the dial to be outside')
    controller.abort()
    expect(await code).toBe('ERR_TRANSPORT_ABORTED')
    expect(a.endpoint.stats().connections).toBe(0)
  })

  it('leaves no address behind when its endpoint is closed', async () => {
    const a = await kit.node()
    await attach(doors[0]!)
    await kit.world.until(() => switchboard.addresses === 1, 'the address')
    await kit.settled(a.endpoint.close())
    await kit.world.until(() => switchboard.addresses === 0, 'the address to be given back')
    expect(switchboard.lines).toBe(1)
    await kit.settled(doors[0]!.detach())
    await kit.world.until(() => switchboard.lines === 0, 'the line to be closed')
  })
})
