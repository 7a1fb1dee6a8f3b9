import { describe, expect, it } from 'vitest'
import type { Core, InputOf, Protocol, SinkOf } from '../../../mesh/simulation/boundary.ts'
import { CoreWorld, type Seat, type WorldOptions } from '../../../mesh/simulation/core-world.ts'
import { runFaults } from '../../../mesh/simulation/fault-runner.ts'
import { calmFromMs, describeFaults, type Fault } from '../../../mesh/simulation/faults.ts'

interface Toy extends Protocol {
  readonly core: ToyCore
  readonly command: { readonly type: 'ask'; readonly port: number } | { readonly type: 'save' }
  readonly datagram: { readonly beat: number }
  readonly request: { readonly question: number }
  readonly reply: { readonly answer: number }
  readonly event: { readonly what: string }
}

/** Sends a beat to the next node every 100 ms, and answers questions. */
class ToyCore implements Core<InputOf<Toy>, SinkOf<Toy>> {
  readonly heard: string[] = []
  readonly seat: Seat
  beats = 0
  #asked = 0
  #dueMs: number
  constructor(seat: Seat) {
    this.seat = seat
    this.#dueMs = seat.nowMs + 100
  }
  nextDeadline(): number {
    return this.#dueMs
  }
  step(nowMs: number, input: InputOf<Toy>, sink: SinkOf<Toy>): void {
    switch (input.type) {
      case 'tick':
        this.#dueMs = nowMs + 100
        sink.send(this.seat.index === 0 ? 'n00001' : 'n00000', { beat: this.beats++ })
        return
      case 'datagram':
        this.heard.push(`${input.from}:${input.message.beat}@${nowMs}`)
        sink.event({ what: `beat ${input.message.beat}` })
        return
      case 'ask':
        sink.request(
          this.#asked++,
          { id: undefined, host: 'sim', port: input.port },
          { question: 6 },
          nowMs + 1_000,
        )
        return
      case 'request':
        sink.reply(input.replyId, { answer: input.message.question * 7 })
        return
      case 'reply':
        this.heard.push(`answer ${input.message.answer} of ${input.from}`)
        return
      case 'request_failed':
        this.heard.push(`no answer @${nowMs}`)
        return
      case 'save':
        sink.persist(12)
        return
      case 'persisted':
        this.heard.push(`saved ${input.generation}`)
    }
  }
}

function toyWorld(options: Partial<WorldOptions<Toy>> = {}): CoreWorld<Toy> {
  const network = { latency: { type: 'constant', ms: 2 } } as const
  const boot = (seat: Seat): ToyCore => new ToyCore(seat)
  const world = new CoreWorld<Toy>({ seed: 1, nodes: 2, boot, network, trace: true, ...options })
  world.start(0)
  world.start(1)
  return world
}

const heard = (world: CoreWorld<Toy>, index: number): readonly string[] =>
  world.node(index).core?.heard ?? []

