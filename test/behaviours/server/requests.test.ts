/** Requests and their collections: what is left when somebody gives up, in every order. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  GenServer,
  noreply,
  RequestIds,
  type From,
  type RequestId,
} from '../../../behaviours/index.ts'
import { outcome, scripted, world, type ScriptRef, type World } from '../world.ts'

let w: World
let ref: ScriptRef
let kept: From<unknown>[]
const keep = (): RequestId =>
  GenServer.sendRequest(ref, 'run', [
    (n, ctx) => {
      kept.push(ctx.from)
      return noreply(n)
    },
  ])

beforeEach(async () => {
  w = world()
  kept = []
  ref = await scripted().start(undefined, { system: w.system, name: 'it' })
})
afterEach(async () => {
  await w.system.stop()
  const { processes, callsPending, timers } = w.system.stats()
  assert.deepEqual([processes, callsPending, timers], [0, 0, 0])
})

const armed = (): number => w.clock.timerCount

it('a response is given once', async () => {
  const request = GenServer.sendRequest(ref, 'ping', [])
  const both = [outcome(request.waitResponse()), outcome(request.waitResponse())]
  await w.clock.settle()
  expect(both.map(({ value }) => value?.type)).toEqual(['reply', 'timeout'])
  expect(request.checkResponse()).toBeUndefined()
  expect(request.over).toBe(true)
})

it('a wait leaves nothing behind when it ends by response, deadline or signal', async () => {
  const before = armed()
  const request = keep()
  const aborted = new AbortController()
  const waits = [
    outcome(request.waitResponse({ timeoutMs: 10 })),
    outcome(request.waitResponse({ timeoutMs: 1000, signal: aborted.signal })),
  ]
  await w.clock.advance(10)
  expect(waits[0]?.value).toEqual({ type: 'timeout' })
  aborted.abort(new Error('enough'))
  await w.clock.settle()
  expect(waits[1]?.error).toMatchObject({
    code: 'ERR_RESPONSE_ABORTED',
    cause: { message: 'enough' },
  })
  expect(armed()).toBe(before)
  const third = outcome(request.waitResponse({ timeoutMs: 1000 }))
  kept[0]?.reply(1)
  await w.clock.settle()
  expect(third.value).toEqual({ type: 'reply', value: 1 })
  expect(armed()).toBe(before)
  await expect(keep().waitResponse({ signal: aborted.signal })).rejects.toMatchObject({
    code: 'ERR_RESPONSE_ABORTED',
  })
})

it('an abandoned request that the server has not begun with is never handled', async () => {
  await w.clock.settle()
  const request = keep()
  request.abandon()
  await w.clock.settle()
  expect(kept).toEqual([])
  expect(w.system.stats().callsPending).toBe(0)
})

it('abandoning wakes who waits', async () => {
  const request = keep()
  const requests = new RequestIds<string>().add(request, 'x')
  const one = outcome(request.waitResponse())
  const all = outcome(requests.waitResponse())
  await w.clock.settle()
  request.abandon()
  await w.clock.settle()
  expect(one.value).toEqual({ type: 'timeout' })
  expect(all.value).toEqual({ type: 'no_request' })
  expect(requests.size).toBe(0)
})

it('a collection that times out keeps its requests with wait, abandons them with receive', async () => {
  const requests = new RequestIds<number>()
  for (const label of [1, 2, 3]) requests.add(keep(), label)
  const wait = outcome(requests.waitResponse({ timeoutMs: 5 }))
  await w.clock.advance(5)
  expect(wait.value).toEqual({ type: 'timeout' })
  expect(requests.size).toBe(3)
  kept[2]?.fail(new Error('no'))
  expect(await requests.receiveResponse({ timeoutMs: 5 })).toMatchObject({
    type: 'error',
    label: 3,
    error: { message: 'no' },
  })
  const receive = outcome(requests.receiveResponse({ timeoutMs: 5 }))
  await w.clock.advance(5)
  expect(receive.value).toEqual({ type: 'timeout' })
  expect(requests.size).toBe(0)
  expect(w.system.stats().callsPending).toBe(0)
  expect(kept.map((from) => from.reply('late'))).toEqual([false, false, false])
})

it('a timeout of 0 only looks', async () => {
  const requests = new RequestIds<number>().add(keep(), 1)
  expect(await requests.waitResponse({ timeoutMs: 0 })).toEqual({ type: 'timeout' })
  expect(requests.checkResponse()).toBeUndefined()
  await w.clock.settle()
  kept[0]?.reply('x')
  await w.clock.settle()
  expect(requests.checkResponse()).toMatchObject({ type: 'reply', label: 1, value: 'x' })
  expect(requests.checkResponse()).toEqual({ type: 'no_request' })
})

it('many responses at once are taken in their order, and memory is given back', async () => {
  const requests = new RequestIds<number>()
  for (let label = 0; label < 20_000; label++) {
    requests.add(GenServer.sendRequest(ref, 'ping', []), label)
  }
  const labels: number[] = []
  for await (const { label } of requests) labels.push(label)
  expect(labels).toEqual(Array.from({ length: 20_000 }, (_, label) => label))
  expect(requests.size).toBe(0)
})

it('several who wait for one collection share what comes', async () => {
  const requests = new RequestIds<number>()
  for (const label of [1, 2]) requests.add(keep(), label)
  const waits = [1, 2, 3].map(() => outcome(requests.waitResponse()))
  await w.clock.settle()
  kept[0]?.reply('a')
  await w.clock.settle()
  kept[1]?.reply('b')
  await w.clock.settle()
  expect(waits.map(({ value }) => value?.type).sort()).toEqual(['no_request', 'reply', 'reply'])
})

it('a request belongs to a collection once, and one that is over not at all', async () => {
  const request = keep()
  const requests = new RequestIds<number>().add(request, 1).add(request, 2)
  expect(requests.toList().map(([, label]) => label)).toEqual([1])
  const over = keep()
  over.abandon()
  expect(requests.add(over, 3).size).toBe(1)
  requests[Symbol.dispose]()
  expect(request.over).toBe(true)
})

it('names, messages and wrong arguments', async () => {
  const message = GenServer.sendRequest('it', { type: 'nope' }, { system: w.system })
  expect(await message.receiveResponse()).toMatchObject({
    type: 'error',
    error: { code: 'ERR_CALL_UNKNOWN' },
  })
  const nowhere = GenServer.sendRequest({ name: 'it', node: 'x' }, 1, { system: w.system })
  expect(await nowhere.receiveResponse()).toMatchObject({ error: { reason: 'noconnection' } })
  expect(() => GenServer.sendRequest(ref, 5 as never, [] as never)).toThrow("'name'")
  expect(() => keep().waitResponse({ timeout: 1 } as never)).toThrow('timeoutMs')
  await expect(new RequestIds().waitResponse({ timeoutMs: -1 })).rejects.toThrow('timeoutMs')
  expect(() => new RequestIds().add({} as never, 1)).toThrow("'request' must be a request")
})

it.each([null, undefined, 5, {}, { pid: 5 }, { name: 'it' }, { name: 5, node: 'x' }])(
  '%o is no target',
  async (target) => {
    const wrong = { code: 'ERR_ARGUMENT', message: expect.stringContaining("'target'") as unknown }
    const refused = expect.objectContaining(wrong) as Error
    expect(() => GenServer.sendRequest(target as never, 'get', [])).toThrow(refused)
    expect(() => GenServer.abcast([ref, target as never], 'add', [1])).toThrow(refused)
    const { replies, failed } = await GenServer.multiCall([ref, target as never], 'get', [])
    expect([replies, failed]).toEqual([[[ref, 0]], [[target, refused]]])
  },
)

it('unknown options and lists that are none are refused', async () => {
  const wrong = { system: w.system, timeout: 5 } as never
  expect(() => GenServer.sendRequest(ref.pid, 'get', [], wrong)).toThrow("unknown option 'timeout'")
  expect(() => GenServer.abcast([ref], 'add', [1], wrong)).toThrow("unknown option 'timeout'")
  expect(() => GenServer.abcast(ref as never, 'add', [1])).toThrow("'targets' must be a list")
  await expect(GenServer.multiCall(ref as never, 'get', [])).rejects.toThrow("'targets'")
  expect(await ref.call.get()).toBe(0)
})
