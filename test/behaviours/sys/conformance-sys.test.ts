/**
 * Conformance: sys, calls to many servers, request-id collections. Ids are those of the cases recorded on
 * Erlang/OTP 25.
 */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  GenServer,
  noreply,
  RequestIds,
  sys,
  type From,
  type RequestId,
} from '../../../behaviours/index.ts'
import { createSystem } from '../../../runtime/index.ts'
import { outcome, scripted, world, type ScriptRef, type World } from '../world.ts'

let w: World
const start = (options = {}): Promise<ScriptRef> =>
  scripted().start(undefined, { system: w.system, ...options })

beforeEach(() => {
  w = world()
})
afterEach(async () => {
  const stopping = w.system.stop()
  await w.clock.advance(5000)
  await stopping
  const { processes, callsPending, timers } = w.system.stats()
  assert.deepEqual([processes, callsPending, timers], [0, 0, 0])
})

describe('requests', () => {
  /** A server that keeps its callers. */
  async function keeper(): Promise<{ kept: From<unknown>[]; ask: () => RequestId }> {
    const kept: From<unknown>[] = []
    const ref = await start()
    const ask = (): RequestId =>
      GenServer.sendRequest(ref, 'run', [
        (n, ctx) => {
          kept.push(ctx.from)
          return noreply(n)
        },
      ])
    return { kept, ask }
  }

  it('G-58 a request whose receiveResponse timed out is abandoned, its late reply goes nowhere', async () => {
    const { kept, ask } = await keeper()
    const request = ask()
    const response = outcome(request.receiveResponse({ timeoutMs: 10 }))
    await w.clock.advance(10)
    expect(response.value).toEqual({ type: 'timeout' })
    expect(w.system.stats().callsPending).toBe(0)
    expect(kept[0]?.reply('late')).toBe(false)
    expect(await request.waitResponse({ timeoutMs: 0 })).toEqual({ type: 'timeout' })
    expect(request.over).toBe(true)
  })

  it('RP-12 waitResponse that finds nothing can be tried again; receiveResponse abandons', async () => {
    const { kept, ask } = await keeper()
    const request = ask()
    await w.clock.settle()
    expect(await request.waitResponse({ timeoutMs: 0 })).toEqual({ type: 'timeout' })
    expect(request.checkResponse()).toBeUndefined()
    kept[0]?.reply('ok')
    expect(await request.waitResponse()).toEqual({ type: 'reply', value: 'ok' })
    const other = ask()
    expect(await other.receiveResponse({ timeoutMs: 0 })).toEqual({ type: 'timeout' })
    expect(other.over).toBe(true)
  })

  it('G-59 a dead server, or one that dies, is an error response and nothing else', async () => {
    const dying = await start()
    const boom = GenServer.sendRequest(dying, 'run', [(_n, ctx) => ctx.exit('boom')])
    expect(await boom.receiveResponse()).toMatchObject({ type: 'error', error: { reason: 'boom' } })
    const noproc = GenServer.sendRequest(dying, 'get', [])
    expect(await noproc.receiveResponse()).toMatchObject({
      type: 'error',
      error: { code: 'ERR_CALL_EXIT', reason: 'noproc', server: dying.pid },
    })
  })

  it('G-60 a collection gives responses as they come, with labels, then no_request', async () => {
    const { kept, ask } = await keeper()
    const requests = new RequestIds<string>()
    for (const label of ['slow', 'fast', 'mid']) requests.add(ask(), label)
    expect(requests.toList().map(([, label]) => label)).toEqual(['slow', 'fast', 'mid'])
    await w.clock.settle()
    for (const index of [1, 2, 0]) kept[index]?.reply(index)
    const order: unknown[] = []
    while (requests.size > 0) {
      const response = await requests.receiveResponse()
      order.push(response.type === 'reply' && [response.label, response.value])
    }
    expect(order).toEqual([
      ['fast', 1],
      ['mid', 2],
      ['slow', 0],
    ])
    expect(await requests.receiveResponse()).toEqual({ type: 'no_request' })
  })
})

