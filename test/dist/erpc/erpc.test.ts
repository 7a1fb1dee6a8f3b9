import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { GenServer } from '../../../behaviours/index.ts'
import { ErpcError, ErpcRequests, type FoveaNode } from '../../../dist/index.ts'
import { createErpc } from '../../../dist/erpc/erpc.ts'
import type { DistParts } from '../../../dist/parts.ts'
import { CallExitError, exit, self } from '../../../runtime/index.ts'
import { Counter, during, failing, startWorld, type LoggedWorld } from '../support/world.ts'

interface Two {
  readonly world: LoggedWorld
  readonly a: FoveaNode
  readonly b: FoveaNode
  /** What functions of b did. */
  readonly done: unknown[]
  /** Lets functions that wait go on. */
  readonly open: ((value: unknown) => void)[]
  [Symbol.asyncDispose](): Promise<void>
}

async function two(erpc = {}): Promise<Two> {
  const world = await startWorld(2, { node: { keepaliveIntervalMs: 100, erpc } })
  const [a, b] = world.nodes as [FoveaNode, FoveaNode]
  const done: unknown[] = []
  const open: ((value: unknown) => void)[] = []
  b.erpc.register('add', (x: number, y: number) => x + y)
  b.erpc.register('error', () => {
    throw Object.assign(new TypeError('oops'), { code: 'ERR_OOPS' })
  })
  b.erpc.register('throw', (value: unknown) => {
    throw value
  })
  b.erpc.register('exit', (reason: unknown) => exit(reason))
  b.erpc.register('pid', () => self())
  b.erpc.register('wait', async (value: unknown) => {
    const before = await new Promise((resolve) => open.push(resolve))
    done.push(value)
    return before
  })
  b.erpc.register('unsendable', () => ({ list: [() => 1] }))
  return { world, a, b, done, open, [Symbol.asyncDispose]: () => world.stop() }
}

/** For tests that break nothing: a world costs more than all they do in it. */
let shared: Two
beforeAll(async () => {
  shared = await two()
})
beforeEach(() => {
  shared.done.length = 0
  shared.open.length = 0
})
afterAll(() => shared.world.stop())

