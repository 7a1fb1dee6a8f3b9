import { describe, expect, it } from 'vitest'
import { bareRef, GenServer, type Ref } from '../../behaviours/index.ts'
import {
  MessageSerializationError,
  NodeNotReachableError,
  RemoteCallTimeoutError,
  RemoteError,
  RemoteServerNotRunningError,
} from '../../dist/index.ts'
import { CallExitError, CallTimeoutError } from '../../runtime/index.ts'
import {
  Counter,
  CounterContract,
  during,
  failing,
  probe,
  startWorld,
  type CounterApi,
  type LoggedWorld,
} from './support/world.ts'

/** A counter on the second node, seen from the first. */
async function counterOnB(
  world: LoggedWorld,
  options: { arg?: number; name?: string } = {},
): Promise<Ref<CounterApi>> {
  const [a, b] = world.nodes
  const { arg = 10, ...rest } = options
  return await during(world, a!.remoteSpawn.spawn(CounterContract, b!.id, { arg, ...rest }))
}

describe('a remote call', () => {
  it('is made through the ref like a local one, and through RemoteCall', async () => {
    await using world = await startWorld(2)
    const [a] = world.nodes
    const ref = await counterOnB(world)
    expect(await during(world, ref.call.add(5))).toBe(15)
    expect(await during(world, ref.call.add(1, { timeoutMs: 100 }))).toBe(16)
    expect(await during(world, a!.remoteCall.call(ref, 'add', 4))).toBe(20)
    expect(ref.cast.reset()).toBe(true)
    expect(a!.remoteCall.cast(ref, 'add', 2)).toBe(true)
    expect(await during(world, ref.call.get())).toBe(2)
  })

  it('reaches a name on a node, typed by a contract or not', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes
    await counterOnB(world, { name: 'hits' })
    const target = { name: 'hits', node: b!.id, contract: CounterContract }
    const typed: Promise<number> = a!.remoteCall.call(target, 'add', 1)
    expect(await during(world, typed)).toBe(11)
    for (const node of [b!.id, b!.key, b!.key.hex]) {
      const untyped = a!.remoteCall.call({ name: 'hits', node }, 'add', 1)
      expect(typeof (await during(world, untyped))).toBe('number')
    }
    expect(a!.remoteCall.cast({ name: 'hits', node: b!.id }, 'reset')).toBe(true)
    expect(await during(world, a!.remoteCall.call(target, 'get'))).toBe(0)
  })

  it('speaks the message shape', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes
    const server = await during(
      world,
      GenServer.start(
        {
          init: () => 1,
          handleCall: (message: { type: 'add'; by: number }, n: number) => [n + message.by, n],
          handleCast: () => 5,
        },
        { system: b!.system, name: 'plain' },
      ),
    )
    const there = { name: 'plain', node: b!.id }
    expect(await during(world, a!.remoteCall.call(there, { type: 'add', by: 2 }))).toBe(3)
    expect(a!.remoteCall.cast(there, { type: 'any' })).toBe(true)
    const added = a!.remoteCall.call(there, { type: 'add', by: 2 }, { timeoutMs: 50 })
    expect(await during(world, added)).toBe(7)
    expect(GenServer.isRunning(server)).toBe(true)
  })

  it('works on local processes the same way', async () => {
    await using world = await startWorld(1)
    const [a] = world.nodes
    const ref = await during(world, Counter.start(1, { system: a!.system, name: 'here' }))
    expect(await during(world, a!.remoteCall.call(ref, 'add', 1))).toBe(2)
    const named = { name: 'here', node: a!.id, contract: CounterContract }
    expect(await during(world, a!.remoteCall.call(named, 'add', 1))).toBe(3)
    const nobody = a!.remoteCall.call({ name: 'nobody', node: a!.id }, 'get')
    expect(await failing(world, nobody)).toMatchObject({ reason: 'noproc', nodeId: a!.id })
  })

  it('carries a ref that works where it arrives, also at a third node', async () => {
    await using world = await startWorld(3)
    const [a, b, c] = world.nodes
    const onB = await counterOnB(world)
    const onC = await during(world, a!.remoteSpawn.spawn(CounterContract, c!.id, { arg: 100 }))
    // b calls c with the ref that a sent.
    expect(await during(world, onB.call.relay({ ref: onC, by: 1 }))).toBe(101)
    // A ref to b itself, sent from a to c, is used by c to call b.
    expect(await during(world, onC.call.relay({ ref: onB, by: 5 }))).toBe(15)
    const self = await during(world, onB.call.self())
    expect(self.pid).toEqual(onB.pid)
    expect(await during(world, self.call.get())).toBe(15)
    expect(b!.system.isAlive(self.pid)).toBe(true)
  })

  it('carries a bare pid of the caller, which comes back as its own', async () => {
    await using world = await startWorld(2)
    const [a] = world.nodes
    const ref = await counterOnB(world)
    const mine = probe(a!)
    const back = await during(world, ref.call.echo({ pid: mine.pid }))
    expect((back as { pid: unknown }).pid).toBe(mine.pid)
  })

  it('NX-D18 brings back every value of the table as it was', async () => {
    await using world = await startWorld(2)
    const ref = await counterOnB(world)
    const table = {
      nothing: [null, undefined, true, false],
      numbers: [0, -0, NaN, Infinity, -Infinity, 1.5, 2 ** 53 - 1, -(2 ** 31), 2n ** 63n],
      texts: ['', 'ä€😀', '\ud800 alone', '\ufeffmark', 'x'.repeat(70_000)],
      date: new Date(1_800_000_000_123),
      map: new Map<unknown, unknown>([
        [1, 'one'],
        [{ key: 'object' }, new Set([1, [2]])],
      ]),
      binary: [Uint8Array.of(1, 2), Float64Array.of(0.5), new ArrayBuffer(3)],
      keys: { then: 1, constructor: 2, toJSON: 3, length: 4, '': 5 },
    }
    expect(await during(world, ref.call.echo(table))).toEqual(table)
  })

  it('uses a bare ref of an unknown contract by name', async () => {
    await using world = await startWorld(2)
    const [a] = world.nodes
    const { pid } = await counterOnB(world)
    const bare = bareRef(pid, 'unheard-of/3')
    expect(await during(world, a!.remoteCall.call(bare, 'add', 1))).toBe(11)
    const newer = bareRef(pid, 'counter/2')
    expect(await failing(world, a!.remoteCall.call(newer, 'add', 1))).toMatchObject({
      code: 'ERR_CONTRACT_VERSION',
    })
    expect(a!.remoteCall.cast(newer, 'reset')).toBe(false)
  })
})

