/** A member of the realm that speaks the link protocol well and this layer's badly. */
import { describe, expect, it } from 'vitest'
import { Supervisor, SupervisorContract, type ServerOptions } from '../../behaviours/index.ts'
import type { FoveaNode } from '../../dist/index.ts'
import { termExtensions, type TermContext } from '../../dist/term.ts'
import { ContractTable } from '../../dist/contract-table.ts'
import { encodeRelay, parseRelay } from '../../dist/relay/relay-wire.ts'
import {
  Codec,
  encodeFrame,
  startMesh,
  WireType,
  type LinkEvent,
  type Mesh,
} from '../../mesh/index.ts'
import { CounterContract, during, probe, startWorld, type LoggedWorld } from './support/world.ts'

const T = WireType

interface Attack extends AsyncDisposable {
  readonly world: LoggedWorld
  /** Innocent third node and victim. */
  readonly a: FoveaNode
  readonly b: FoveaNode
  readonly evil: Mesh
  send(type: number, message: unknown): void
  raw(type: number, payload: Uint8Array): void
  /** Frames that the attacker received, decoded. */
  readonly got: { readonly type: number; readonly value: unknown }[]
  readonly downs: string[]
}

async function attack(): Promise<Attack> {
  const world = await startWorld(2)
  const [a, b] = world.nodes as [FoveaNode, FoveaNode]
  const { clock, entropy, realm, network } = world
  const evil = await startMesh({
    ...{ clock, entropy, realm, name: 'evil', host: '10.6.6.6', transport: network.transport() },
    seeds: [b.id],
  })
  const codec = new Codec<TermContext>({ extensions: termExtensions })
  const context: TermContext = {
    system: evil.system,
    ownKeyHex: evil.key.hex,
    ownIncarnation: evil.identity.incarnation,
    peerKeyHex: b.key.hex,
    peerIncarnation: b.mesh.identity.incarnation,
    contracts: new ContractTable(),
    errorStacks: true,
  }
  const got: Attack['got'] = []
  const downs: string[] = []
  evil.handleFrames(0xa0, 0xb0, (_link, type, payload) => {
    got.push({ type, value: codec.decode(payload, context) })
  })
  evil.onLink((event: LinkEvent) => {
    if (event.type === 'down') downs.push(event.reason)
  })
  await clock.advance(1_000)
  const raw = (type: number, payload: Uint8Array): void => {
    evil.linkTo(b.key.hex)?.send('dist', encodeFrame(type, payload))
  }
  return {
    ...{ world, a, b, evil, got, downs, raw },
    send: (type, message) => raw(type, codec.encode(message, context)),
    async [Symbol.asyncDispose]() {
      const stopping = evil.stop()
      await during(world, stopping)
      await world.stop()
    },
  }
}

const id = [255, 255, 255, 255]

