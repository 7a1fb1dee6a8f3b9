import { expect, it } from 'vitest'
import { Counter, during, failing } from '../support/world.ts'
import { startVoters } from '../support/voters.ts'

it('G11: a strict name is a lease: one owner, a token that grows, and no owner without a majority', async () => {
  const leases = { ttlMs: 600, graceMs: 100, roundMs: 100 }
  await using world = await startVoters({ voters: 3, others: 0 }, leases)
  const [a, b, c] = world.voters
  const strict = { mode: 'strict', timeoutMs: 200 } as const
  const first = await Counter.start(1, { system: a!.system })
  const second = await Counter.start(2, { system: b!.system })
  const registered = await during(world, a!.globalRegistry.register('hits', first, strict))
  const refused = await failing(world, b!.globalRegistry.register('hits', second, strict))
  expect(refused.code).toBe('ERR_GLOBAL_NAME_TAKEN')
  // Cut off from the majority, the owner ends before the name can have another one.
  for (const other of [b!, c!]) world.partition(a!, other)
  const waiting = b!.globalRegistry.register('hits', second, { mode: 'strict', timeoutMs: 20_000 })
  while (a!.system.isAlive(first.pid)) {
    expect(b!.globalRegistry.whereis('hits')).not.toEqual(second.pid)
    await world.clock.advance(10)
  }
  const next = await during(world, waiting)
  expect(next.token).toBeGreaterThan(registered.token ?? Infinity)
})
