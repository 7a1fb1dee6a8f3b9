import { afterEach, describe, expect, it } from 'vitest'
import type { FoveaNode } from '../../../dist/index.ts'
import type { Lease } from '../../../dist/leases/leases.ts'
import { during, failing } from '../support/world.ts'
import { startVoters, type VoterWorld } from '../support/voters.ts'

const TTL_MS = 600
const LEASES = { ttlMs: TTL_MS, graceMs: 100, roundMs: 100 }

let world: VoterWorld
afterEach(() => world.stop())

const start = async (voters: number, others: number, options: object = {}): Promise<void> => {
  world = await startVoters({ voters, others }, { ...LEASES, ...options })
}

/** What one node asks of the voters, as a peer that may be hostile. */
const ask = (from: FoveaNode, to: FoveaNode, name: string, input: unknown): Promise<unknown> =>
  during(world, from.remoteCall.call({ name: '$leases', node: to.key }, name, input))

/** Until the lease is told to be lost; gives how long that took. */
async function lostAfter(lease: Lease): Promise<number> {
  const sinceMs = world.clock.now()
  while (!lease.lost.aborted) await world.clock.advance(10)
  return world.clock.now() - sinceMs
}

describe('a lease', () => {
  it('G11: is held by one, waited for by others, and comes with higher tokens', async () => {
    await start(3, 0)
    const [a, b] = world.voters
    const first = await during(world, a!.leases.acquire('billing'))
    expect([first.token, first.isHeld, first.lost.aborted]).toEqual([1, true, false])
    const refused = await failing(world, b!.leases.acquire('billing', { timeoutMs: 0 }))
    expect(refused.code).toBe('ERR_LEASE_HELD')
    const late = await failing(world, b!.leases.acquire('billing', { timeoutMs: 300 }))
    expect(late.code).toBe('ERR_LEASE_HELD')
    const abort = new AbortController()
    const waiting = b!.leases.acquire('billing', { signal: abort.signal })
    abort.abort('enough')
    expect((await failing(world, waiting)).code).toBe('ERR_LEASE_ABORTED')
    // It is renewed for as long as its holder wants it, whoever asks.
    await world.clock.advance(2.5 * TTL_MS)
    expect(first.isHeld).toBe(true)
    const second = b!.leases.acquire('billing')
    await world.clock.advance(100)
    first.release()
    expect([first.isHeld, first.lost.reason]).toEqual([false, 'released'])
    const got = await during(world, second, TTL_MS / 4)
    expect(got.token).toBeGreaterThan(first.token)
    // Two of one node are two.
    const own = await failing(world, b!.leases.acquire('billing', { timeoutMs: 0 }))
    expect(own.code).toBe('ERR_LEASE_HELD')
    const other = await during(world, b!.leases.acquire('another name'))
    expect(other.isHeld).toBe(true)
  })

  it('G11: of a node that is cut off is lost there before another gets it, within a TTL and a second', async () => {
    await start(3, 0)
    const [a, b, c] = world.voters
    const first = await during(world, a!.leases.acquire('billing'))
    // Its own vote is none of a majority.
    for (const voter of [b!, c!]) world.partition(a!, voter)
    const cutMs = world.clock.now()
    const second = b!.leases.acquire('billing')
    const tookMs = await lostAfter(first)
    expect(tookMs).toBeLessThanOrEqual(TTL_MS)
    expect(first.lost.reason).toBe('lost')
    // The grace: still the only one, told to end.
    expect(first.isHeld).toBe(true)
    const got = await during(world, second)
    expect(first.isHeld).toBe(false)
    expect(got.token).toBeGreaterThan(first.token)
    expect(world.clock.now() - cutMs).toBeLessThanOrEqual(TTL_MS + 1_000)
  })

  it('MG22 G11: outlives a minority of the voters, and is lost with a majority', async () => {
    await start(3, 0)
    const [a, b, c] = world.voters
    const lease = await during(world, a!.leases.acquire('billing'))
    world.kill(b!)
    await world.clock.advance(2 * TTL_MS)
    expect(lease.isHeld).toBe(true)
    world.kill(c!)
    expect(await lostAfter(lease)).toBeLessThanOrEqual(TTL_MS)
    await world.clock.advance(TTL_MS)
    const error = await failing(world, a!.leases.acquire('billing', { timeoutMs: 300 }))
    expect(error.code).toBe('ERR_LEASE_NO_MAJORITY')
  })
})