describe('NX-D1 garbage', () => {
  it.each([
    ['bytes that are no MessagePack', T.distCall, Uint8Array.of(0xc1)],
    ['nothing', T.distCast, Uint8Array.of()],
    ['a call that is a number', T.distCall, Uint8Array.of(7)],
    ['an empty array', T.distSend, Uint8Array.of(0x90)],
    ['a chunk of nothing', T.distChunk, Uint8Array.of()],
    ['a chunk of 2^32-1 bytes', T.distChunk, Uint8Array.of(...id, ...id, T.distCast, 1)],
    ['chunks taken that were never sent', T.distTaken, Uint8Array.of(0x91, 1)],
    ['H21 nested headers', T.distCast, new Uint8Array(5_000).fill(0x91)],
    ['H22 a deep value', T.distCast, new Uint8Array(100_000).fill(0x81)],
  ])('(%s) ends that link with a code, and nothing else', async (_what, type, payload) => {
    await using t = await attack()
    const counter = await during(
      t.world,
      t.a.remoteSpawn.spawn(CounterContract, t.b.id, { arg: 1 }),
    )
    expect(t.evil.linkTo(t.b.key.hex)).toBeDefined()
    t.raw(type, payload)
    await t.world.clock.advance(20)
    expect(t.downs).toEqual(['connection_closed'])
    const line = t.world.lines.find(({ node, code }) => node === 'n2' && code !== undefined)
    expect(line?.code).toMatch(/^ERR_(DIST|CODEC)_/)
    expect(await during(t.world, counter.call.add(1))).toBe(2)
    expect(t.b.cluster.isNodeConnected(t.a.id)).toBe(true)
  })

  it('a chunk of another message, or a message for a call that was never made', async () => {
    await using t = await attack()
    const chunk = (type: number): Uint8Array => Uint8Array.of(...id, 0, 0, 0, 9, type, 1, 2)
    t.send(T.distReply, [77, 0, 'nobody asked'])
    t.send(T.distSpawnReply, [77, 2, null, null])
    t.send(T.distCancel, [77])
    t.send(T.distDemonitor, [77, 1])
    await t.world.clock.advance(5)
    expect(t.downs).toEqual([])
    t.raw(T.distChunk, chunk(T.distCast))
    t.send(T.distCancel, [1])
    await t.world.clock.advance(20)
    expect(t.downs).toEqual([])
    t.raw(T.distChunk, chunk(T.distCall))
    await t.world.clock.advance(20)
    expect(t.downs).toEqual(['connection_closed'])
    expect(t.b.mesh.stats().refused).toMatchObject({ ERR_DIST_CHUNK: 1 })
  })

  it('relayed messages that are none are counted and dropped; a session beside a link is refused', async () => {
    await using t = await attack()
    const { courier } = t.evil
    const answers: string[] = []
    courier!.handle(T.distRelay, T.distRelay, (_origin, _type, payload) => {
      answers.push(parseRelay(payload).kind)
    })
    const relayed = (payload: Uint8Array): void => {
      courier!.send(t.b.key.hex, 'pubsub', encodeFrame(T.distRelay, payload))
    }
    const session = '00'.repeat(8)
    relayed(Uint8Array.of(99))
    relayed(new Uint8Array(0))
    relayed(encodeRelay({ kind: 'open', session, incarnation: 1, knows: 0 }))
    relayed(encodeRelay({ kind: 'ping', session, ack: 0 }))
    relayed(encodeRelay({ kind: 'opened', session, incarnation: 1, knows: 0 }))
    relayed(encodeRelay({ kind: 'finYes', session }))
    await t.world.clock.advance(50)
    expect(t.b.stats().refused).toMatchObject({ ERR_DIST_RELAY: 2 })
    // To open, ping and opened.
    expect(answers).toEqual(['refused', 'refused', 'refused'])
    expect(t.downs).toEqual([])
  })

  it('H31 a call or monitor number that is used twice', async () => {
    for (const type of [T.distCall, T.distMonitor]) {
      await using t = await attack()
      const server = probe(t.b)
      const message =
        type === T.distCall ? [5, server.pid.id, 'hang', null, Infinity, 0] : [5, 1, server.pid.id]
      t.send(type, message)
      await t.world.clock.advance(5)
      expect(t.downs).toEqual([])
      t.send(type, message)
      await t.world.clock.advance(20)
      expect(t.downs).toEqual(['connection_closed'])
      expect(t.b.mesh.stats().refused).toMatchObject({ ERR_DIST_MESSAGE: 1 })
    }
  })

  it('an answer with an unknown status fails the call and ends the link', async () => {
    await using t = await attack()
    const target = { name: 'x', node: t.evil.key.hex }
    const failed = t.b.remoteCall.call(target, 'x').catch((error: unknown) => error)
    await t.world.clock.advance(5)
    const [id] = t.got.find(({ type }) => type === T.distCall)!.value as [number]
    t.send(T.distReply, [id, 9, 'x'])
    await t.world.clock.advance(20)
    expect(await failed).toMatchObject({ reason: 'noconnection' })
    expect(t.downs).toEqual(['connection_closed'])
  })
})

describe('H32 a peer speaks for itself only', () => {
  it('cannot end a monitor or link that watches another node', async () => {
    await using t = await attack()
    const counter = await during(
      t.world,
      t.b.remoteSpawn.spawn(CounterContract, t.a.id, { arg: 1 }),
    )
    const watcher = probe(t.b)
    const ref = t.b.system.monitor(watcher.pid, counter.pid)
    t.b.system.link(watcher.pid, counter.pid)
    await t.world.clock.advance(5)
    t.send(T.distDown, [ref.id, 'forged'])
    t.send(T.distExit, [counter.pid.id, watcher.pid.id, 'forged', true])
    await t.world.clock.advance(5)
    expect(watcher.seen).toEqual([])
    await during(t.world, counter.call.quit('real'))
    await t.world.clock.advance(5)
    expect(watcher.signals().sort()).toEqual(['down real', 'exit real'])
  })

  it('is the sender of its exits, whatever number it gives', async () => {
    await using t = await attack()
    const victim = probe(t.b)
    t.send(T.distExit, [victim.pid.id, victim.pid.id, 'hello', false])
    await t.world.clock.advance(5)
    expect(victim.seen).toMatchObject([
      { type: 'exit', reason: 'hello', from: { node: t.evil.key.hex, id: victim.pid.id } },
    ])
  })

  it('cannot answer a call that was made to another node', async () => {
    await using t = await attack()
    const counter = await during(
      t.world,
      t.b.remoteSpawn.spawn(CounterContract, t.a.id, { arg: 1 }),
    )
    let answer: unknown
    const calling = counter.call.hang({} as never, { timeoutMs: 500 }).catch(() => 'timeout')
    void calling.then((value) => (answer = value))
    await t.world.clock.advance(5)
    for (let id = 0; id < 50; id++) t.send(T.distReply, [id, 0, 'forged'])
    await t.world.clock.advance(5)
    expect(answer).toBeUndefined()
    await t.world.clock.advance(600)
    expect(answer).toBe('timeout')
  })

  it('cannot remove the monitor of another node', async () => {
    await using t = await attack()
    const counter = await during(
      t.world,
      t.a.remoteSpawn.spawn(CounterContract, t.b.id, { arg: 1 }),
    )
    const watcher = probe(t.a)
    const ref = t.a.system.monitor(watcher.pid, counter.pid)
    await t.world.clock.advance(5)
    t.send(T.distDemonitor, [ref.id, watcher.pid.id])
    await t.world.clock.advance(5)
    await during(t.world, counter.call.quit('real'))
    await t.world.clock.advance(5)
    expect(watcher.signals()).toEqual(['down real'])
  })
})

