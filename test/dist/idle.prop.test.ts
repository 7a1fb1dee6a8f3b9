/**
 * Two nodes whose link is closed again and again because nobody needs it, while both speak: in schedules drawn by seed, casts, calls,
 * large values, monitors and links of processes cross the question whether it may end, the answer, and the goodbye.
 *
 * Held against them: what one process says to another arrives in order, each once; nothing is lost; nothing is `noconnection`.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Ref } from '../../behaviours/index.ts'
import type { FoveaNode } from '../../dist/index.ts'
import type { MonitorRef } from '../../runtime/index.ts'
import { BookContract, bookOf, type BookApi } from './support/book.ts'
import { during, probe, startWorld, type LoggedWorld, type Probe } from './support/world.ts'

/** `npm run test:soak` runs more of them. */
const RUNS = Math.min(2_000, Math.ceil(Number(process.env['FOVEA_MODEL_RUNS'] ?? 200) / 10))
/** The long run has short and long ways, too. */
const LATENCIES_MS = RUNS > 100 ? [4, 25, 80] : [25]
const SEED = Number(process.env['FOVEA_IDLE_SEED'] ?? 1)

/** How long a link rests before it is closed, and how long until that is seen at most. */
const IDLE_MS = 200
const SWEPT_MS = 400

const WHATS = [
  ...(['cast', 'cast', 'cast', 'call', 'call', 'large', 'monitor', 'demonitor'] as const),
  ...(['demonitor', 'link', 'unlink', 'unlink', 'wait', 'rest', 'rest', 'rest'] as const),
]

/** What one side says to the book of the other. */
interface Speech {
  readonly node: FoveaNode
  readonly own: Probe
  readonly ref: Ref<BookApi>
  /** What the book has noted, in order. */
  readonly noted: number[]
  readonly monitors: MonitorRef[]
  last: number
}

interface Command {
  /** `rest` says nothing until a side asks whether the link may end, or a while has passed. */
  readonly what: (typeof WHATS)[number]
  readonly by: 0 | 1
  readonly ms: number
}

async function speech(world: LoggedWorld, node: FoveaNode, to: FoveaNode): Promise<Speech> {
  const noted: number[] = []
  const Book = bookOf((number) => void noted.push(number))
  const { pid } = await during(world, Book.start(undefined, { system: to.system }))
  const far = node.system.pidFor(to.key.hex, pid.id, pid.incarnation)
  return {
    ...{ node, own: probe(node), ref: BookContract.at(far), noted },
    ...{ monitors: [], last: 0 },
  }
}

/** Two nodes that keep no standing link, nor any but for what is said here. */
async function scene(latencyMs: number) {
  const quiet = { probeIntervalMs: 600_000, syncIntervalMs: 600_000, gossipIntervalMs: 600_000 }
  const world = await startWorld(6, {
    network: { latencyMs, jitterMs: latencyMs / 2 },
    node: {
      ...{ neighbours: 1, linkIdleMs: IDLE_MS, linkIdleMinMs: IDLE_MS, linksIdleMax: 64 },
      ...{ membership: quiet, dialHoldOffMs: 60_000 },
    },
  })
  await world.clock.advance(10_000)
  const [a] = world.nodes as [FoveaNode]
  const isFree = (node: FoveaNode): boolean => a.mesh.linkTo(node.key.hex) === undefined
  const b = world.nodes.find((node) => node !== a && isFree(node))
  if (b === undefined) throw new Error('everybody is a standing neighbour')
  return { world, a, b }
}

/** What became of the links between the two. */
interface Counts {
  idle: number
  parting: number
  stays: number
  lost: number
}

class Schedule {
  readonly #world: LoggedWorld
  readonly #speeches: readonly [Speech, Speech]
  readonly #counts: Readonly<Counts>
  readonly #latencyMs: number
  readonly #problems: string[] = []

  constructor(
    world: LoggedWorld,
    speeches: readonly [Speech, Speech],
    counts: Readonly<Counts>,
    latencyMs: number,
  ) {
    this.#world = world
    this.#speeches = speeches
    this.#counts = counts
    this.#latencyMs = latencyMs
  }