describe('a voter that starts again', () => {
  it('G11: with its disk votes at once for who it voted for, and for others after a TTL', async () => {
    await start(1, 2)
    const [a, b] = world.others
    const first = await during(world, a!.leases.acquire('billing'))
    world.kill(world.voters[0]!)
    await world.clock.advance(200)
    await world.restart(0)
    const sinceMs = world.clock.now()
    await world.connected()
    const second = b!.leases.acquire('billing')
    await world.clock.advance(TTL_MS / 2)
    expect(first.isHeld).toBe(true)
    world.kill(a!)
    const got = await during(world, second)
    expect(got.token).toBe(first.token + 1)
    expect(world.clock.now() - sinceMs).toBeGreaterThanOrEqual(TTL_MS)
  })

  it('G11: without what it stored sits out a TTL, and then learns the tokens from the others', async () => {
    await start(3, 1)
    const [b] = world.others
    for (let number = 0; number < 4; number++) {
      const lease = await during(world, b!.leases.acquire('billing'))
      lease.release()
    }
    world.kill(world.voters[0]!)
    world.disks[0]!.keepsStore = false
    await world.restart(0)
    await world.connected()
    const [again, second, third] = world.voters
    expect(await ask(b!, again!, 'ask', 'billing')).toBeNull()
    expect(await ask(b!, again!, 'standing', undefined)).toEqual([false, 0, 2])
    await world.clock.advance(TTL_MS - 200)
    expect(await ask(b!, again!, 'ask', 'billing')).toBeNull()
    await world.clock.advance(400)
    const [remembers, tokenMax] = (await ask(b!, again!, 'standing', undefined)) as unknown[]
    const known = await Promise.all(
      [second!, third!].map(
        async (voter) => ((await ask(b!, voter, 'standing', 0)) as number[])[1]!,
      ),
    )
    expect([remembers, tokenMax]).toEqual([true, Math.max(...known)])
    // Nobody remembers any more: the tokens go on above everything that can have been.
    for (const number of [0, 1, 2]) {
      world.kill(world.voters[number]!)
      world.disks[number]!.keepsStore = false
    }
    for (const number of [0, 1, 2]) await world.restart(number)
    const lease = await during(world, b!.leases.acquire('billing'))
    expect(lease.token).toBeGreaterThan(Math.max(...known))
  })

  it('G11: votes only for what is on its disk, and no more once it could not write', async () => {
    await start(1, 1)
    const [a] = world.others
    const { stored } = world.disks[0]!
    const first = await during(world, a!.leases.acquire('billing'))
    stored.hold()
    const second = a!.leases.acquire('other', { timeoutMs: 300 })
    expect((await failing(world, second)).code).toBe('ERR_LEASE_NO_MAJORITY')
    // A renewal needs no write of its own, yet waits for those before it.
    expect(await lostAfter(first)).toBeLessThanOrEqual(TTL_MS)
    stored.release()
    const third = await during(world, a!.leases.acquire('billing'))
    expect(third.token).toBeGreaterThan(first.token)
    stored.fail('the disk is full')
    const fourth = await failing(world, a!.leases.acquire('new', { timeoutMs: 300 }))
    expect(fourth.code).toBe('ERR_LEASE_NO_MAJORITY')
    expect(await ask(a!, world.voters[0]!, 'ask', 'billing')).toBeNull()
    expect(world.voters[0]!.stats().refused).toMatchObject({ ERR_LEASE_STORE: 1 })
  })

  it('G11: does not vote while it cannot read what it promised, so that it knows all of it when it can again', async () => {
    await start(1, 1)
    const [a] = world.others
    const first = await during(world, a!.leases.acquire('billing'))
    const again = async (mark: Uint8Array): Promise<void> => {
      world.kill(world.voters[0]!)
      const { stored } = world.disks[0]!
      stored.crash()
      const store = await stored.open()
      await during(world, store.batch([{ key: 'lease-mark', value: mark }]))
      await world.restart(0)
      await world.connected()
    }
    await again(Buffer.from('[damaged'))
    await world.clock.advance(4 * TTL_MS)
    expect(await ask(a!, world.voters[0]!, 'ask', 'billing')).toBeNull()
    expect(world.voters[0]!.stats().refused).toMatchObject({ ERR_LEASE_STORE: 1 })
    await again(Buffer.from('{"floor":0}'))
    const second = await during(world, a!.leases.acquire('billing'))
    expect(second.token).toBeGreaterThan(first.token)
  })
})