describe('Erpc.call', () => {
  it('RP-01 gives what the function gives there, and the same on its own node', async () => {
    const t = shared
    expect(await during(t.world, t.a.erpc.call<number>(t.b.id, 'add', [1, 2]))).toBe(3)
    expect(await during(t.world, t.a.erpc.call(t.b.key, 'add', [1, 2]))).toBe(3)
    expect(await during(t.world, t.b.erpc.call(t.b.id, 'add', [1, 2]))).toBe(3)
    // A process of its own, which is gone afterwards.
    const pid = await during(t.world, t.b.erpc.call<never>(t.b.id, 'pid', []))
    expect(t.b.system.isAlive(pid)).toBe(false)
    expect(t.b.erpc.stats()).toEqual({ functions: 7, running: 0, waiting: 0 })
  })

  it.each([
    ['RP-02 an error', 'error', [], { class: 'error', code: 'ERR_ERPC_ERROR' }],
    ['RP-03 a throw', 'throw', [7], { class: 'throw', code: 'ERR_ERPC_THROW', reason: 7 }],
    ['RP-03 an exit', 'exit', ['gone'], { class: 'exit', code: 'ERR_ERPC_EXIT', reason: 'gone' }],
    ['an unknown name', 'nope', [], { class: 'erpc', code: 'ERR_ERPC_UNKNOWN' }],
  ])('tells %s from every other failure, here and there', async (_what, name, args, expected) => {
    const t = shared
    for (const node of [t.a, t.b]) {
      const error = await failing(t.world, node.erpc.call(t.b.id, name, args))
      expect(error).toBeInstanceOf(ErpcError)
      expect(error).toMatchObject({ ...expected, functionName: name, nodeId: t.b.id })
      if (name === 'error') {
        expect(error.cause).toMatchObject({ name: 'TypeError', code: 'ERR_OOPS', message: 'oops' })
      }
    }
  })

  it('a signal that ends the process of the function is class signal', async () => {
    const t = shared
    const calling = failing(t.world, t.a.erpc.call(t.b.id, 'wait', [1]))
    await t.world.clock.advance(10)
    const process = [...t.b.system.processes()].find(({ label }) => label === 'erpc wait')
    t.b.system.exit(process!.pid, 'kill')
    expect(await calling).toMatchObject({ code: 'ERR_ERPC_SIGNAL', reason: 'killed' })
  })

  it('RP-05 fails at its deadline; the function goes on, its result goes nowhere', async () => {
    const t = shared
    for (const node of [t.a, t.b]) {
      const startMs = t.world.clock.now()
      const calling = node.erpc.call(t.b.id, 'wait', [node.id], { timeoutMs: 50 })
      const error = await failing(t.world, calling)
      expect(error).toMatchObject({ code: 'ERR_ERPC_TIMEOUT', class: 'erpc' })
      expect(t.world.clock.now() - startMs).toBeLessThanOrEqual(55)
    }
    for (const open of t.open) open('late')
    await t.world.clock.advance(100)
    expect(t.done).toEqual([t.a.id, t.b.id])
  })

  it('RP-06 RP-07 is noconnection for a node that is unknown, or lost during the call', async () => {
    await using t = await two()
    const unknown = await failing(t.world, t.a.erpc.call('x@10.9.9.9:1', 'add', [1, 2]))
    expect(unknown).toMatchObject({ code: 'ERR_ERPC_NOCONNECTION', nodeId: 'x@10.9.9.9:1' })
    const calling = failing(t.world, t.a.erpc.call(t.b.id, 'wait', [1], { timeoutMs: 60_000 }))
    await t.world.clock.advance(10)
    t.world.kill(t.b)
    expect(await calling).toMatchObject({ code: 'ERR_ERPC_NOCONNECTION', nodeId: t.b.id })
  })

  it.each([
    ['noproc', 'ERR_ERPC_NOTSUP'],
    ['noconnection', 'ERR_ERPC_NOCONNECTION'],
  ])(
    'RP-06 tells a node without functions from one that is not there: %s',
    async (reason, code) => {
      const call = { server: '$erpc', request: 'run' }
      const parts = {
        directory: { keyOf: () => 'other', nameOf: () => 'o@10.0.0.9:1', ownKeyHex: 'own' },
        peers: { call: async () => Promise.reject(new CallExitError(call, reason)) },
        services: { open: () => () => {} },
      } as unknown as DistParts
      const { functions } = createErpc(parts, undefined)
      const calling = functions.call('o@10.0.0.9:1', 'add', [])
      await expect(calling).rejects.toMatchObject({ code, class: 'erpc', nodeId: 'o@10.0.0.9:1' })
    },
  )

  it('RP-08 a cast is silent whatever becomes of it, but where it failed it is told', async () => {
    const t = shared
    const before = t.b.stats().refused['ERR_ERPC_UNKNOWN'] ?? 0
    t.a.erpc.cast('x@10.9.9.9:1', 'add', [])
    t.a.erpc.cast(t.b.id, 'nope', [])
    t.a.erpc.cast(t.b.id, 'error', [])
    t.a.erpc.cast(t.b.id, 'wait', ['cast'])
    await t.world.clock.advance(10)
    t.open[0]!(0)
    await t.world.clock.advance(10)
    expect(t.done).toEqual(['cast'])
    expect(t.b.stats().refused).toMatchObject({ ERR_ERPC_UNKNOWN: before + 1, ERR_ERPC_ERROR: 1 })
  })

  it('RP-09 refuses at the caller what is no call', async () => {
    const t = shared
    const { erpc } = t.a
    const wrong: unknown[][] = [
      [7, 'add', []],
      [t.b.id, '', []],
      [t.b.id, 'add', 'no list'],
    ]
    for (const [node, name, args] of wrong) {
      expect(() => erpc.cast(node as string, name as string, args as [])).toThrow(/must be/)
      const calling = erpc.call(node as string, name as string, args as [])
      expect(await failing(t.world, calling)).toMatchObject({ code: 'ERR_ARGUMENT' })
    }
    const functionArgument = erpc.call(t.b.id, 'add', [() => 1])
    expect(await failing(t.world, functionArgument)).toMatchObject({ code: 'ERR_VALUE_UNSENDABLE' })
    const functionResult = erpc.call(t.b.id, 'unsendable', [])
    expect(await failing(t.world, functionResult)).toMatchObject({ code: 'ERR_VALUE_UNSENDABLE' })
  })

  it('RP-13 the function runs to its end although its caller died, or its caller’s node', async () => {
    await using t = await two()
    const caller = t.a.system.spawn(async () => t.a.erpc.call(t.b.id, 'wait', ['dead caller']))
    void t.a.erpc.call(t.b.id, 'wait', ['lost node']).catch(() => {})
    await t.world.clock.advance(10)
    t.a.system.exit(caller, 'kill')
    await t.world.clock.advance(10)
    t.world.kill(t.a)
    await t.world.clock.advance(5_000)
    for (const open of t.open) open(0)
    await t.world.clock.advance(10)
    expect(t.done.toSorted()).toEqual(['dead caller', 'lost node'])
  })

  it('is refused where the realm does not grant erpc', async () => {
    const policy = { grants: { call: ['member'], spawn: ['member'] } } as never
    const world = await startWorld(2, { policy })
    await using _ = world
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    b.erpc.register('add', () => 1)
    const denied = await failing(world, a.erpc.call(b.id, 'add', []))
    expect(denied).toMatchObject({ code: 'ERR_ERPC_DENIED', class: 'erpc' })
  })

  it('ends with the node: a function that runs is told by signal, nothing is left', async () => {
    await using t = await two()
    const calling = failing(t.world, t.b.erpc.call(t.b.id, 'wait', [1], { timeoutMs: Infinity }))
    await t.world.clock.advance(1)
    await during(t.world, t.b.stop())
    expect(await calling).toMatchObject({ class: 'signal' })
    expect(t.b.erpc.stats()).toMatchObject({ running: 0, waiting: 0 })
  })

  it('goes on after its process was killed; what ran is told', async () => {
    await using t = await two()
    const calling = failing(t.world, t.a.erpc.call(t.b.id, 'wait', [1]))
    await t.world.clock.advance(10)
    const runner = [...t.b.system.processes()].find(({ label }) => label.includes('fovea.erpc/1'))
    t.b.system.exit(runner!.pid, 'kill')
    expect(await calling).toMatchObject({ code: 'ERR_ERPC_SIGNAL' })
    expect(await during(t.world, t.a.erpc.call(t.b.id, 'add', [1, 2]))).toBe(3)
  })
})