describe('H33 a process of the node itself', () => {
  it('cannot be called, cast to, linked or killed from outside, by number or by name', async () => {
    await using t = await attack()
    const own = [...t.b.system.processes()] // nobody has started anything here
    expect(own.length).toBeGreaterThan(6)
    const names = t.b.system.registered()
    expect(names.length).toBeGreaterThan(0)
    for (const to of [...own.map(({ pid }) => pid.id), ...names]) {
      t.send(T.distCall, [7_000, to, 'terminateChild', 'links', 5_000, 0])
      t.send(T.distCast, [to, '$stop', 'shutdown'])
      t.send(T.distSend, [to, 'hello'])
      await t.world.clock.advance(2)
      expect(t.got.at(-1)).toMatchObject({
        ...{ type: T.distReply, value: [7_000, 1, { code: 'ERR_PEER_DENIED' }] },
      })
      if (typeof to !== 'number') continue
      t.send(T.distExit, [0, to, 'kill', false])
      t.send(T.distExit, [5, to, 'kill', true])
      t.send(T.distLink, [5, to])
      await t.world.clock.advance(2)
      expect(t.got.at(-1)).toMatchObject({
        ...{ type: T.distExit, value: [to, 5, { code: 'ERR_PEER_DENIED' }, true] },
      })
    }
    await t.world.clock.advance(1_000)
    expect(own.filter(({ alive }) => !alive)).toEqual([])
    expect(t.downs).toEqual([])
  })

  it('is not a supervisor of the user, which can be', async () => {
    await using t = await attack()
    const own = await during(t.world, Supervisor.start({ system: t.b.system }))
    const start = (_arg: unknown, { system, parent, link }: ServerOptions) =>
      Supervisor.start({ system, parent, link })
    const server = { start, contract: SupervisorContract }
    t.b.behaviorRegistry.register('supervisor', server as never)
    const spawned = await during(t.world, t.b.remoteSpawn.spawn('supervisor', t.b.id))
    for (const { pid } of [own, spawned]) {
      t.send(T.distCall, [pid.id, pid.id, 'countChildren', null, 5_000, 0])
      await t.world.clock.advance(2)
      expect(t.got.at(-1)).toMatchObject({ value: [pid.id, 0, { specs: 0 }] })
    }
  })
})

describe('what a peer may ask', () => {
  it('is answered, also when it is nonsense for the process', async () => {
    await using t = await attack()
    t.send(T.distCall, [1, 999_999, 'get', null, 5_000, 0])
    t.send(T.distCall, [11, probe(t.b).pid.id, 'hang', null, 1e308, 0])
    t.send(T.distCall, [12, probe(t.b).pid.id, 'hang', null, 0, 2 ** 53 - 1])
    t.send(T.distCall, [2, 'nobody', null, { then: 1, constructor: 2, toJSON: 3 }, 5_000, 0])
    t.send(T.distSpawn, [3, 'nothing', null, null, 5_000, false])
    t.send(T.distMonitor, [4, 0, 999_999])
    t.send(T.distLink, [5, 999_999])
    t.send(T.distCast, [999_999, 'x', 1])
    t.send(T.distUnlink, [5, 999_999, 7])
    t.send(T.distExit, [0, 999_999, 'kill', false])
    await t.world.clock.advance(5)
    expect(t.got).toEqual([
      { type: T.distReply, value: [1, 2, 'noproc'] },
      { type: T.distReply, value: [2, 2, 'noproc'] },
      { type: T.distSpawnReply, value: [3, 1, null, null] },
      { type: T.distDown, value: [4, 'noproc'] },
      { type: T.distExit, value: [999_999, 5, 'noproc', true] },
      { type: T.distUnlinkAck, value: [999_999, 5, 7] },
    ])
    expect(t.downs).toEqual([])
  })
})