describe('CoreWorld', () => {
  it('carries datagrams after a handshake, which counts as load', () => {
    const world = toyWorld()
    world.run(250)
    // Both dial at once: 4 ms handshake, then 2 ms under way; the second beat finds the link.
    expect(heard(world, 1)).toEqual(['n00000:0@106', 'n00000:1@202'])
    expect(world.node(0).load).toMatchObject({ datagramsSent: 2, handshakes: 1 })
  })

  it('carries datagrams at once without links', () => {
    const world = toyWorld({ links: false })
    world.run(250)
    expect(heard(world, 1)).toEqual(['n00000:0@102', 'n00000:1@202'])
    expect(world.node(0).load.handshakes).toBe(0)
  })

  it('gives the same trace for the same seed, and another for another', () => {
    const hashes = [3, 3, 4].map((seed) => {
      const network = { lossShare: 0.2, latency: { type: 'uniform', minMs: 1, maxMs: 50 } } as const
      const world = toyWorld({ seed, network })
      world.run(5_000)
      return world.trace.hash
    })
    expect(hashes[0]).toBe(hashes[1])
    expect(hashes[0]).not.toBe(hashes[2])
  })

  it('answers requests once, and fails those that nobody answers at their deadline', () => {
    const world = toyWorld({ links: false })
    world.command(0, { type: 'ask', port: world.node(1).port })
    world.run(50)
    expect(heard(world, 0)).toEqual(['answer 42 of n00001'])
    world.stop(1)
    world.command(0, { type: 'ask', port: world.node(1).port })
    world.run(2_000)
    expect(heard(world, 0)).toEqual(['answer 42 of n00001', 'no answer @1050'])
  })

  it('drops what was meant for an earlier life, and keeps the disk', () => {
    const world = toyWorld({ links: false })
    world.run(101)
    world.stop(1)
    world.start(1)
    world.run(50)
    expect(heard(world, 1)).toEqual([])
    expect(world.node(1).core?.seat.generation).toBe(2)
    world.command(1, { type: 'save' })
    world.run(1)
    expect(heard(world, 1)).toEqual(['saved 12'])
    world.stop(1)
    world.start(1)
    expect(world.node(1).core?.seat.generation).toBe(13)
    world.stop(1)
    world.start(1, { disk: 'lost' })
    expect(world.node(1).core?.seat.generation).toBe(1)
  })

  it('keeps packets for a paused node and drops the timer that it missed to one', () => {
    const world = toyWorld({ links: false })
    world.pause(1)
    world.run(450)
    expect(heard(world, 1)).toEqual([])
    world.resume(1)
    expect(heard(world, 1)).toEqual([0, 1, 2, 3].map((beat) => `n00000:${beat}@450`))
    expect(world.node(1).core?.beats).toBe(1)
  })

  it('keeps at most inboxMax packets for a paused node', () => {
    const world = toyWorld({ links: false, inboxMax: 2 })
    world.pause(1)
    world.run(450)
    world.resume(1)
    expect(heard(world, 1)).toHaveLength(2)
  })

  it('holds back what a blocked node sends and hears, while its timers run', () => {
    const world = toyWorld({ links: false })
    world.block(1)
    world.run(250)
    expect(world.node(1).core?.beats).toBe(2)
    expect([heard(world, 0), heard(world, 1)]).toEqual([[], []])
    world.unblock(1)
    expect(heard(world, 1)).toEqual(['n00000:0@250', 'n00000:1@250'])
    world.run(10)
    expect(heard(world, 0)).toEqual(['n00001:0@252', 'n00001:1@252'])
  })

  it('lets a clock jump forward', () => {
    const world = toyWorld({ links: false })
    world.jump(1, 3_600_000)
    world.run(1)
    expect(world.node(1).core?.beats).toBe(1)
    world.run(150)
    expect(heard(world, 1)).toEqual(['n00000:0@3600102'])
  })

  it('passes the share asked for through the codec', () => {
    let passed = 0
    const codec = (message: Toy['datagram']): Toy['datagram'] => {
      passed++
      return { beat: message.beat + 1_000 }
    }
    const world = toyWorld({ links: false, codec, codecShare: 1 })
    world.run(150)
    expect(passed).toBe(2)
    expect(heard(world, 1)).toEqual(['n00000:1000@102'])
  })

  it('reaches a moved node only where the sender knows the new address', () => {
    let port = 10_001
    const world = toyWorld({ links: false, addressOf: () => ({ host: 'sim', port }) })
    world.stop(1)
    world.start(1, { moved: true })
    world.run(250)
    expect(heard(world, 1)).toEqual([])
    port = world.node(1).port
    world.run(100)
    expect(heard(world, 1)).toHaveLength(1)
  })

  it('tells observers what happens', () => {
    const world = toyWorld({ links: false, network: { lossShare: 1 } })
    const seen: string[] = []
    world.observe({
      sent: (node, to) => seen.push(`${node.id} sent to ${to}`),
      lost: (_, to) => seen.push(`lost to ${to}`),
      stopped: (node) => seen.push(`${node.id} stopped`),
    })
    world.run(100)
    world.stop(0)
    expect(seen).toEqual([
      'n00000 sent to n00001',
      'lost to n00001',
      'n00001 sent to n00000',
      'lost to n00000',
      'n00000 stopped',
    ])
  })
})