describe('limits of Erpc', () => {
  it('a function runs concurrency at a time, queueMax wait in order, one more is refused', async () => {
    await using t = await two()
    const started: number[] = []
    const ends: (() => void)[] = []
    const slow = async (n: number): Promise<number> => {
      started.push(n)
      await new Promise<void>((resolve) => ends.push(resolve))
      return n
    }
    t.b.erpc.register('slow', slow, { concurrency: 1, queueMax: 2 })
    const calls = [1, 2, 3].map((n) => t.a.erpc.call(t.b.id, 'slow', [n], { timeoutMs: 100 * n }))
    const failures = calls.map((call) => call.catch((error: unknown) => error))
    await t.world.clock.advance(10)
    const tooMany = await failing(t.world, t.a.erpc.call(t.b.id, 'slow', [4]))
    expect(tooMany).toMatchObject({ code: 'ERR_ERPC_QUEUE_FULL' })
    expect(t.b.stats().refused).toMatchObject({ ERR_ERPC_QUEUE_FULL: 1 })
    expect(t.b.erpc.stats()).toMatchObject({ running: 1, waiting: 2 })
    // The second gives up while it waits: it never runs.
    await t.world.clock.advance(210)
    expect(t.b.erpc.stats()).toMatchObject({ running: 1, waiting: 1 })
    ends[0]!()
    await t.world.clock.advance(5)
    ends[1]!()
    expect(await during(t.world, Promise.all(failures))).toMatchObject([
      { code: 'ERR_ERPC_TIMEOUT' },
      { code: 'ERR_ERPC_TIMEOUT' },
      3,
    ])
    expect(started).toEqual([1, 3])
  })

  it('however many wait, each is told when the process that runs them is killed', async () => {
    await using t = await two()
    t.b.erpc.register('never', () => new Promise(() => {}), { concurrency: 1 })
    const never = (): Promise<unknown> =>
      t.b.erpc.call(t.b.id, 'never', [], { timeoutMs: Infinity })
    const codes = Array.from({ length: 2_500 }, () =>
      never().catch(({ code }: { readonly code: unknown }) => code),
    )
    await t.world.clock.advance(1)
    expect(t.b.erpc.stats()).toMatchObject({ running: 1, waiting: 2_499 })
    const runner = [...t.b.system.processes()].find(({ label }) => label.includes('fovea.erpc/1'))
    t.b.system.exit(runner!.pid, 'kill')
    const told = await during(t.world, Promise.all(codes))
    expect([...new Set(told)]).toEqual(['ERR_ERPC_SIGNAL', 'ERR_ERPC_RESTARTING'])
    expect(t.b.erpc.stats()).toMatchObject({ running: 0, waiting: 0 })
  })

  it('callsMax counts all functions, functionsMax the names', async () => {
    await using t = await two({ callsMax: 1, functionsMax: 8 })
    const first = t.a.erpc.call(t.b.id, 'wait', [1])
    await t.world.clock.advance(10)
    const second = await failing(t.world, t.a.erpc.call(t.b.id, 'add', [1, 2]))
    expect(second).toMatchObject({ code: 'ERR_ERPC_CALLS_MAX' })
    t.open[0]!('first')
    expect(await during(t.world, first)).toBe('first')
    const remove = t.b.erpc.register('eighth', () => 8)
    const ninth = (): unknown => t.b.erpc.register('ninth', () => 9)
    expect(ninth).toThrow(expect.objectContaining({ code: 'ERR_ERPC_FUNCTIONS_MAX' }))
    remove()
    expect(ninth).not.toThrow()
    expect(() => t.b.erpc.register('ninth', () => 0)).toThrow(/already/)
    for (const name of ['', 'x'.repeat(257)]) {
      expect(() => t.a.erpc.register(name, () => 0)).toThrow(/1 to 256/)
    }
    expect(() => t.a.erpc.register('no', 7 as never)).toThrow(/no function/)
    expect([t.b.erpc.unregister('ninth'), t.b.erpc.unregister('ninth')]).toEqual([true, false])
    expect(t.b.erpc.names()).not.toContain('ninth')
  })
})

