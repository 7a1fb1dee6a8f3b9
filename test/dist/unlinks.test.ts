/** Links that both sides remove and make at once: whoever removes one has the last word, and both end with the same. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FoveaNode } from '../../dist/index.ts'
import { Unlinks } from '../../dist/unlinks.ts'
import { probe, startWorld } from './support/world.ts'

type Word = { readonly type: 'link' } | { readonly type: 'unlink' | 'ack'; readonly id: number }

/** One process with a link to one other, and what it has sent; `acknowledges` as OTP since 23, or not at all. */
class Side {
  readonly out: Word[] = []
  readonly #unlinks = new Unlinks(10)
  readonly #acknowledges: boolean
  isLinked = true

  constructor(acknowledges: boolean) {
    this.#acknowledges = acknowledges
  }

  link(): void {
    if (this.isLinked) return
    this.isLinked = true
    this.#unlinks.linked(1, 1)
    this.out.push({ type: 'link' })
  }

  unlink(): void {
    if (!this.isLinked) return
    this.isLinked = false
    this.out.push({ type: 'unlink', id: this.#unlinks.begin(1, 1) ?? 0 })
  }

  hear(word: Word): void {
    if (word.type === 'link') {
      if (!this.#acknowledges || !this.#unlinks.isPending(1, 1)) this.isLinked = true
    } else if (word.type === 'unlink') {
      this.isLinked = false
      this.out.push({ type: 'ack', id: word.id })
    } else this.#unlinks.acknowledged(1, 1, word.id)
  }
}

const steps = fc.array(
  fc.constantFrom('link 0', 'link 1', 'unlink 0', 'unlink 1', 'hear 0', 'hear 1'),
  {
    maxLength: 30,
  },
)

/** Whether each side is linked when everything has arrived. */
function outcome(acknowledges: boolean, schedule: readonly string[]): readonly boolean[] {
  const sides = [new Side(acknowledges), new Side(acknowledges)] as const
  const heard = [0, 0]
  const hear = (at: 0 | 1): boolean => {
    const word = sides[at === 0 ? 1 : 0].out[heard[at]!]
    if (word === undefined) return false
    heard[at]! += 1
    sides[at].hear(word)
    return true
  }
  for (const step of schedule) {
    const [what, number] = step.split(' ')
    const at = number === '0' ? 0 : 1
    if (what === 'hear') hear(at)
    else if (what === 'link') sides[at].link()
    else sides[at].unlink()
  }
  while (hear(0) || hear(1));
  return sides.map(({ isLinked }) => isLinked)
}

describe('removals that are acknowledged', () => {
  it('leave both sides with the same, whatever crosses', () => {
    fc.assert(
      fc.property(steps, (schedule) => {
        const [here, there] = outcome(true, schedule)
        expect(here).toBe(there)
      }),
      { seed: 3, numRuns: 2_000 },
    )
  })

  it('are needed: without them a removal and a new link that cross leave half a link', () => {
    const crossing = ['unlink 0', 'unlink 1', 'link 1']
    expect(outcome(false, crossing)).toEqual([true, false])
    expect(outcome(true, crossing)).toEqual([false, false])
  })

  it('count while they are owed: at the limit and one above, and no longer once acknowledged or linked anew', () => {
    const unlinks = new Unlinks(2)
    expect([unlinks.begin(1, 1), unlinks.begin(1, 2)]).toEqual([1, 2])
    expect(unlinks.begin(1, 3)).toBeUndefined()
    expect(unlinks.begin(1, 2)).toBe(3)
    unlinks.acknowledged(1, 2, 2)
    expect(unlinks.size).toBe(2)
    unlinks.acknowledged(1, 2, 3)
    unlinks.linked(1, 1)
    expect(unlinks.size).toBe(0)
  })
})

describe('two processes of two nodes', () => {
  /** Linked; 20 ms apart. */
  async function linked() {
    const world = await startWorld(2, { network: { latencyMs: 20 } })
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    const [onA, onB] = [probe(a), probe(b)]
    const toB = a.system.pidFor(b.key.hex, onB.pid.id, onB.pid.incarnation)
    const toA = b.system.pidFor(a.key.hex, onA.pid.id, onA.pid.incarnation)
    a.system.link(onA.pid, toB)
    await world.clock.advance(100)
    return { world, ...{ a, b, onA, onB, toA, toB }, [Symbol.asyncDispose]: () => world.stop() }
  }

  it('that remove their link at once, where one makes it anew, end with none on both sides', async () => {
    await using t = await linked()
    t.a.system.unlink(t.onA.pid, t.toB)
    t.b.system.unlink(t.onB.pid, t.toA)
    t.b.system.link(t.onB.pid, t.toA)
    await t.world.clock.advance(100)
    // With half a link, the end of the one would be told to the other.
    t.a.system.exit(t.onA.pid, 'kill')
    await t.world.clock.advance(100)
    expect([t.onB.signals(), t.b.stats().peers[t.a.key.hex]?.linksIn]).toEqual([[], 0])
  })

  it('that both remove it and make it anew are linked on both sides', async () => {
    await using t = await linked()
    for (const [node, own, other] of [
      [t.a, t.onA, t.toB],
      [t.b, t.onB, t.toA],
    ] as const) {
      node.system.unlink(own.pid, other)
      node.system.link(own.pid, other)
    }
    await t.world.clock.advance(100)
    t.a.system.exit(t.onA.pid, 'kill')
    await t.world.clock.advance(100)
    expect(t.onB.signals()).toEqual(['exit killed'])
  })

  it('peerUnlinksMax: removals that are owed at the limit keep the link of the nodes, one more ends it', async () => {
    await using world = await startWorld(2, {
      network: { latencyMs: 20 },
      node: { peerUnlinksMax: 2 },
    })
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    const here = probe(a)
    const far = [1, 2, 3, 4].map(() => {
      const { id, incarnation } = probe(b).pid
      return a.system.pidFor(b.key.hex, id, incarnation)
    })
    for (const pid of far) a.system.link(here.pid, pid)
    await world.clock.advance(100)
    for (const pid of far.slice(0, 2)) a.system.unlink(here.pid, pid)
    await world.clock.advance(100)
    expect(here.signals()).toEqual([])
    for (const pid of far.slice(0, 2)) a.system.link(here.pid, pid)
    await world.clock.advance(100)
    for (const pid of far.slice(0, 3)) a.system.unlink(here.pid, pid)
    await world.clock.advance(100)
    expect(here.signals()).toEqual(['exit noconnection'])
    expect(world.lines.map(({ code }) => code)).toContain('ERR_PEER_UNLINKS_MAX')
  })
})
