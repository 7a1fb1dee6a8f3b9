import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  defineServer,
  Pool,
  reply,
  stop,
  noreply,
  type PoolLease,
} from '../../../behaviours/index.ts'
import type { Pid } from '../../../runtime/index.ts'
import { Model, pick, rules, step } from './pool-model.ts'
import { world } from '../world.ts'

describe('the decisions of a pool', () => {
  it('never more than size + overflowMax workers, none in two hands, none lost', () => {
    fc.assert(
      fc.property(rules, fc.array(step, { maxLength: 60 }), (given, steps) => {
        const model = new Model(given)
        for (const one of steps) model.run(one)
        const { size } = given
        expect(model.finish()).toEqual({ waiting: 0, idle: size, total: size })
      }),
      { numRuns: 2000 },
    )
    expect.hasAssertions()
  })

  it('no retry storm: failing starts are as many as callers and pauses allow', () => {
    fc.assert(
      fc.property(rules, fc.nat({ max: 20 }), (given, callers) => {
        const model = new Model({ ...given, restartDelayMs: 20 })
        for (let i = 0; i < given.size; i++) model.run({ do: 'died', pick: 0 })
        let failed = 0
        const failAll = (): void => {
          while (model.starting.size > 0) {
            failed++
            model.run({ do: 'failed', pick: 0 })
          }
        }
        failAll()
        const before = failed
        for (let i = 0; i < callers; i++) {
          model.run({ do: 'checkout' })
          failAll()
        }
        for (let i = 0; i < 10; i++) {
          model.pass(20)
          failAll()
        }
        expect(before).toBeLessThanOrEqual(given.size)
        expect(failed - before).toBeLessThanOrEqual(11)
      }),
      { numRuns: 300 },
    )
    expect.hasAssertions()
  })
})

// --- the pool as a process

const Worker = defineServer({
  init: () => 0,
  call: { ping: (n) => reply('pong', n) },
  cast: { crash: (n) => (n === 0 ? stop('crashed') : noreply(n)) },
})
type WorkerRef = Awaited<ReturnType<typeof Worker.start>>

const act = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('checkout' as const), ms: fc.nat({ max: 40 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('release', 'discard', 'crash', 'die', 'abort', 'crash_idle' as const),
      pick,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat({ max: 50 }) }),
  },
)

describe('a pool of processes', () => {
  it('lends each live worker to one caller, and has all of them in the end', async () => {
    await fc.assert(
      fc.asyncProperty(rules, fc.array(act, { maxLength: 40 }), async (given, acts) => {
        const { system, clock } = world()
        const alive = new Set<WorkerRef>()
        const worker = {
          id: 'w',
          start: async (context: object): Promise<WorkerRef> => {
            const ref = await Worker.start(undefined, { ...context, link: true })
            alive.add(ref)
            system.watch(ref.pid, () => alive.delete(ref))
            return ref
          },
        }
        const pool = await Pool.start({ system, worker, ...given })
        const held = new Map<PoolLease<WorkerRef>, Pid>()
        const aborters: AbortController[] = []
        const checkout = async (ms: number): Promise<void> => {
          const owner = system.spawn(() => new Promise<never>(() => {}))
          const aborter = new AbortController()
          aborters.push(aborter)
          const options = { timeoutMs: ms, owner, signal: aborter.signal }
          try {
            const lease = await Pool.checkout(pool, options)
            const others = [...held.keys()].map((other) => other.worker.pid)
            expect(others).not.toContain(lease.worker.pid)
            held.set(lease, owner)
          } catch (error) {
            expect([
              'ERR_POOL_FULL',
              'ERR_POOL_TIMEOUT',
              'ERR_POOL_WORKER',
              'ERR_CALL_ABORTED',
            ]).toContain((error as { code?: string }).code)
          }
        }
        for (const one of acts) {
          const leases = [...held.keys()]
          const lease = 'pick' in one ? leases[one.pick % leases.length] : undefined
          if (one.do === 'checkout') void checkout(one.ms)
          else if (one.do === 'pass') await clock.advance(one.ms)
          else if (one.do === 'abort') aborters[one.pick % aborters.length]?.abort()
          else if (one.do === 'crash_idle') [...alive][one.pick % alive.size]?.cast.crash()
          else if (lease !== undefined) {
            const owner = held.get(lease) as Pid
            held.delete(lease)
            if (one.do === 'release') lease.release()
            else if (one.do === 'discard') lease.discard()
            else if (one.do === 'crash') lease.worker.cast.crash()
            else system.exit(owner, 'kill')
          }
          if (one.do !== 'checkout') await clock.settle()
          for (const gone of held.keys()) if (!system.isAlive(gone.worker.pid)) held.delete(gone)
          expect(alive.size).toBeLessThanOrEqual(given.size + given.overflowMax)
        }
        const releaseAll = (): void => {
          for (const lease of held.keys()) lease.release()
          held.clear()
        }
        for (let i = 0; i < 3; i++) {
          releaseAll()
          await clock.advance(1000)
        }
        expect(await Pool.status(pool)).toMatchObject({
          available: given.size,
          checkedOut: 0,
          waiting: 0,
          ending: 0,
          starting: 0,
        })
        await system.stop()
      }),
      { numRuns: 60 },
    )
    expect.hasAssertions()
  })
})
