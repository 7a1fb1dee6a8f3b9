import { afterEach, describe, expect, it } from 'vitest'
import type { FoveaNode } from '../../../dist/index.ts'
import type { Singleton, SingletonContext } from '../../../dist/singletons/singleton.ts'
import type { ChildStarted } from '../../../behaviours/index.ts'
import type { Pid } from '../../../runtime/index.ts'
import { Counter, during } from '../support/world.ts'
import { startVoters, type VoterWorld } from '../support/voters.ts'

const TTL_MS = 600
const LEASES = { ttlMs: TTL_MS, graceMs: 100, roundMs: 100 }

let world: VoterWorld
afterEach(() => world.stop())

/** Every start of the process, in order. */
interface Run {
  readonly node: FoveaNode
  readonly pid: Pid
  readonly token: number
  readonly startedMs: number
}

let runs: Run[] = []

const candidate = (node: FoveaNode, start = counter): Singleton =>
  node.singletons.start({
    name: 'one',
    start: async (context) => {
      const started = await start(context)
      const { token } = context
      runs.push({ node, pid: started.pid, token, startedMs: world.clock.now() })
      return started
    },
  })

const counter = ({ system, parent, token }: SingletonContext): Promise<{ readonly pid: Pid }> =>
  Counter.start(token, { system, parent, link: true, trapExit: true })

/** Nobody asks it to end. */
const stubborn = async ({ system, parent }: SingletonContext): Promise<{ readonly pid: Pid }> => ({
  pid: system.spawn(
    async (ctx) => {
      ctx.trapExit(true)
      ctx.link(parent)
      for (;;) await ctx.receive(undefined, { timeoutMs: Infinity })
    },
    { label: 'stubborn' },
  ),
})

const living = (): Run[] => runs.filter(({ node, pid }) => node.system.isAlive(pid))

/** Until there are as many starts; at no moment two processes live. Gives how long that took. */
async function started(count: number): Promise<number> {
  const sinceMs = world.clock.now()
  while (runs.length < count) {
    expect(living().length).toBeLessThanOrEqual(1)
    if (world.clock.now() - sinceMs > 30_000) throw new Error('nothing is started')
    await world.clock.advance(10)
  }
  expect(living().length).toBe(1)
  return world.clock.now() - sinceMs
}

const tokens = (): number[] => runs.map(({ token }) => token)
const sorted = (numbers: readonly number[]): number[] => [...new Set(numbers)].sort((x, y) => x - y)

/** Three nodes: each a voter, and each may be a candidate. */
async function start(): Promise<readonly FoveaNode[]> {
  runs = []
  const singletons = { singletonsMax: 2, shutdownMs: 300, restartPauseMs: 100 }
  world = await startVoters({ voters: 3, others: 0 }, LEASES, { node: { singletons } })
  return world.voters
}

