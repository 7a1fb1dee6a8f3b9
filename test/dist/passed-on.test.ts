/** A server that passes the failure of its own call on to who called it. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { contract, implement, noreply, type Contract, type Ref } from '../../behaviours/index.ts'
import type { FoveaNode } from '../../dist/index.ts'
import {
  CounterContract,
  during,
  failing,
  startWorld,
  type CounterApi,
  type LoggedWorld,
} from './support/world.ts'

interface DeputyApi {
  call: {
    /** Waits 10 ms for who never answers. */
    wait(who: Ref<CounterApi>): never
    get(who: Ref<CounterApi>): number
  }
  cast: {}
}

const DeputyContract: Contract<DeputyApi> = contract('deputy/1', {
  call: { wait: true, get: true },
  cast: {},
})

const Deputy = implement<DeputyApi, void, null>(DeputyContract, {
  init: () => null,
  call: {
    wait: (state, who, { from }) => {
      who.call.hang(undefined, { timeoutMs: 10 }).catch((error: unknown) => from.fail(error))
      return noreply(state)
    },
    get: (state, who, { from }) => {
      who.call.get().catch((error: unknown) => from.fail(error))
      return noreply(state)
    },
  },
  cast: {},
})

let world: LoggedWorld
let a: FoveaNode
let deputy: Ref<DeputyApi>
let counter: Ref<CounterApi>

beforeEach(async () => {
  world = await startWorld(2)
  const [first, b] = world.nodes as [FoveaNode, FoveaNode]
  a = first
  b.behaviorRegistry.register(Deputy, { remote: true })
  deputy = await during(world, a.remoteSpawn.spawn(DeputyContract, b.id))
  counter = await during(world, a.remoteSpawn.spawn(CounterContract, b.id, { arg: 0 }))
})

afterEach(() => world.stop())

it('a timeout that is passed on reaches the caller at once', async () => {
  const atMs = world.clock.now()
  const call = a.remoteCall.call(deputy, 'wait', counter, { timeoutMs: 5_000 })
  const error = await failing(world, call)
  expect(world.clock.now() - atMs).toBeLessThan(100)
  expect(error).toMatchObject({ name: 'CallTimeoutError', code: 'ERR_CALL_TIMEOUT', timeoutMs: 10 })
})

it('the end of another process is not told as the end of the server', async () => {
  a.system.exit(counter.pid, 'kill')
  const error = await failing(world, a.remoteCall.call(deputy, 'get', counter))
  expect(error.name).toBe('CallExitError')
  expect(error).toMatchObject({ code: 'ERR_CALL_EXIT', reason: 'noproc', server: counter.pid })
})
