/**
 * Two nodes whose way to each other changes while they speak: a link, a session through a third one, the link again. In
 * schedules drawn by seed, messages of every kind cross each change.
 *
 * Held against them: what one process says to another arrives in order, each once; nothing is lost, nothing is
 * `noconnection` and no node is down but for a fault of a moment ago; a link of processes is on both sides or on none; a monitor fires once; nobody waits
 * for ever.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Ref } from '../../behaviours/index.ts'
import type { FoveaNode } from '../../dist/index.ts'
import { factsOf, type MonitorRef, type Pid } from '../../runtime/index.ts'
import { BookContract, bookOf, type BookApi } from './support/book.ts'
import { during, probe, startWorld, type LoggedWorld, type Probe } from './support/world.ts'

/** `npm run test:soak` runs all of them. */
const RUNS = Math.min(2_000, Math.ceil(Number(process.env['FOVEA_MODEL_RUNS'] ?? 200) / 50))
const SEED = Number(process.env['FOVEA_HAND_OVER_SEED'] ?? 1)

/** After a fault so much may pass before its last consequence: keepalive, silence of a session, a dial in vain. */
const FAULT_MS = 6_000

/** One node, a process that notes what it is told, and one that is linked and monitors. */
interface Side {
  readonly node: FoveaNode
  readonly noted: number[]
  readonly notedAtMs: Map<number, number>
  readonly book: Pid
  readonly own: Probe
}

/** What one side has said to the book of the other. */
interface Speech {
  readonly from: Side
  readonly to: Side
  readonly ref: Ref<BookApi>
  readonly far: Pid
  readonly sentAtMs: Map<number, number>
  readonly calls: Set<Promise<void>>
  readonly monitors: MonitorRef[]
  last: number
}

async function side(world: LoggedWorld, node: FoveaNode): Promise<Side> {
  const noted: number[] = []
  const notedAtMs = new Map<number, number>()
  const Book = bookOf((number) => {
    noted.push(number)
    notedAtMs.set(number, world.clock.now())
  })
  node.behaviorRegistry.register('book', Book)
  const { pid } = await during(world, node.remoteSpawn.spawn(BookContract, node.id))
  return { node, noted, notedAtMs, book: pid, own: probe(node) }
}

const seenFrom = ({ node }: Side, home: Side, { id, incarnation }: Pid): Pid =>
  node.system.pidFor(home.node.key.hex, id, incarnation)

/** Commands of a schedule: what, by which side, how long it takes. */
interface Command {
  readonly what: (typeof WHATS)[number]
  readonly by: 0 | 1
  readonly ms: number
}

const WORDS = [
  ...(['cast', 'cast', 'cast', 'large', 'call', 'call', 'monitor', 'demonitor'] as const),
  ...(['demonitor', 'link', 'unlink', 'unlink', 'wait', 'wait'] as const),
]
const FAULTS = ['cut', 'cut', 'heal', 'heal', 'heal', 'break', 'close', 'isolate', 'calm'] as const
const WHATS = [...WORDS, ...FAULTS]

/** Anything may happen; then they speak through the third one; then the network heals. */
interface Plan {
  readonly first: readonly Command[]
  readonly before: readonly Command[]
  readonly during: readonly Command[]
}

/** Faults of a moment ago, for whoever must decide whether something may be lost. */
class Faults {
  #sinceMs = -Infinity
  #last = false

  /** One that lasts goes on until `over`. */
  began(nowMs: number, lasts = false): void {
    this.#sinceMs = nowMs
    this.#last ||= lasts
  }

  over(nowMs: number): void {
    if (this.#last) this.#sinceMs = nowMs
    this.#last = false
  }

  /** The nodes speak: whatever was at fault, they have found a way. */
  overcome(): void {
    this.#sinceMs = -Infinity
    this.#last = false
  }

  excuse(nowMs: number): boolean {
    return this.#last || nowMs - this.#sinceMs <= FAULT_MS
  }
}

class Schedule {
  readonly #world: LoggedWorld
  readonly #sides: readonly [Side, Side]
  readonly #speeches: readonly [Speech, Speech]
  readonly #between: FoveaNode
  readonly #faults = new Faults()
  /** When a fault may have lost something. */
  readonly #lossesMs: number[] = []
  readonly #problems: string[] = []
  #answers = 0