describe('order', () => {
  it('G-37 casts of one sender are handled before its later call, across nodes', async () => {
    await using world = await startWorld(2)
    const ref = await counterOnB(world, { arg: 0 })
    for (let i = 0; i < 1_000; i++) ref.cast.add(1)
    expect(await during(world, ref.call.get())).toBe(1_000)
  })

  it('X-01 messages both ways keep pairwise order, large ones among small', async () => {
    await using world = await startWorld(2, { node: { frameBytesMax: 2_048 } })
    const [a, b] = world.nodes
    const there = probe(b!)
    const here = probe(a!)
    const sizes = [1, 5_000, 1, 200_000, 1, 1, 3_000]
    const toB = a!.system.pidFor(b!.key.hex, there.pid.id, there.pid.incarnation)
    const toA = b!.system.pidFor(a!.key.hex, here.pid.id, here.pid.incarnation)
    sizes.forEach((size, i) => a!.system.send(toB, { i, data: 'x'.repeat(size) }))
    sizes.forEach((size, i) => b!.system.send(toA, { i, data: new Uint8Array(size) }))
    await world.clock.advance(100)
    for (const { seen } of [there, here]) {
      const got = seen as { i: number; data: { length: number } }[]
      expect(got.map(({ i }) => i)).toEqual([0, 1, 2, 3, 4, 5, 6])
      expect(got.map(({ data }) => data.length)).toEqual(sizes)
    }
  })
})