describe('many at once', () => {
  it('RP-11 a multicall has one slot per node, and takes no longer than its deadline', async () => {
    const t = shared
    const remove = t.a.erpc.register('wait', () => 'quick')
    const startMs = t.world.clock.now()
    const nodes = [t.a.id, t.b.id, 'x@10.9.9.9:1']
    const calling = t.a.erpc.multicall(nodes, 'wait', [], { timeoutMs: 200 })
    expect(await during(t.world, calling)).toMatchObject([
      { node: t.a.id, type: 'reply', value: 'quick' },
      { node: t.b.id, type: 'error', error: { code: 'ERR_ERPC_TIMEOUT' } },
      { node: 'x@10.9.9.9:1', type: 'error', error: { code: 'ERR_ERPC_NOCONNECTION' } },
    ])
    expect(t.world.clock.now() - startMs).toBeLessThanOrEqual(205)
    remove()
  })

  it('RP-12 a request is looked at, waited for, and abandoned at the deadline', async () => {
    const t = shared
    const [first, second] = [1, 2].map((n) => t.a.erpc.sendRequest(t.b.id, 'wait', [n]))
    expect(first!.checkResponse()).toBeUndefined()
    expect(await first!.waitResponse({ timeoutMs: 0 })).toEqual({ type: 'timeout' })
    const waited = await during(t.world, first!.waitResponse({ timeoutMs: 20 }))
    expect(waited).toEqual({ type: 'timeout' })
    const received = await during(t.world, second!.receiveResponse({ timeoutMs: 20 }))
    expect([received, second!.over]).toEqual([{ type: 'timeout' }, true])
    for (const open of t.open) open('ok')
    expect(await during(t.world, first!.waitResponse())).toEqual({ type: 'reply', value: 'ok' })
    expect(first!.checkResponse()).toBeUndefined()
    expect(second!.checkResponse()).toBeUndefined()
    const failed = t.a.erpc.sendRequest(t.b.id, 'nope', [])
    expect(await during(t.world, failed.receiveResponse())).toMatchObject({
      ...{ type: 'error', error: { code: 'ERR_ERPC_UNKNOWN' } },
    })
  })

  it('RP-12 a collection gives responses as they come, with their labels', async () => {
    const t = shared
    const requests = new ErpcRequests<string>()
    expect(await requests.receiveResponse()).toEqual({ type: 'no_request' })
    requests.add(t.a.erpc.sendRequest(t.b.id, 'wait', [1]), 'slow')
    requests.add(t.a.erpc.sendRequest(t.b.id, 'add', [1, 2]), 'quick')
    expect([requests.size, requests.checkResponse()]).toEqual([2, undefined])
    const first = await during(t.world, requests.waitResponse())
    expect(first).toMatchObject({ type: 'reply', value: 3, label: 'quick' })
    expect(await during(t.world, requests.waitResponse({ timeoutMs: 5 }))).toEqual({
      ...{ type: 'timeout' },
    })
    expect(requests.toList().map(([, label]) => label)).toEqual(['slow'])
    t.open[0]!(0)
    const labels: string[] = []
    const reading = (async () => {
      for await (const { label } of requests) labels.push(label)
    })()
    await during(t.world, reading)
    expect([labels, requests.size]).toEqual([['slow'], 0])
    requests.add(t.a.erpc.sendRequest(t.b.id, 'wait', [1]), 'late')
    expect(await during(t.world, requests.receiveResponse({ timeoutMs: 5 }))).toEqual({
      ...{ type: 'timeout' },
    })
    expect(requests.size).toBe(0)
  })

  it('X-19 asks a name on many nodes; late replies go nowhere', async () => {
    const t = shared
    await during(t.world, Counter.start(5, { system: t.b.system, name: 'hits' }))
    const targets = [t.a.id, t.b.id].map((node) => ({ name: 'hits', node }))
    const ask = (name: string) =>
      during(t.world, GenServer.multiCall(targets, name, [], { system: t.a.system, timeoutMs: 50 }))
    const answered = await ask('get')
    expect(answered.replies).toMatchObject([[{ node: t.b.id }, 5]])
    expect(answered.failed).toMatchObject([[{ node: t.a.id }, { reason: 'noproc' }]])
    const silent = await ask('hang')
    expect(silent.failed).toMatchObject([{}, [{ node: t.b.id }, { code: 'ERR_CALL_TIMEOUT' }]])
    expect(t.a.system.stats().callsPending).toBe(0)
  })
})