  constructor(world: LoggedWorld, sides: readonly [Side, Side], between: FoveaNode) {
    this.#world = world
    this.#sides = sides
    this.#between = between
    const [a, c] = sides
    const speech = (from: Side, to: Side): Speech => {
      const far = seenFrom(from, to, to.book)
      const ref = BookContract.at(far)
      return { from, to, ref, far, sentAtMs: new Map(), calls: new Set(), monitors: [], last: 0 }
    }
    this.#speeches = [speech(a, c), speech(c, a)]
    for (const [own, other] of [
      [a, c],
      [c, a],
    ] as const) {
      this.#watch(own, other.node)
    }
  }

  /** What is wrong. */
  async run({ first, before, during: across }: Plan): Promise<readonly string[]> {
    await this.#all(first)
    await this.#all([
      { what: 'heal', by: 0, ms: FAULT_MS },
      { what: 'cut', by: 0, ms: FAULT_MS },
    ])
    await this.#meet()
    await this.#all(before)
    // What this is about: from a session to a link, while both speak.
    this.#world.heal()
    await this.#all(across)
    await this.#end()
    return this.#problems
  }

  async #all(commands: readonly Command[]): Promise<void> {
    for (const command of commands) {
      this.#do(command)
      await this.#world.clock.advance(command.ms)
      this.#look()
    }
  }

  /** Until each has reached the other through the third. */
  async #meet(): Promise<void> {
    const deadlineMs = this.#now() + 60_000
    for (const speech of this.#speeches) {
      for (const before = this.#answers; this.#answers === before && this.#now() < deadlineMs;) {
        this.#call(speech)
        while (speech.calls.size > 0) await this.#world.clock.advance(10)
      }
    }
    this.#look()
    this.#faults.overcome()
  }

  #now(): number {
    return this.#world.clock.now()
  }

  #watch({ node }: Side, other: FoveaNode): void {
    node.cluster.onNodeDown((id) => {
      if (id === other.id) this.#refused('node that lives')
    })
    const inbound = node.system.inbound as { connectionLost: (keyHex: string) => void }
    const lost = inbound.connectionLost.bind(inbound)
    inbound.connectionLost = (keyHex) => {
      if (keyHex === other.key.hex) this.#lost()
      lost(keyHex)
    }
  }

  #do({ what, by, ms }: Command): void {
    const { clock } = this.#world
    const speech = this.#speeches[by]
    const { from, to, far } = speech
    const other = seenFrom(from, to, to.own.pid)
    switch (what) {
      case 'cast':
        return this.#cast(speech, 10)
      case 'large':
        return this.#cast(speech, 200_000)
      case 'call':
        return this.#call(speech)
      case 'monitor':
        return void speech.monitors.push(from.node.system.monitor(from.own.pid, far))
      case 'demonitor': {
        const ref = speech.monitors.shift()
        if (ref !== undefined) from.node.system.demonitor(ref)
        return
      }
      case 'link':
        return from.node.system.link(from.own.pid, other)
      case 'unlink':
        return from.node.system.unlink(from.own.pid, other)
      case 'cut':
        this.#faults.began(clock.now(), true)
        return this.#world.partition(this.#sides[0].node, this.#sides[1].node)
      case 'heal':
        return this.#heal()
      case 'break':
        this.#faults.began(clock.now())
        return from.node.mesh.linkTo(far.node)?.fail('ERR_TEST', 'for the test')
      case 'close':
        this.#faults.began(clock.now())
        return void from.node.mesh.disconnect(far.node)
      case 'isolate':
        this.#faults.began(clock.now(), true)
        return this.#world.partition(from.node, this.#between)
      case 'wait':
      case 'calm':
        return void ms
    }
  }

  #heal(): void {
    this.#faults.over(this.#now())
    this.#world.heal()
  }

  #cast(speech: Speech, bytes: number): void {
    const number = ++speech.last
    if (!speech.ref.cast.note({ number, rest: new Uint8Array(bytes) })) return this.#refused('cast')
    speech.sentAtMs.set(number, this.#now())
  }

  #call(speech: Speech): void {
    const number = ++speech.last
    speech.sentAtMs.set(number, this.#now())
    const call = speech.ref.call.note(number, { timeoutMs: Infinity }).then(
      (answer) => {
        this.#answers++
        if (answer !== number || !speech.to.noted.includes(number)) {
          this.#problems.push(`call ${number} was answered with ${answer}`)
        }
      },
      (error: { readonly reason?: unknown }) => {
        if (error.reason !== 'noconnection') this.#problems.push(`call ${number}: ${String(error)}`)
        this.#refused('call')
        this.#lost()
      },
    )
    speech.calls.add(call)
    void call.finally(() => speech.calls.delete(call))
  }

  #lost(): void {
    if (this.#faults.excuse(this.#now())) this.#lossesMs.push(this.#now())
  }

  #refused(what: string): void {
    if (!this.#faults.excuse(this.#now())) this.#problems.push(`a ${what} is noconnection`)
  }

  /** Signals of a lost connection come with a fault only. */
  #look(): void {
    for (const { own } of this.#sides) {
      const signals = own.seen.filter((item) => (item as { reason?: unknown }).reason !== undefined)
      for (const item of signals as readonly {
        type: string
        reason: unknown
        ref?: MonitorRef
      }[]) {
        if (item.reason === 'noconnection') this.#refused(item.type)
        else this.#problems.push(`${item.type} ${String(item.reason)}`)
        for (const { monitors } of this.#speeches) {
          const at = monitors.findIndex((ref) => ref === item.ref)
          if (at >= 0) monitors.splice(at, 1)
        }
      }
      own.seen.length = 0
    }
  }

  async #end(): Promise<void> {
    const { clock } = this.#world
    this.#heal()
    for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 100) {
      await clock.advance(100)
      this.#look()
    }
    for (const speech of this.#speeches) this.#call(speech)
    await clock.advance(1_000)
    for (const { calls } of this.#speeches) if (calls.size > 0) this.#problems.push('a call waits')
    const [here, there] = this.#sides.map(({ node, own }) => this.#linksOf(node, own.pid))
    if (here !== there) this.#problems.push(`half a link: ${here} and ${there}`)
    for (const speech of this.#speeches) this.#account(speech)
    await this.#kill()
  }

  #linksOf({ system }: FoveaNode, pid: Pid): number {
    const process = system.process(pid)
    if (process === undefined) throw new Error('a probe has ended')
    return factsOf(process).links
  }

  #account({ to, sentAtMs }: Speech): void {
    const { noted, notedAtMs } = to
    const inOrder = noted.every((number, at) => at === 0 || number > noted[at - 1]!)
    if (!inOrder) this.#problems.push(`noted ${noted.join()}`)
    for (const [number, sentMs] of sentAtMs) {
      if (notedAtMs.has(number)) continue
      const next = noted.find((other) => other > number)
      const untilMs = next === undefined ? Infinity : notedAtMs.get(next)!
      const isExcused = this.#lossesMs.some((ms) => ms >= sentMs && ms <= untilMs)
      if (!isExcused) this.#problems.push(`${number} is lost, said at ${sentMs}`)
    }
  }

  /** Every monitor that stands fires, once. */
  async #kill(): Promise<void> {
    const standing = this.#speeches.map(({ monitors }) => monitors.length)
    for (const { node, book } of this.#sides) node.system.exit(book, 'kill')
    await this.#world.clock.advance(500)
    const fired = this.#sides.map(
      ({ own }) => own.signals().filter((text) => text === 'down killed').length,
    )
    if (fired.join() !== standing.join())
      this.#problems.push(`${standing.join()} monitors fired ${fired.join()} times`)
  }
}

