import { describe, expect, it } from 'vitest'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import { Bootstrap, type BootstrapHost } from '../../../../mesh/routing/kademlia/bootstrap.ts'
import type { SeedContact } from '../../../../mesh/routing/kademlia/machine.ts'
import { routingSettings } from '../../../../mesh/routing/kademlia/settings.ts'

const seed = (port: number): SeedContact => ({ id: undefined, host: '10.0.0.1', port })

/** A join with a table that the test fills, and lookups that the test ends. */
class Scene implements BootstrapHost {
  good = 0
  nearest = 255
  readonly full = new Set<number>()
  readonly did: string[] = []
  readonly askedMs: number[] = []
  hasPlace = true
  nowMs = 0
  readonly bootstrap: Bootstrap

  constructor() {
    const settings = routingSettings({ bootstrapBaseMs: 1_000, bootstrapMaxMs: 60_000 })
    this.bootstrap = new Bootstrap(settings, new RandomStream(1, 1), this)
  }

  askSeed({ port }: SeedContact): void {
    this.did.push(`seed ${port}`)
    this.askedMs.push(this.nowMs)
  }

  lookupSelf(): boolean {
    if (this.hasPlace) this.did.push('self')
    return this.hasPlace
  }

  lookupIn(bucket: number): boolean {
    if (this.hasPlace) this.did.push(`bucket ${bucket}`)
    return this.hasPlace
  }

  goodSize(): number {
    return this.good
  }

  nearestBucket(): number {
    return this.nearest
  }

  isFull(bucket: number): boolean {
    return this.full.has(bucket)
  }

  event({ type }: { readonly type: string }): void {
    this.did.push(type)
  }

  advance(): void {
    this.bootstrap.advance(this.nowMs)
  }

  lookedUp(complete = 0): void {
    this.bootstrap.lookedUp(this.nowMs, complete)
    this.advance()
  }

  /** What happened since the last time. */
  take(): string[] {
    return this.did.splice(0)
  }
}