describe('many servers', () => {
  it('G-61 multiCall gives the replies, and those that are not there', async () => {
    const b = createSystem({ clock: w.clock, node: 'b' })
    const bad = createSystem({ clock: w.clock, node: 'bad' })
    await start({ name: 'n' })
    await start({ name: 'n', system: b })
    const on = [w.system, b, bad]
    const asked = on.map((system) => GenServer.multiCall(['n'], 'get', [], { system }))
    const targets = [
      { name: 'n', node: 'test' },
      { name: 'absent', node: 'test' },
      { name: 'n', node: 'unreachable' },
    ]
    const ping = { type: 'ping' }
    const result = await GenServer.multiCall(targets, ping, { system: w.system })
    expect(result.replies).toEqual([])
    expect(result.failed.map(([target]) => target)).toEqual(targets)
    expect(result.failed.map(([, error]) => (error as { code: string }).code)).toEqual([
      'ERR_CALL_UNKNOWN',
      'ERR_CALL_EXIT',
      'ERR_CALL_EXIT',
    ])
    expect(result.failed[2]?.[1]).toMatchObject({ reason: 'noconnection', server: 'n' })
    const there = [{ name: 'n', node: 'test' }]
    expect(await GenServer.multiCall(there, 'get', [], { system: w.system })).toEqual({
      replies: [[there[0], 0]],
      failed: [],
    })
    const [first, second, third] = await Promise.all(asked)
    expect(first).toEqual({ replies: [['n', 0]], failed: [] })
    expect(second).toEqual({ replies: [['n', 0]], failed: [] })
    expect(third).toMatchObject({ replies: [], failed: [['n', { reason: 'noproc' }]] })
    await b.stop()
    await bad.stop()
  })

  it('multiCall is over after its timeout, and late replies are discarded', async () => {
    const [slow, quick, dead] = [await start(), await start(), await start()]
    await GenServer.stop(dead)
    const kept: From<unknown>[] = []
    slow.cast.run((n, ctx) => noreply(n + Number(ctx.system === w.system)))
    const asked = outcome(
      GenServer.multiCall(
        [slow, quick, dead],
        'run',
        [
          (n, ctx) => {
            if (ctx.self.pid === slow.pid) kept.push(ctx.from)
            else ctx.from.reply('quick')
            return noreply(n)
          },
        ],
        { timeoutMs: 100 },
      ),
    )
    await w.clock.advance(99)
    expect(asked.settled).toBe(false)
    await w.clock.advance(1)
    expect(asked.value?.replies).toEqual([[quick, 'quick']])
    expect(asked.value?.failed).toMatchObject([
      [slow, { code: 'ERR_CALL_TIMEOUT' }],
      [dead, { reason: 'noproc' }],
    ])
    expect(kept[0]?.reply('late')).toBe(false)
  })

  it('G-62 abcast returns at once and every server that is there handles the cast', async () => {
    const servers = [await start(), await start({ name: 'n' }), await start()]
    await GenServer.stop(servers[2] as ScriptRef)
    expect(GenServer.abcast(servers, 'add', [9])).toBe(2)
    const named = [{ name: 'n', node: 'test' }, { name: 'n', node: 'nowhere' }, 'nobody']
    expect(GenServer.abcast(named, 'add', [1], { system: w.system })).toBe(1)
    expect(await servers[0]?.call.get()).toBe(9)
    expect(await servers[1]?.call.get()).toBe(10)
  })
})

describe('sys', () => {
  it('G-64 getState and replaceState in message order; a function that raises leaves the state', async () => {
    const ref = await start()
    ref.cast.add(3)
    const replaced = sys.replaceState(ref, (n: number) => n + 1)
    const raised = outcome(
      sys.replaceState(ref, () => {
        throw new Error('raised')
      }),
    )
    expect(await replaced).toBe(4)
    expect(await sys.getState(ref)).toBe(4)
    expect(raised.error).toMatchObject({ code: 'ERR_SYS_CALLBACK', cause: { message: 'raised' } })
    expect(await ref.call.get()).toBe(4)
  })

  it('the ancestors of a process begin with its parent', async () => {
    const parent = await start()
    const child = await start({ parent: parent.pid })
    const grandchild = await start({ parent: child.pid })
    expect(sys.status(grandchild).ancestors).toEqual([child.pid, parent.pid])
    expect(sys.status(grandchild).label).toBe('gen_server script/1')
  })
})