const commands = (whats: readonly Command['what'][], longestMs: number): fc.Arbitrary<Command> =>
  fc
    .record({
      what: fc.constantFrom(...whats),
      by: fc.constantFrom(0, 1) as fc.Arbitrary<0 | 1>,
      ms: fc.nat(longestMs),
    })
    .map(({ what, by, ms }) => {
      if (what === 'calm') return { what, by, ms: FAULT_MS + ms }
      return { what, by, ms: what === 'wait' ? ms : ms % 40 }
    })

const plans: fc.Arbitrary<Plan> = fc.record({
  first: fc.array(commands(WHATS, 2_000), { maxLength: 30 }),
  before: fc.array(commands(WORDS, 300), { maxLength: 8 }),
  during: fc.array(commands(WORDS, 300), { minLength: 30, maxLength: 80 }),
})

it(`${RUNS} schedules of links and sessions that give way to each other lose, double and break nothing`, async () => {
  await fc.assert(
    fc.asyncProperty(plans, fc.nat(40), async (plan, latencyMs) => {
      const quick = {
        ...{
          keepaliveIntervalMs: 200,
          reconnectMaxMs: 500,
          relayTimeoutMs: 2_000,
          dialHoldOffMs: 0,
        },
      }
      const network = { latencyMs, jitterMs: latencyMs / 2 }
      await using world = await startWorld(3, { network, node: quick })
      const [a, b, c] = world.nodes as [FoveaNode, FoveaNode, FoveaNode]
      const sides = [await side(world, a), await side(world, c)] as const
      expect(await new Schedule(world, sides, b).run(plan)).toEqual([])
    }),
    { seed: SEED, numRuns: RUNS },
  )
}, 600_000)
