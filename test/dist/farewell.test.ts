/** A node that stops answers what others had asked before they knew; what they ask then is refused and not executed. */
import { describe, expect, it } from 'vitest'
import {
  contract,
  implement,
  noreply,
  reply,
  type Contract,
  type Ref,
  type Server,
} from '../../behaviours/index.ts'
import type { FoveaNode, NodeOptions } from '../../dist/index.ts'
import type { Pid } from '../../runtime/index.ts'
import { CounterContract, during, failing, startWorld, type LoggedWorld } from './support/world.ts'

interface BookApi {
  call: {
    note(number: number): number
    size(bytes: Uint8Array): number
    /** Answered by `open`. */
    wait(): string
  }
  cast: { open(): void }
}

const BookContract: Contract<BookApi> = contract('book/1', {
  call: { note: true, size: true, wait: true },
  cast: { open: true },
})

const LATENCY_MS = 20

interface Parting extends AsyncDisposable {
  readonly world: LoggedWorld
  readonly a: FoveaNode
  readonly b: FoveaNode
  /** On B, from A. */
  readonly book: Ref<BookApi>
  /** What the book has executed. */
  readonly noted: number[]
  /** Milliseconds until B has stopped. */
  stopB(): Promise<number>
}

async function parting(node: NodeOptions = {}): Promise<Parting> {
  const noted: number[] = []
  const waiting: ((answer: string) => void)[] = []
  const Book: Server<BookApi> = implement<BookApi, undefined, undefined>(BookContract, {
    init: () => undefined,
    call: {
      note: (state, number) => {
        noted.push(number)
        return reply(number, state)
      },
      size: (state, { length }) => reply(length, state),
      wait: (state, _input, ctx) => {
        waiting.push((answer) => ctx.from.reply(answer))
        return noreply(state)
      },
    },
    cast: {
      open: (state) => {
        for (const answer of waiting.splice(0)) answer('open')
        return noreply(state)
      },
    },
  })
  const world = await startWorld(2, { network: { latencyMs: LATENCY_MS }, node })
  const [a, b] = world.nodes as [FoveaNode, FoveaNode]
  b.behaviorRegistry.register('book', Book, { remote: true })
  const book = await during(world, a.remoteSpawn.spawn(BookContract, b.id))
  const stopB = async (): Promise<number> => {
    const atMs = world.clock.now()
    await during(world, b.stop())
    return world.clock.now() - atMs
  }
  return { ...{ world, a, b, book, noted, stopB }, [Symbol.asyncDispose]: () => world.stop() }
}

/** Nodes that notice soon that they are cut off from each other, and speak through others. */
const APART: NodeOptions = {
  ...{ keepaliveIntervalMs: 200, reconnectMaxMs: 500, relayTimeoutMs: 2_000, dialHoldOffMs: 0 },
}

/** That process, as its own node knows it. */
const bookOn = ({ system, key }: FoveaNode, { pid }: Ref<BookApi>): Pid =>
  system.pidFor(key.hex, pid.id, pid.incarnation)

const outcomeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.catch(
    (error: { readonly reason?: unknown; readonly code?: unknown }) => error.reason ?? error.code,
  )