describe('links', () => {
  const many = (linksMax: number): CoreWorld<Toy> => {
    const world = toyWorld({ nodes: 6, links: { linksMax } })
    for (let i = 2; i < 6; i++) world.start(i)
    return world
  }

  it('are closed, least recently used first, by the side that dialled', () => {
    const world = many(2)
    // Nodes 1 to 5 beat to node 0, which accepts any number; it dials node 1 alone.
    world.run(1_000)
    expect(world.node(0).linked).toBe(5)
    expect(world.node(0).dialled).toBeLessThanOrEqual(1)
    for (const index of [2, 3, 4]) {
      world.command(0, { type: 'ask', port: world.node(index).port })
      world.run(20)
    }
    expect(world.node(0).dialled).toBeLessThanOrEqual(2)
  })

  it('of an earlier life cost one message, then a new handshake', () => {
    const world = many(64)
    world.run(450)
    const before = heard(world, 0).length
    world.stop(0)
    world.start(0)
    expect(before).toBeGreaterThan(0)
    world.run(60)
    expect(heard(world, 0)).toEqual([])
    world.run(100)
    expect(heard(world, 0)).toHaveLength(5)
  })

  it('are not made to a node that is down, nor through a shut way', () => {
    const world = many(64)
    world.network.add({ type: 'partition', groups: [[2]] })
    world.run(1_000)
    expect(heard(world, 0).some((line) => line.startsWith('n00002'))).toBe(false)
    expect(world.node(2).load.handshakes).toBe(1)
  })
})

describe('faults', () => {
  const actions = { leave: () => {}, join: () => {}, setMeta: () => {} }

  it('happen at their times, are counted, and end', () => {
    const world = toyWorld({ links: false })
    const faults: Fault[] = [
      { type: 'crash', atMs: 150, node: 1, downMs: 200 },
      { type: 'crash', atMs: 160, node: 1 },
      { type: 'partition', atMs: 500, forMs: 100, groups: [[0], [1]] },
      { type: 'pause', atMs: 700, node: 0, forMs: 50 },
    ]
    const counts = runFaults(world, faults, actions)
    world.run(200)
    expect(world.node(1).running).toBe(false)
    world.run(200)
    expect(world.node(1).running).toBe(true)
    world.run(150)
    expect(world.network.isOpen(0, 1, world.nowMs)).toBe(false)
    world.run(100)
    expect(world.network.isOpen(0, 1, world.nowMs)).toBe(true)
    world.run(70)
    expect(world.node(0).paused).toBe(true)
    world.run(50)
    expect(world.node(0).paused).toBe(false)
    expect(counts).toEqual({ crash: 1, partition: 1, pause: 1 })
    expect(calmFromMs(faults)).toBe(750)
    expect(describeFaults(faults)).toContain('500 ms partition {"forMs":100,"groups":[[0],[1]]}')
  })

  it('end a pause of this life only, whatever became of pauses of an earlier one', () => {
    const world = toyWorld({ links: false })
    const faults: Fault[] = [
      { type: 'pause', atMs: 0, node: 0, forMs: 104 },
      { type: 'crash', atMs: 1, node: 0, downMs: 1 },
      { type: 'pause', atMs: 3, node: 0, forMs: 100 },
    ]
    runFaults(world, faults, actions)
    world.run(50)
    expect(world.node(0).paused).toBe(true)
    world.run(60)
    expect(world.node(0).paused).toBe(false)
  })

  it('block a slow member again and again until their end', () => {
    const world = toyWorld({ links: false })
    const slow = {
      type: 'slow',
      atMs: 0,
      node: 1,
      forMs: 1_000,
      blockedMs: 100,
      everyMs: 50,
    } as const
    runFaults(world, [slow], actions)
    let paused = 0
    for (let ms = 0; ms < 1_500; ms++) {
      world.run(1)
      if (world.node(1).blocked) paused++
    }
    expect(paused).toBeGreaterThanOrEqual(690)
    expect(paused).toBeLessThanOrEqual(701)
    expect(world.node(1).blocked).toBe(false)
  })
})