describe('Bootstrap', () => {
  it('K40 asks dead seeds for ever, with pauses that grow to a limit', () => {
    const scene = new Scene()
    scene.bootstrap.join([seed(1)])
    for (let n = 0; n < 40; n++) {
      scene.advance()
      scene.bootstrap.seedSettled(scene.nowMs, false)
      scene.advance()
      scene.nowMs = scene.bootstrap.nextDeadline()
    }
    expect(scene.askedMs).toHaveLength(40)
    const pauses = scene.askedMs.slice(1).map((atMs, n) => atMs - scene.askedMs[n]!)
    for (const [n, pauseMs] of pauses.entries()) {
      const fullMs = Math.min(60_000, 1_000 * 2 ** n)
      expect(pauseMs).toBeGreaterThanOrEqual(fullMs / 2)
      expect(pauseMs).toBeLessThanOrEqual(fullMs)
    }
    expect(new Set(pauses.slice(10)).size).toBeGreaterThan(10)
  })

  it('K40 asks few seeds at once, and comes to all of them', () => {
    const scene = new Scene()
    scene.bootstrap.join(Array.from({ length: 10 }, (_, n) => seed(n)))
    scene.advance()
    expect(scene.did).toHaveLength(4)
    for (let n = 0; n < 3; n++) {
      for (let each = 0; each < 4; each++) scene.bootstrap.seedSettled(scene.nowMs, false)
      scene.nowMs = scene.bootstrap.nextDeadline()
      scene.advance()
    }
    expect(new Set(scene.did).size).toBe(10)
  })

  it('K41 looks up itself, then every bucket farther than the nearest that is not full', () => {
    const scene = new Scene()
    scene.bootstrap.join([seed(1)])
    scene.advance()
    scene.good = 3
    scene.bootstrap.seedSettled(0, true)
    scene.advance()
    expect(scene.take()).toEqual(['seed 1', 'self'])
    scene.nearest = 250
    scene.full.add(253)
    scene.lookedUp()
    expect(scene.take()).toEqual(['bucket 251', 'bucket 252'])
    scene.lookedUp()
    expect(scene.take()).toEqual(['bucket 254'])
    scene.lookedUp()
    expect(scene.take()).toEqual(['bucket 255'])
    scene.lookedUp()
    expect([scene.take(), scene.bootstrap.isJoined]).toEqual([[], false])
    scene.lookedUp()
    expect([scene.take(), scene.bootstrap.isJoined]).toEqual([['bootstrapped'], true])
    expect([scene.bootstrap.nextDeadline(), scene.bootstrap.joins]).toEqual([Infinity, 1])
  })

  it('K41 looks up nothing in buckets in which the lookup of itself has found everybody', () => {
    const scene = new Scene()
    scene.good = 1
    scene.nearest = 240
    scene.advance()
    scene.lookedUp(253)
    expect(scene.take()).toEqual(['self', 'bucket 253', 'bucket 254'])
    // Of a lookup in a bucket that says nothing.
    scene.lookedUp(255)
    scene.lookedUp(255)
    expect(scene.take()).toEqual(['bucket 255'])
    scene.lookedUp()
    expect(scene.take()).toEqual(['bootstrapped'])
  })

  it('K40 without seeds a candidate begins the join, and before that there is nothing to do', () => {
    const scene = new Scene()
    scene.advance()
    expect([scene.take(), scene.bootstrap.nextDeadline()]).toEqual([[], Infinity])
    scene.good = 1
    scene.advance()
    scene.lookedUp()
    expect(scene.take()).toEqual(['self', 'bootstrapped'])
  })

  it('K40 begins again whenever the table is empty, also in the middle of a join', () => {
    const scene = new Scene()
    scene.bootstrap.join([seed(1)])
    scene.advance()
    scene.good = 1
    scene.bootstrap.seedSettled(0, true)
    scene.advance()
    scene.take()
    scene.good = 0
    scene.nowMs = 10
    scene.advance()
    expect(scene.take()).toEqual(['isolated', 'seed 1'])
    scene.lookedUp()
    scene.good = 1
    scene.bootstrap.seedSettled(20, true)
    scene.advance()
    scene.lookedUp()
    expect(scene.take()).toEqual(['self', 'bootstrapped'])
    scene.good = 0
    scene.nowMs = 5_000
    scene.advance()
    expect(scene.take()).toEqual(['isolated', 'seed 1'])
  })

  it('S34 goes on to ask seeds that never answered, though others are known', () => {
    const scene = new Scene()
    scene.bootstrap.join([seed(1)])
    scene.advance()
    scene.bootstrap.seedSettled(0, false)
    scene.good = 1
    scene.advance()
    scene.lookedUp()
    expect(scene.take()).toEqual(['seed 1', 'self', 'bootstrapped'])
    scene.nowMs = scene.bootstrap.nextDeadline()
    scene.advance()
    expect(scene.take()).toEqual(['seed 1'])
    scene.bootstrap.seedSettled(scene.nowMs, true)
    scene.advance()
    expect(scene.bootstrap.nextDeadline()).toBe(Infinity)
  })

  it('K40 a seed that answers as a client is asked again after a pause, not at once', () => {
    const scene = new Scene()
    scene.bootstrap.join([seed(1)])
    scene.advance()
    scene.bootstrap.seedSettled(0, true)
    scene.advance()
    expect(scene.take()).toEqual(['seed 1'])
    expect(scene.bootstrap.nextDeadline()).toBeGreaterThanOrEqual(500)
  })

  it('6.2#1 waits with its lookups while there is no place for them', () => {
    const scene = new Scene()
    scene.hasPlace = false
    scene.good = 1
    scene.nearest = 254
    scene.advance()
    expect([scene.take(), scene.bootstrap.nextDeadline()]).toEqual([[], 1_000])
    scene.hasPlace = true
    scene.nowMs = 1_000
    scene.advance()
    scene.hasPlace = false
    scene.lookedUp()
    expect([scene.take(), scene.bootstrap.nextDeadline()]).toEqual([['self'], 2_000])
    scene.hasPlace = true
    scene.nowMs = 2_000
    scene.advance()
    expect(scene.take()).toEqual(['bucket 255'])
  })

  it('K42 joins once more when somebody was found', () => {
    const scene = new Scene()
    scene.good = 1
    scene.advance()
    scene.bootstrap.rejoin(50)
    scene.lookedUp()
    expect(scene.take()).toEqual(['self', 'bootstrapped'])
    scene.bootstrap.rejoin(50)
    scene.advance()
    expect([scene.take(), scene.bootstrap.nextDeadline()]).toEqual([[], 50])
    scene.nowMs = 50
    scene.advance()
    scene.lookedUp()
    expect(scene.take()).toEqual(['self', 'bootstrapped'])
  })

  it('K40 keeps each seed once and so many at most', () => {
    const scene = new Scene()
    scene.bootstrap.join([seed(1), seed(1)])
    expect(scene.bootstrap.seeds).toEqual([seed(1)])
    scene.bootstrap.join(Array.from({ length: 300 }, (_, n) => seed(n)))
    expect(scene.bootstrap.seeds).toHaveLength(256)
  })
})