describe('a node that stops', () => {
  it('answers every call that was sent before its caller knew, and executes no other', async () => {
    await using t = await parting()
    let isStopped = false
    const stopped = t.b.stop().then(() => (isStopped = true))
    const { clock } = t.world
    const outcomes: Promise<readonly [outcome: unknown, tookMs: number]>[] = []
    for (let number = 0; !isStopped && number < 10_000; number++) {
      const atMs = clock.now()
      const outcome = outcomeOf(t.book.call.note(number))
      outcomes.push(outcome.then((value) => [value, clock.now() - atMs]))
      await clock.advance(1)
    }
    await stopped
    await clock.advance(100)
    const all = await Promise.all(outcomes)
    const answered = all
      .map(([outcome]) => outcome)
      .filter((outcome) => typeof outcome === 'number')
    expect(answered.length).toBeGreaterThan(2 * LATENCY_MS)
    expect(t.noted).toEqual(answered)
    // What its caller knew to be in vain did not wait.
    const refused = all.slice(answered.length)
    expect(refused.length).toBeGreaterThan(LATENCY_MS)
    expect(refused).toEqual(refused.map(() => ['noconnection', 0]))
    expect(t.a.cluster.isNodeConnected(t.b.id)).toBe(false)
  })

  it('waits for an answer that is under way, and no longer', async () => {
    await using t = await parting()
    const answer = outcomeOf(t.book.call.wait())
    await t.world.clock.advance(50)
    const stopping = t.stopB()
    await t.world.clock.advance(800)
    t.book.cast.open()
    expect(await answer).toBe('open')
    const waitedMs = await stopping
    expect(waitedMs).toBeGreaterThan(800)
    expect(waitedMs).toBeLessThan(1_500)
  })

  it('waits leaveTimeoutMs for one that does not come, and that is noconnection', async () => {
    const stoppedMs = async (calls: number): Promise<number> => {
      await using t = await parting({ leaveTimeoutMs: 3_000 })
      const hanging = Array.from({ length: calls }, () => outcomeOf(t.book.call.wait()))
      await t.world.clock.advance(50)
      const ms = await t.stopB()
      await t.world.clock.advance(50)
      expect(await Promise.all(hanging)).toEqual(hanging.map(() => 'noconnection'))
      return ms
    }
    const idleMs = await stoppedMs(0)
    const busyMs = await stoppedMs(1)
    expect(busyMs - idleMs).toBeGreaterThan(2_900)
    expect(busyMs - idleMs).toBeLessThan(3_000)
  })

  it('takes values that are under way in pieces, and refuses a spawn that comes too late', async () => {
    await using t = await parting({ bytesQueuedMax: 400_000 })
    const sizes = [3_000_000, 10].map((length) =>
      outcomeOf(t.book.call.size(new Uint8Array(length))),
    )
    const stopping = t.stopB()
    // Nothing but the acknowledgement tells that this node has heard of it.
    let late: Promise<unknown> = Promise.resolve('connected')
    while ((await Promise.race([late, Promise.resolve('under way')])) !== 'noconnection') {
      late = outcomeOf(t.a.remoteSpawn.spawn(CounterContract, t.b.id, { arg: 0 }))
      await t.world.clock.advance(1)
    }
    expect(t.a.cluster.isNodeConnected(t.b.id)).toBe(true)
    expect(await Promise.all(sizes)).toEqual([3_000_000, 10])
    await stopping
  })

  it('goes within leaveTimeoutMs when its peer is silent', async () => {
    await using t = await parting({ leaveTimeoutMs: 2_000 })
    const call = failing(t.world, t.book.call.wait())
    await t.world.clock.advance(50)
    t.world.kill(t.a)
    const ms = await t.stopB()
    // Members, answers, goodbye: each has its bound.
    expect(ms).toBeLessThan(5_000 + 2 * 2_000 + 100)
    expect(await call).toMatchObject({ reason: 'noconnection' })
  })

  it('answers those that speak to it through others as well, and executes nothing that it does not answer', async () => {
    await using t = await parting({ ...APART, leaveTimeoutMs: 2_000 })
    const { world, a, b } = t
    const between = await world.start('between')
    await world.clock.advance(2_000)
    world.partition(a, b)
    await world.clock.advance(3_000)
    await during(world, outcomeOf(t.book.call.note(0)))
    expect([a.mesh.linkTo(b.key.hex), between.mesh.linkTo(b.key.hex)]).toMatchObject([
      undefined,
      {},
    ])
    t.noted.length = 0
    const waiting = outcomeOf(t.book.call.wait())
    await world.clock.advance(100)
    let isStopped = false
    const stopped = b.stop().then(() => (isStopped = true))
    const outcomes: Promise<unknown>[] = []
    for (let number = 1; !isStopped && number < 10_000; number++) {
      outcomes.push(outcomeOf(t.book.call.note(number)))
      if (number === 50) b.system.cast(bookOn(b, t.book), 'open', undefined)
      await world.clock.advance(2)
    }
    await stopped
    await world.clock.advance(5_000)
    expect(await waiting).toBe('open')
    const all = await Promise.all(outcomes)
    const answered = all.filter((outcome) => typeof outcome === 'number')
    expect(answered.length).toBeGreaterThan(LATENCY_MS / 2)
    expect(t.noted).toEqual(answered)
    expect(all.slice(answered.length)).toEqual(all.slice(answered.length).map(() => 'noconnection'))
  })

  it('and its peer that stops, too, are gone as fast as one', async () => {
    const stoppedMs = async (both: boolean): Promise<number> => {
      await using t = await parting()
      const other = both ? t.a.stop() : undefined
      const ms = await t.stopB()
      if (other !== undefined) await during(t.world, other)
      return ms
    }
    expect(await stoppedMs(true)).toBeLessThan((await stoppedMs(false)) + 2 * LATENCY_MS)
  })
})

describe('a link that is closed on purpose', () => {
  it('is closed when the calls of the peer are answered, and those that come too late are not executed', async () => {
    await using t = await parting()
    const { clock } = t.world
    const waiting = outcomeOf(t.book.call.wait())
    await clock.advance(50)
    let isClosed: boolean | undefined
    const again: Promise<boolean>[] = []
    const closed = t.b.cluster.disconnect(t.a.id).then((was) => (isClosed = was))
    again.push(t.b.cluster.disconnect(t.a.id))
    const outcomes: Promise<unknown>[] = []
    for (let number = 1; isClosed === undefined && number < 900; number++) {
      outcomes.push(outcomeOf(t.book.call.note(number)))
      if (number === 200) t.book.cast.open()
      await clock.advance(1)
    }
    expect([await waiting, await closed, outcomes.length < 400]).toEqual(['open', true, true])
    await during(t.world, Promise.all(again))
    await clock.advance(100)
    const all = await Promise.all(outcomes)
    const answered = all.filter((outcome) => typeof outcome === 'number')
    expect(answered.length).toBeGreaterThan(0)
    expect(t.noted.slice(0, answered.length)).toEqual(answered)
    expect(t.noted.length).toBe(answered.length)
  })

  it('is closed at leaveTimeoutMs when an answer does not come', async () => {
    await using t = await parting({ leaveTimeoutMs: 700 })
    const waiting = outcomeOf(t.book.call.wait())
    await t.world.clock.advance(50)
    const closed = t.b.cluster.disconnect(t.a.id)
    await t.world.clock.advance(699)
    expect(t.b.mesh.linkTo(t.a.key.hex)).toBeDefined()
    await t.world.clock.advance(1)
    expect(t.b.mesh.linkTo(t.a.key.hex)).toBeUndefined()
    await during(t.world, closed)
    expect(await waiting).toBe('noconnection')
  })
})