describe('a call that fails', () => {
  it('X-11 is noproc for an unknown name, noconnection at once for an unknown node', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes
    const noproc = await failing(world, a!.remoteCall.call({ name: 'none', node: b!.id }, 'get'))
    expect(noproc).toBeInstanceOf(RemoteServerNotRunningError)
    expect(noproc).toBeInstanceOf(CallExitError)
    expect(noproc).toMatchObject({
      ...{ code: 'ERR_CALL_EXIT', reason: 'noproc', serverId: 'none', nodeId: b!.id },
      name: 'RemoteServerNotRunningError',
    })
    const atMs = world.clock.now()
    const lost = a!.remoteCall.call({ name: 'none', node: 'nope@10.9.9.9:1' }, 'get')
    const error = await lost.catch((caught: unknown) => caught)
    expect(world.clock.now()).toBe(atMs)
    expect(error).toBeInstanceOf(NodeNotReachableError)
    expect(error).toBeInstanceOf(CallExitError)
    expect(error).toMatchObject({
      ...{ code: 'ERR_CALL_EXIT', reason: 'noconnection', nodeId: 'nope@10.9.9.9:1' },
      request: 'get',
    })
    expect(a!.remoteCall.cast({ name: 'none', node: 'nope@10.9.9.9:1' }, 'reset')).toBe(false)
  })

  it('is noproc for a pid whose process has ended', async () => {
    await using world = await startWorld(2)
    const ref = await counterOnB(world)
    await during(world, ref.call.quit('normal'))
    expect(await failing(world, ref.call.get())).toMatchObject({ reason: 'noproc' })
    expect(ref.cast.reset()).toBe(true)
  })

  it('has the exit reason of the server, with name, message, code, fields and marked stack', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes
    const ref = await counterOnB(world)
    const pending = failing(world, ref.call.hang())
    const error = await failing(world, ref.call.crash())
    expect(error).toBeInstanceOf(CallExitError)
    const reason = error['reason'] as RemoteError & Record<string, unknown>
    expect(reason).toBeInstanceOf(RemoteError)
    expect(reason).toMatchObject({
      ...{ name: 'Error', message: 'told to crash', code: 'ERR_TOLD', detail: 7 },
      remoteNode: b!.key.hex,
    })
    expect(reason.stack).toMatch(/support\/world\.ts[^]*\[on node/)
    expect((await pending)['reason']).toMatchObject({ code: 'ERR_TOLD' })
    const again = await counterOnB(world, { name: 'again' })
    const target = { name: 'again', node: b!.id, contract: CounterContract }
    const named = failing(world, a!.remoteCall.call(target, 'hang'))
    const viaRemoteCall = await failing(world, a!.remoteCall.call(again, 'crash'))
    expect(viaRemoteCall).toMatchObject({ code: 'ERR_CALL_EXIT', reason: { code: 'ERR_TOLD' } })
    expect(await named).toMatchObject({ server: 'again', reason: { code: 'ERR_TOLD' } })
  })

  it('has the reason a server stopped with, whatever travels', async () => {
    await using world = await startWorld(2)
    for (const reason of ['normal', 'shutdown', { shutdown: 'later' }, ['tuple', 1]]) {
      const ref = await counterOnB(world)
      const pending = failing(world, ref.call.hang())
      await during(world, ref.call.quit(reason))
      expect((await pending)['reason']).toEqual(reason)
    }
  })

  it('refuses an unknown request without crashing the server', async () => {
    await using world = await startWorld(2)
    const [a] = world.nodes
    const ref = await counterOnB(world)
    const error = await failing(world, a!.remoteCall.call(ref as Ref<unknown>, 'nope' as never))
    expect(error).toMatchObject({ code: 'ERR_CALL_UNKNOWN', name: 'CallUnknownError' })
    expect(await during(world, ref.call.get())).toBe(10)
  })

  it('times out at the caller’s deadline, and leaves nothing behind on either side', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes
    const ref = await counterOnB(world)
    const atMs = world.clock.now()
    const error = await failing(
      world,
      a!.remoteCall.call(ref, 'hang', undefined, { timeoutMs: 40 }),
    )
    expect(world.clock.now() - atMs).toBeLessThan(80)
    expect(error).toBeInstanceOf(RemoteCallTimeoutError)
    expect(error).toBeInstanceOf(CallTimeoutError)
    expect(error).toMatchObject({ code: 'ERR_CALL_TIMEOUT', timeoutMs: 40, nodeId: b!.id })
    await world.clock.advance(1)
    expect(b!.stats().peers[a!.key.hex]).toMatchObject({ callsIn: 0 })
    expect(a!.stats().peers[b!.key.hex]).toMatchObject({ callsOut: 0 })
  })

  it('is dropped at the receiver when its caller gave it up while it was queued', async () => {
    await using world = await startWorld(2)
    const [, b] = world.nodes
    const ref = await counterOnB(world)
    let release = (): void => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    const server = await during(
      world,
      GenServer.start(
        {
          init: () => [] as string[],
          handleCall: async (message: { type: string }, done: string[]) => {
            if (message.type === 'hold') await held
            return [
              [...done, message.type],
              [...done, message.type],
            ]
          },
        },
        { system: b!.system, name: 'slow' },
      ),
    )
    const there = { name: 'slow', node: b!.id }
    const { remoteCall } = world.nodes[0]!
    const abort = new AbortController()
    const hold = remoteCall.call(there, { type: 'hold' })
    const aborted = remoteCall.call(there, { type: 'aborted' }, { signal: abort.signal })
    const late = remoteCall.call(there, { type: 'late' }, { timeoutMs: 10 })
    await world.clock.advance(5)
    abort.abort(new Error('enough'))
    expect(await failing(world, aborted)).toMatchObject({ code: 'ERR_CALL_ABORTED' })
    expect(await failing(world, late)).toMatchObject({ code: 'ERR_CALL_TIMEOUT' })
    await world.clock.advance(5)
    release()
    expect(await during(world, hold)).toEqual(['hold'])
    expect(await during(world, remoteCall.call(there, { type: 'after' }))).toEqual([
      'hold',
      'after',
    ])
    expect(GenServer.isRunning(server)).toBe(true)
    expect(await during(world, ref.call.get())).toBe(10)
  })

  it('is not executed if it was still queued when the connection was lost', async () => {
    await using world = await startWorld(2, { node: { keepaliveIntervalMs: 100 } })
    const [a, b] = world.nodes
    let release = (): void => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    const done: string[] = []
    await during(
      world,
      GenServer.start(
        {
          init: () => 0,
          handleCall: async (message: { type: string }, n: number) => {
            if (message.type === 'hold') await held
            done.push(message.type)
            return [message.type, n]
          },
          handleCast: (message: { type: string }) => done.push(message.type),
        },
        { system: b!.system, name: 'slow' },
      ),
    )
    const there = { name: 'slow', node: b!.id }
    const options = { timeoutMs: Infinity }
    const calls = ['hold', 'queued'].map((type) =>
      failing(world, a!.remoteCall.call(there, { type }, options)),
    )
    a!.remoteCall.cast(there, { type: 'cast' })
    await world.clock.advance(10)
    world.partition(a!, b!)
    for (const call of calls) expect(await call).toMatchObject({ reason: 'noconnection' })
    await world.clock.advance(1_000)
    release()
    await world.clock.advance(10)
    expect(done).toEqual(['hold', 'cast'])
  })

  it('X-10 is noconnection at once when the node dies during the call, or is down', async () => {
    await using world = await startWorld(2, { node: { keepaliveIntervalMs: 100 } })
    const [a, b] = world.nodes
    const ref = await counterOnB(world)
    const during10 = failing(world, ref.call.hang({} as never, { timeoutMs: Infinity }))
    const viaRemoteCall = a!.remoteCall.call(ref, 'hang', undefined, { timeoutMs: Infinity })
    const mapped = failing(world, viaRemoteCall)
    await world.clock.advance(10)
    world.kill(b!)
    expect(await during10).toMatchObject({ code: 'ERR_CALL_EXIT', reason: 'noconnection' })
    expect(await mapped).toBeInstanceOf(NodeNotReachableError)
    expect(await failing(world, ref.call.get())).toMatchObject({ reason: 'noconnection' })
    expect(a!.stats().peers).toEqual({})
  })

  it('X-12 stop works on a remote server; a second stop is noproc', async () => {
    await using world = await startWorld(2)
    const [, b] = world.nodes
    const ref = await counterOnB(world)
    await during(world, GenServer.stop(ref))
    expect(b!.system.isAlive(ref.pid)).toBe(false)
    expect(await failing(world, GenServer.stop(ref))).toMatchObject({ reason: 'noproc' })
    const other = await counterOnB(world)
    await during(world, b!.stop())
    expect(await failing(world, GenServer.stop(other))).toMatchObject({ reason: 'noconnection' })
  })

  it('X-19 calls to several nodes fail one by one', async () => {
    await using world = await startWorld(3)
    const [a, b, c] = world.nodes
    await counterOnB(world, { name: 'hits' })
    const results = await during(
      world,
      Promise.allSettled(
        [b!.id, c!.id, 'gone@10.9.9.9:1'].map((node) =>
          a!.remoteCall.call({ name: 'hits', node, contract: CounterContract }, 'get'),
        ),
      ),
    )
    expect(results).toMatchObject([
      { status: 'fulfilled', value: 10 },
      { status: 'rejected', reason: { reason: 'noproc' } },
      { status: 'rejected', reason: { reason: 'noconnection' } },
    ])
  })
})