describe('leases refuse', () => {
  it('what is strict without voters, wrong names and options', async () => {
    await start(0, 1)
    const [a] = world.others
    const codes = async (given: Promise<unknown>): Promise<unknown> =>
      (await failing(world, given)).code
    expect(await codes(a!.leases.acquire('billing'))).toBe('ERR_VOTERS_REQUIRED')
    const wrong = { ttlMs: TTL_MS + 1 }
    expect(await codes(a!.leases.acquire('billing', wrong))).toBe('ERR_OPTION_INVALID')
    const twice = [world.realm.idHex, world.realm.idHex]
    await expect(world.start('c', { voters: twice })).rejects.toThrow("'voters'")
    await expect(world.start('c', { voters: ['a@b:1'] })).rejects.toThrow("'voters'")
    await expect(world.start('c', { leases: { ttlMs: 99 } })).rejects.toThrow("'ttlMs'")
  })

  it('more than their limits, here and at the voter', async () => {
    await start(1, 1, { ownLeasesMax: 3, leasesMax: 2, peerLeasesMax: 2 })
    const [a] = world.others
    const [voter] = world.voters
    const long = 'x'.repeat(1_024)
    const first = await during(world, a!.leases.acquire(long))
    await during(world, a!.leases.acquire('two'))
    const none = { timeoutMs: 0 }
    const third = await failing(world, a!.leases.acquire('three', none))
    expect(third.code).toBe('ERR_LEASE_HELD')
    expect(voter!.stats().refused).toMatchObject({ ERR_LEASES_MAX: 1 })
    const tooLong = await failing(world, a!.leases.acquire(`${long}x`))
    expect(tooLong.code).toBe('ERR_LEASE_NAME')
    const waiting = a!.leases.acquire('two')
    const fourth = await failing(world, a!.leases.acquire('four', none))
    expect(fourth.code).toBe('ERR_LEASES_OWN_MAX')
    expect(a!.stats().refused).toMatchObject({ ERR_LEASES_OWN_MAX: 1 })
    // What was given back makes room; its token goes on.
    first.release()
    await world.clock.advance(50)
    const fifth = await during(world, a!.leases.acquire('five'))
    fifth.release()
    await world.clock.advance(50)
    const again = await during(world, a!.leases.acquire(long))
    expect(again.token).toBeGreaterThan(first.token)
    const stopped = waiting.catch((error: unknown) => (error as { code: string }).code)
    await during(world, a!.stop())
    expect(await stopped).toBe('ERR_LEASE_ABORTED')
    expect([again.isHeld, again.lost.reason]).toEqual([false, 'stopped'])
    const after = await failing(world, a!.leases.acquire('six'))
    expect(after.code).toBe('ERR_LEASE_ABORTED')
  })

  it('requests of peers that are none', async () => {
    await start(1, 1)
    const [a] = world.others
    const [voter] = world.voters
    const bad: readonly [string, unknown][] = [
      ['ask', ''],
      ['ask', { length: 3 }],
      ['grant', ['x', '1.1', 1]],
      ['grant', ['x', '1.1', 1, TTL_MS + 1]],
      ['grant', ['x', '1.1', 0, 100]],
      ['grant', ['x', '1.1', Number.MAX_SAFE_INTEGER, 100]],
      ['grant', ['x', '1.1', 1.5, 100]],
      ['grant', ['x', '', 1, 100]],
      ['grant', ['x', '1'.repeat(65), 1, 100]],
      ['steal', ['x']],
    ]
    for (const [name, input] of bad) {
      const error = await failing(world, ask(a!, voter!, name, input))
      expect(error.code).toBe('ERR_LEASE_MESSAGE')
    }
    a!.remoteCall.cast({ name: '$leases', node: voter!.key }, 'release', 'everything')
    await world.clock.advance(20)
    expect(voter!.stats().refused).toEqual({ ERR_LEASE_MESSAGE: bad.length + 1 })
    // Nobody gives back what is another's.
    const lease = await during(world, voter!.leases.acquire('x'))
    a!.remoteCall.cast({ name: '$leases', node: voter!.key }, 'release', ['x', '1.1', lease.token])
    await world.clock.advance(20)
    const [granted, token, remainingMs] = (await ask(a!, voter!, 'ask', 'x')) as unknown[]
    expect([granted, token, Number(remainingMs) > 0]).toEqual([false, lease.token, true])
  })
})