  /** What is wrong. */
  async run(commands: readonly Command[]): Promise<readonly string[]> {
    const { clock } = this.#world
    const calls = new Set<Promise<void>>()
    for (const { what, by, ms } of commands) {
      if (what === 'rest') await this.#rest()
      else this.#do(what, this.#speeches[by], calls)
      await clock.advance(ms)
    }
    for (const speech of this.#speeches) {
      for (const ref of speech.monitors.splice(0)) speech.node.system.demonitor(ref)
      speech.node.system.unlink(speech.own.pid, speech.ref.pid)
    }
    // A new link takes some round trips.
    await clock.advance(IDLE_MS + SWEPT_MS + 20 * this.#latencyMs)
    if (calls.size > 0) this.#problems.push(`${calls.size} calls wait`)
    for (const { noted, last, own, node } of this.#speeches) {
      const all = Array.from({ length: last }, (_, i) => i + 1)
      if (noted.join() !== all.join())
        this.#problems.push(`${noted.join()} of ${last} by ${node.id}`)
      if (own.signals().length > 0) this.#problems.push(own.signals().join())
    }
    return this.#problems
  }

  async #rest(): Promise<void> {
    const { parting } = this.#counts
    for (let ms = 0; ms < IDLE_MS + SWEPT_MS && this.#counts.parting === parting; ms++) {
      await this.#world.clock.advance(1)
    }
  }

  #do(what: Exclude<Command['what'], 'rest'>, speech: Speech, calls: Set<Promise<void>>): void {
    const { node, own, ref, monitors } = speech
    switch (what) {
      case 'cast':
        return this.#cast(speech, 10)
      case 'large':
        return this.#cast(speech, 150_000)
      case 'call': {
        const number = ++speech.last
        const call = ref.call.note(number, { timeoutMs: 5_000 }).then(
          () => {},
          (error: unknown) => void this.#problems.push(`call ${number}: ${String(error)}`),
        )
        calls.add(call)
        return void call.finally(() => calls.delete(call))
      }
      case 'monitor':
        return void monitors.push(node.system.monitor(own.pid, ref.pid))
      case 'demonitor': {
        const monitor = monitors.shift()
        if (monitor !== undefined) node.system.demonitor(monitor)
        return
      }
      case 'link':
        return node.system.link(own.pid, ref.pid)
      case 'unlink':
        return node.system.unlink(own.pid, ref.pid)
      case 'wait':
    }
  }

  #cast(speech: Speech, bytes: number): void {
    const number = ++speech.last
    if (speech.ref.cast.note({ number, rest: new Uint8Array(bytes) })) return
    this.#problems.push(`cast ${number} is refused`)
  }
}

/** Within what a round trip takes, or some of them. */
const pauses: fc.Arbitrary<number> = fc.oneof(fc.nat(3), fc.nat(20), fc.nat(100))
const commands: fc.Arbitrary<readonly Command[]> = fc.array(
  fc.record({
    what: fc.constantFrom(...WHATS),
    by: fc.constantFrom(0, 1) as fc.Arbitrary<0 | 1>,
    ms: pauses,
  }),
  { minLength: 10, maxLength: 30 },
)

it.each(LATENCIES_MS)(
  'G-37 X-20 nothing that crosses the end of an idle link is lost, doubled or out of order, latency %d ms',
  async (latencyMs) => {
    const { world, a, b } = await scene(latencyMs)
    const counts: Counts = { idle: 0, parting: 0, stays: 0, lost: 0 }
    for (const [node, other] of [
      [a, b],
      [b, a],
    ] as const) {
      node.mesh.onParting(({ type, link }) => {
        if (link.peer.key.hex === other.key.hex) counts[type]++
      })
      node.mesh.onLink((event) => {
        if (event.type !== 'down' || event.link.peer.key.hex !== other.key.hex) return
        if (event.reason === 'idle') counts.idle++
        else counts.lost++
      })
      node.cluster.onNodeDown(() => void counts.lost++)
    }
    const runs = Math.ceil(RUNS / LATENCIES_MS.length)
    await fc.assert(
      fc.asyncProperty(commands, async (plan) => {
        const speeches = [await speech(world, a, b), await speech(world, b, a)] as const
        const problems = await new Schedule(world, speeches, counts, latencyMs).run(plan)
        for (const { node, own, ref } of speeches) {
          node.system.exit(own.pid, 'kill')
          node.system.exit(ref.pid, 'kill')
        }
        expect(problems).toEqual([])
      }),
      { seed: SEED + latencyMs, numRuns: runs },
    )
    expect(counts.lost).toBe(0)
    expect(counts.idle / 2).toBeGreaterThan(runs)
    expect(counts.stays).toBeGreaterThan(runs / 10)
    await world.stop()
  },
  600_000,
)