describe('calls to many', () => {
  it('reach a name on several nodes, by node id, and tell who is not there', async () => {
    await using world = await startWorld(3)
    const [a, b, c] = world.nodes
    const ref = await counterOnB(world, { name: 'hits' })
    await during(world, Counter.start(1, { system: a!.system, name: 'hits' }))
    const targets = [a!.id, b!.id, c!.id, 'gone@10.9.9.9:1'].map((node) => ({ name: 'hits', node }))
    const { system } = a!
    const result = await during(world, GenServer.multiCall(targets, 'get', [], { system }))
    expect(result.replies.map(([, value]) => value)).toEqual([1, 10])
    expect(result.failed).toMatchObject([
      [targets[2], { reason: 'noproc' }],
      [targets[3], { reason: 'noconnection' }],
    ])
    expect(GenServer.abcast(targets.slice(0, 2), 'add', [5], { system })).toBe(2)
    const request = GenServer.sendRequest(ref, 'get', [])
    expect(await during(world, request.receiveResponse())).toEqual({ type: 'reply', value: 15 })
    expect(await during(world, GenServer.multiCall([ref], 'add', [1]))).toMatchObject({
      replies: [[ref, 16]],
    })
  })
})

describe('a value that does not travel', () => {
  it('NX-D11 rejects the call with its path, makes cast and send false, and nothing else breaks', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes
    const ref = await counterOnB(world)
    const bad = { items: [1, { callback: () => 1 }] }
    const expected = { code: 'ERR_VALUE_UNSENDABLE', path: 'input.items[1].callback' }
    for (const call of [() => ref.call.echo(bad), () => a!.remoteCall.call(ref, 'echo', bad)]) {
      const error = await failing(world, call())
      expect(error).toBeInstanceOf(MessageSerializationError)
      expect(error).toMatchObject({ ...expected, operation: 'serialize' })
    }
    expect(ref.cast.add(bad as never)).toBe(false)
    a!.system.send(ref.pid, bad)
    expect(world.lines.filter((line) => line.code === 'ERR_VALUE_UNSENDABLE')).toMatchObject([
      { node: 'n1', fields: { path: 'input.items[1].callback', to: ref.pid.id, name: 'add' } },
      { node: 'n1', fields: { path: 'message.items[1].callback' } },
    ])
    expect(a!.stats().refused).toMatchObject({ ERR_VALUE_UNSENDABLE: 2 })
    expect(await during(world, ref.call.get())).toBe(10)
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    expect(await failing(world, ref.call.echo(cyclic))).toMatchObject({ path: 'input.self' })
    expect(b!.stats().refused).toEqual({})
  })

  it('because reading it runs code that throws is refused like any other (G-36)', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes
    const ref = await counterOnB(world)
    const bad = {
      get secret(): never {
        throw new Error('a bad getter')
      },
    }
    expect(await failing(world, ref.call.echo(bad))).toMatchObject({
      ...{ code: 'ERR_VALUE_UNSENDABLE', path: 'input.secret', cause: { message: 'a bad getter' } },
    })
    expect(ref.cast.add(bad as never)).toBe(false)
    const watcher = probe(a!)
    a!.system.monitor(watcher.pid, ref.pid)
    await world.clock.advance(10)
    b!.system.exit(b!.system.pidFor(b!.system.node, ref.pid.id, ref.pid.incarnation), bad)
    await world.clock.advance(10)
    expect(watcher.seen).toMatchObject([
      { type: 'down', reason: { unsendable: '{ secret: [Getter] }' } },
    ])
  })

  it('in an answer is an error with its path for the caller; the server goes on', async () => {
    await using world = await startWorld(2)
    const [, b] = world.nodes
    const ref = await counterOnB(world)
    const error = await failing(world, ref.call.unsendable())
    expect(error).toMatchObject({
      ...{ code: 'ERR_VALUE_UNSENDABLE', name: 'MessageSerializationError', path: 'reply.list[1]' },
      remoteNode: b!.key.hex,
    })
    expect(await during(world, ref.call.get())).toBe(10)
  })

  it('in an exit reason is replaced by its text; the signal is not lost', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes
    const ref = await counterOnB(world)
    const watcher = probe(a!)
    a!.system.monitor(watcher.pid, ref.pid)
    const pending = failing(world, ref.call.hang())
    await world.clock.advance(10)
    b!.system.exit(ref.pid, { why: () => 1 })
    await world.clock.advance(10)
    const text = expect.stringContaining('why') as string
    expect((await pending)['reason']).toEqual({ unsendable: text })
    expect(watcher.seen).toMatchObject([{ type: 'down', reason: { unsendable: text } }])
  })

  it('travels in chunks when it is larger than a frame, both ways', async () => {
    await using world = await startWorld(2)
    const ref = await counterOnB(world)
    const big = new Uint8Array(3_000_000).map((_, i) => i & 0xff)
    const back = (await during(world, ref.call.echo({ big }))) as { big: Uint8Array }
    expect(Buffer.compare(Buffer.from(back.big), Buffer.from(big))).toBe(0)
    expect(await during(world, ref.call.get())).toBe(10)
  })

  it('D3 calls go on beside a large value, with a part of it in front of each', async () => {
    const chunkWindowBytes = 100_000
    await using world = await startWorld(2, { node: { chunkWindowBytes } })
    const [a, b] = world.nodes
    const sink = await counterOnB(world)
    const ref = await counterOnB(world)
    const link = a!.mesh.linkTo(b!.key.hex)!
    const send = link.send.bind(link)
    let bytes = 0
    link.send = (lane, frame, rest) => {
      bytes += rest?.length ?? 0
      return send(lane, frame, rest)
    }
    const value = new Uint8Array(4_000_000)
    await during(world, ref.call.get())
    const large = during(world, sink.call.echo(value))
    let calls = 0
    for (; bytes < value.length && calls < 1_000; calls++) {
      const before = bytes
      await during(world, ref.call.get())
      expect(bytes - before).toBeLessThan(value.length / 4)
    }
    expect(calls).toBeGreaterThan(5)
    expect(Buffer.compare((await large) as Uint8Array, value)).toBe(0)
  })

  it('is refused above valueBytesMax and taken at it', async () => {
    const valueBytesMax = 50_000
    await using world = await startWorld(2, { node: { valueBytesMax } })
    const ref = await counterOnB(world)
    const fits = new Uint8Array(valueBytesMax - 100)
    expect(await during(world, ref.call.echo(fits))).toEqual(fits)
    const error = await failing(world, ref.call.echo(new Uint8Array(valueBytesMax)))
    expect(error).toMatchObject({ code: 'ERR_VALUE_UNSENDABLE', path: 'input' })
    const list = (n: number): unknown[] => new Array<number>(n).fill(0)
    expect(await failing(world, ref.call.echo(list(60_000)))).toMatchObject({ path: 'input' })
  })
})