describe('a singleton', () => {
  it('G11: runs on one candidate, and on another within a TTL and a second of a silent end', async () => {
    const [a, b] = await start()
    const first = candidate(a!)
    await started(1)
    const second = candidate(b!)
    await world.clock.advance(2 * TTL_MS)
    expect(runs.length).toBe(1)
    expect([first.token, second.token, second.pid]).toEqual([runs[0]!.token, undefined, undefined])
    expect(first.pid).toBe(runs[0]!.pid)
    world.kill(a!)
    // The node still runs, cut off: its process ends before the next one starts.
    expect(await started(2)).toBeLessThanOrEqual(TTL_MS + 1_000)
    expect(runs[1]!.node).toBe(b)
    expect(tokens()).toEqual(sorted(tokens()))
  })

  it('is called from other nodes, but its parent is the node itself (H33)', async () => {
    const [a, b] = await start()
    const one = candidate(a!)
    await started(1)
    // As it arrives there: a pid at hand leads straight to its system.
    const call = ({ node, id, incarnation }: Pid): Promise<unknown> =>
      b!.remoteCall.call(b!.system.pidFor(node, id, incarnation), 'add', 1)
    expect(await during(world, call(one.pid!))).toBe(one.token! + 1)
    const refused = call(parentOf(a!)).catch((error: { code: string }) => error.code)
    expect(await during(world, refused)).toBe('ERR_PEER_DENIED')
  })

  it('G11: moves at once when its candidate or its node stops', async () => {
    const [a, b, c] = await start()
    const first = candidate(a!)
    await started(1)
    const second = candidate(b!)
    const third = candidate(c!)
    await world.clock.advance(50)
    await during(world, first.stop())
    expect(await started(2)).toBeLessThan(TTL_MS / 2)
    expect(a!.singletons.names()).toEqual([])
    const [holder, rest] = second.pid === undefined ? [third, second] : [second, third]
    const node = holder === second ? b! : c!
    expect(rest.pid).toBeUndefined()
    const stopping = node.stop()
    await started(3)
    await during(world, stopping)
    expect(runs[2]!.startedMs - runs[1]!.startedMs).toBeLessThan(TTL_MS)
    expect(rest.token).toBe(runs[2]!.token)
    expect(tokens()).toEqual(sorted(tokens()))
  })

  it('G11: is started again when its process or its parent is killed, with a higher token', async () => {
    const [a] = await start()
    candidate(a!)
    await started(1)
    a!.system.exit(runs[0]!.pid, 'kill')
    await started(2)
    const parent = a!.system.process(runs[1]!.pid)!.parent!
    a!.system.exit(parent, 'kill')
    await started(3)
    expect(a!.system.process(runs[2]!.pid)!.parent).not.toEqual(parent)
    // One that ends for its parent alone is killed before the next one starts.
    await during(world, a!.singletons.get('one')!.stop())
    candidate(a!, stubborn)
    await started(4)
    a!.system.exit(a!.system.process(runs[2]!.pid)?.parent ?? parentOf(a!), 'kill')
    await started(5)
    expect(tokens()).toEqual(sorted(tokens()))
  })

  it('G11: is killed before its lease ends, when it does not end by itself', async () => {
    const [a, b] = await start()
    candidate(a!, stubborn)
    await started(1)
    candidate(b!)
    await world.clock.advance(50)
    for (const voter of world.voters.slice(1)) world.partition(a!, voter)
    await started(2)
    expect(runs[1]!.node).toBe(b)
  })

  it('is given to others where it cannot start, and what comes too late is killed', async () => {
    const [a, b] = await start()
    a!.singletons.start({
      name: 'one',
      start: () => {
        throw new Error('not here')
      },
    })
    await world.clock.advance(60)
    candidate(b!)
    await started(1)
    expect(a!.stats().refused['ERR_SINGLETON_START']).toBeGreaterThan(0)
    // Nor is it held by a node whose start gives nothing, or what this node cannot end.
    const elsewhere = runs[0]!.pid
    for (const given of [undefined, { pid: elsewhere }] as unknown as ChildStarted[]) {
      const before = a!.stats().refused['ERR_SINGLETON_START']!
      const none = a!.singletons.start({ name: 'none', start: () => given })
      await world.clock.advance(60)
      expect(a!.stats().refused['ERR_SINGLETON_START']).toBeGreaterThan(before)
      expect(none.pid).toBeUndefined()
      await during(world, none.stop())
    }
    let late: ((pid: { pid: Pid }) => void) | undefined
    const hanging = a!.singletons.start({
      name: 'two',
      start: () => new Promise<{ pid: Pid }>((resolve) => (late = resolve)),
    })
    while (late === undefined) await world.clock.advance(10)
    await during(world, hanging.stop())
    const { pid } = await Counter.start(0, { system: a!.system })
    late({ pid })
    await world.clock.advance(1)
    expect(a!.system.isAlive(pid)).toBe(false)
  })

  it('is not started elsewhere while it still starts here, unless its lease is lost', async () => {
    const [a, b] = await start()
    let isStarting = false
    let starts = 0
    const slow = a!.singletons.start({
      name: 'one',
      start: async ({ system, parent }) => {
        isStarting = true
        starts++
        await new Promise<void>((resolve) => system.clock.setTimer(90, resolve))
        isStarting = false
        return Counter.start(0, { system, parent, link: true })
      },
    })
    while (!isStarting) await world.clock.advance(5)
    b!.singletons.start({
      name: 'one',
      start: ({ system, parent }) => {
        expect(isStarting).toBe(false)
        starts++
        return Counter.start(0, { system, parent, link: true })
      },
    })
    await during(world, slow.stop())
    expect(isStarting).toBe(false)
    while (starts < 2) await world.clock.advance(5)
    expect(a!.singletons.names()).toEqual([])
    expect(b!.stats().refused['ERR_SINGLETON_START']).toBeUndefined()
  })

  it('is refused without voters, twice, above the limit, and on a node that stops', async () => {
    const [a] = await start()
    candidate(a!)
    const code = (fn: () => unknown): unknown => {
      try {
        return fn()
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    expect(code(() => candidate(a!))).toBe('ERR_SINGLETON_TAKEN')
    const named = (name: string) => (): Singleton => a!.singletons.start({ name, start: counter })
    const two = named('two')()
    expect(code(named('three'))).toBe('ERR_SINGLETONS_MAX')
    await during(world, two.stop())
    expect(code(named('three'))).toMatchObject({ name: 'three' })
    expect(code(() => a!.singletons.start({ name: 'x' } as never))).toBe('ERR_OPTION_INVALID')
    const stopping = a!.stop()
    await world.clock.advance(1)
    expect(code(named('four'))).toBe('ERR_SINGLETON_STOPPED')
    await during(world, stopping)
    const alone = await world.start('alone')
    expect(code(() => alone.singletons.start({ name: 'x', start: counter }))).toBe(
      'ERR_VOTERS_REQUIRED',
    )
  })
})

/** The parent of all singletons of a node. */
function parentOf(node: FoveaNode): Pid {
  for (const process of node.system.processes()) {
    if (String(process.label ?? '').includes('singletons')) return process.pid
  }
  throw new Error('no parent')
}
