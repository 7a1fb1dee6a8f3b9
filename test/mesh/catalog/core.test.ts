import { describe, expect, it } from 'vitest'
import { CatalogError } from '../../../mesh/catalog/errors.ts'
import type {
  CatalogMessage,
  ItemGroup,
  PatternGroup,
  StepMessage,
} from '../../../mesh/catalog/message.ts'
import { sizeOf } from '../../support/sizes.ts'
import { Scene } from './catalog-scene.ts'
import type { SceneNode } from './catalog-scene.ts'

/** Messages with parts of a step from `a` to `b`. */
function stepsOf(scene: Scene, a: SceneNode, b: SceneNode): StepMessage[] {
  const isStep = (message: CatalogMessage): message is StepMessage =>
    message.type === 'entries' || message.type === 'removals'
  return scene.sent
    .filter(({ from, to }) => from === a.key && to === b.key)
    .map(({ message }) => message)
    .filter(isStep)
}

function pairOf(options = {}): { scene: Scene; a: SceneNode; b: SceneNode } {
  const scene = new Scene(options)
  const a = scene.add()
  const b = scene.add()
  scene.link(a, b)
  scene.advance(100)
  scene.sent.length = 0
  return { scene, a, b }
}

/** A step of `a` as a hostile node might send it. */
function forge(scene: Scene, from: SceneNode, to: SceneNode, more: Partial<StepMessage>): void {
  const message = {
    ...{ type: 'entries', kind: 'topic', life: from.life, from: 0, to: 9, part: 0, last: true },
    ...{ groups: [] },
    ...more,
  } as StepMessage
  to.core.step(scene.nowMs, { type: 'message', from: from.key, message })
}

const NODE = 'ab'.repeat(32)

describe('what linked nodes are told', () => {
  it('costs nothing when it was set and deleted within one batch', () => {
    const { scene, a, b } = pairOf()
    scene.set(a, 'topic', 'x.y')
    scene.delete(a, 'topic', 'x.y')
    scene.advance(100)
    expect(stepsOf(scene, a, b)).toEqual([])
  })

  it('is everything that changed within batchMs in one step', () => {
    const { scene, a, b } = pairOf()
    for (let n = 0; n < 100; n++) scene.set(a, 'topic', `x.${n}`)
    scene.advance(4)
    expect(stepsOf(scene, a, b)).toEqual([])
    scene.advance(1)
    expect(stepsOf(scene, a, b)).toHaveLength(1)
    expect(scene.known(b, a, 'topic')).toBe('')
    scene.advance(1)
    expect(scene.known(b, a, 'topic')).toBe(scene.truth(a, 'topic'))
  })

  it('is cut into frames of bounded size, the last one marked', () => {
    const scene = new Scene({ frameBytesMax: 2_048 })
    const a = scene.add()
    const b = scene.add()
    for (let n = 0; n < 500; n++) scene.set(a, 'procedure', `some.procedure.of.number.${n}`)
    scene.advance(10)
    scene.link(a, b)
    scene.advance(10)
    const steps = stepsOf(scene, a, b).filter(({ kind }) => kind === 'procedure')
    expect(steps.length).toBeGreaterThan(8)
    expect(steps.map(({ part }) => part)).toEqual(steps.map((_, at) => at))
    expect(steps.map(({ last }) => last)).toEqual(steps.map((_, at) => at === steps.length - 1))
    expect(scene.known(b, a, 'procedure')).toBe(scene.truth(a, 'procedure'))
  })

  it('is only what is new after a short time without a link', () => {
    const { scene, a, b } = pairOf()
    for (let n = 0; n < 300; n++) scene.set(a, 'topic', `x.${n}`)
    scene.advance(100)
    scene.unlink(a, b)
    scene.set(a, 'topic', 'new')
    scene.delete(a, 'topic', 'x.7')
    scene.advance(60_000)
    expect(scene.lookup(b, 'topic', 'x.7')).toEqual(['01'])
    scene.sent.length = 0
    scene.link(a, b)
    scene.advance(100)
    const steps = stepsOf(scene, a, b).filter(({ kind }) => kind === 'topic')
    const told = steps.flatMap<ItemGroup | PatternGroup>(({ groups }) => [...groups])
    const sizes = told.map((group) => ('items' in group ? group.items : group.patterns).length)
    expect(sizes).toEqual([1, 1])
    expect(scene.known(b, a, 'topic')).toBe(scene.truth(a, 'topic'))
  })

  it('is everything when what was new is not remembered any more', () => {
    const { scene, a, b } = pairOf({ historyMs: 1_000 })
    scene.set(a, 'topic', 'old')
    scene.advance(100)
    scene.unlink(a, b)
    scene.set(a, 'topic', 'new')
    scene.advance(5_000)
    scene.sent.length = 0
    scene.link(a, b)
    scene.advance(100)
    expect(stepsOf(scene, a, b).find(({ kind }) => kind === 'topic')!.from).toBe(0)
    expect(scene.known(b, a, 'topic')).toBe(scene.truth(a, 'topic'))
  })

  it('waits while the lane of a peer is full, and is then told as it is by now', () => {
    const { scene, a, b } = pairOf()
    a.full.add(b.key)
    scene.set(a, 'topic', 'first')
    scene.advance(10)
    for (let n = 0; n < 50; n++) {
      scene.set(a, 'topic', 'often', { plain: n })
      scene.advance(10)
    }
    expect(stepsOf(scene, a, b)).toHaveLength(1)
    scene.drain(a, b)
    scene.advance(10)
    expect(stepsOf(scene, a, b)).toHaveLength(2)
    expect(scene.known(b, a, 'topic')).toBe('first {}\noften {"plain":49}')
  })

  it('PS8 keeps up with 100,000 changes a second, and leaves nothing behind', () => {
    const { scene, a, b } = pairOf({ historyMs: 2_000 })
    const seconds = sizeOf(1, 10)
    for (let ms = 0; ms < 1_000 * seconds; ms++) {
      for (let n = 0; n < 50; n++) {
        scene.set(a, 'topic', `churn.${(ms * 50 + n) % 977}`, { plain: ms + 1 })
        scene.delete(a, 'topic', `churn.${(ms * 31 + n * 7) % 977}`)
      }
      scene.advance(1)
    }
    scene.advance(1_000)
    expect(scene.known(b, a, 'topic')).toBe(scene.truth(a, 'topic'))
    for (const pattern of Array.from(a.own.topic.keys())) scene.delete(a, 'topic', pattern)
    scene.advance(10_000)
    expect(a.core.stats()).toMatchObject({ own: 0, told: 0, remembered: 0 })
    expect(b.core.stats()).toMatchObject({ known: 0, nodes: 0 })
    // One step for all changes of a batch.
    expect(stepsOf(scene, a, b).length).toBeLessThan(500 * seconds)
  })

  it('ML17 is restored after each of twenty links that broke', () => {
    const { scene, a, b } = pairOf()
    for (let n = 0; n < 20; n++) {
      scene.set(a, 'topic', `x.${n}`)
      scene.delete(a, 'topic', `x.${n - 3}`)
      scene.advance(n % 7)
      scene.unlink(a, b)
      scene.set(a, 'topic', `y.${n}`)
      scene.advance(n)
      scene.link(a, b)
    }
    scene.advance(100)
    expect(scene.known(b, a, 'topic')).toBe(scene.truth(a, 'topic'))
  })
})

describe('entries of others', () => {
  it('ML12 of a node that came back in another life are those of this life only', () => {
    const { scene, a, b } = pairOf()
    scene.set(a, 'topic', 'old')
    scene.advance(100)
    scene.restart(a)
    expect(scene.lookup(b, 'topic', 'old')).toEqual(['01'])
    scene.link(a, b)
    expect(scene.lookup(b, 'topic', 'old')).toEqual([])
    scene.set(a, 'topic', 'new')
    scene.advance(100)
    expect(scene.known(b, a, 'topic')).toBe('new {}')
  })

  it('count on when their node is met in the life that is known, without what is known being told again', () => {
    const { scene, a, b } = pairOf()
    scene.set(a, 'topic', 'x')
    scene.advance(100)
    scene.unlink(a, b)
    expect(b.core.lifeOf(a.key)).toBe(1)
    expect(b.core.lifeOf(NODE)).toBe(undefined)
    b.core.step(scene.nowMs, { type: 'linked', peer: a.key, life: 1, role: 'member' })
    expect(scene.lookup(b, 'topic', 'x')).toEqual(['01'])
    const { message } = scene.sent.at(-1)!
    expect(message).toMatchObject({ type: 'held', mode: 'hello', life: 1 })
  })

  it('end at once when their node is down or has left', () => {
    const { scene, a, b } = pairOf()
    scene.member(a, true)
    scene.set(a, 'topic', 'x')
    scene.advance(100)
    scene.unlink(a, b)
    expect(scene.lookup(b, 'topic', 'x')).toEqual(['01'])
    scene.member(a, false)
    expect(scene.lookup(b, 'topic', 'x')).toEqual([])
    expect(b.core.stats()).toMatchObject({ known: 0, nodes: 0, tellers: 0 })
  })

  it.each([false, true])(
    'end after their lease without a link; restart of the process %s',
    (isRestarted) => {
      const { scene, a, b } = pairOf({ leaseMs: 5_000 })
      scene.set(a, 'topic', 'x')
      scene.advance(100)
      scene.unlink(a, b)
      scene.advance(2_500)
      if (isRestarted) scene.restartProcess(b)
      scene.advance(2_400)
      expect(scene.lookup(b, 'topic', 'x')).toEqual(['01'])
      scene.advance(1_200)
      expect(scene.lookup(b, 'topic', 'x')).toEqual([])
    },
  )

  it('are all known when every member that is there has told them, and then only', () => {
    const { scene, a, b } = pairOf()
    const c = scene.add()
    scene.member(a, true)
    expect(b.core.isComplete).toBe(true)
    scene.member(c, true)
    expect(b.core.isComplete).toBe(false)
    scene.link(b, c)
    expect(b.core.isComplete).toBe(false)
    scene.advance(10)
    expect(b.core.isComplete).toBe(true)
    scene.unlink(b, c)
    expect(b.core.isComplete).toBe(false)
    scene.member(c, false)
    expect(b.core.isComplete).toBe(true)
  })

  it('survive the process of the catalog that knew them', () => {
    const { scene, a, b } = pairOf()
    scene.set(a, 'topic', 'x', { plain: 2 })
    scene.set(b, 'topic', 'y')
    scene.advance(100)
    scene.sent.length = 0
    scene.restartProcess(b)
    expect(scene.known(b, a, 'topic')).toBe('x {"plain":2}')
    scene.advance(100)
    expect(stepsOf(scene, a, b).flatMap<unknown>(({ groups }) => [...groups])).toEqual([])
    expect(scene.known(b, a, 'topic')).toBe('x {"plain":2}')
    expect(scene.known(a, b, 'topic')).toBe('y {}')
  })
})

describe('a peer with a gap', () => {
  it('asks, and is told what is missing', () => {
    const { scene, a, b } = pairOf()
    let lost = 0
    scene.loses = ({ message }) => message.type === 'entries' && lost++ === 0
    scene.set(a, 'topic', 'x')
    scene.advance(10)
    scene.set(a, 'topic', 'y')
    scene.advance(20)
    expect(b.refusals.get('ERR_CATALOG_GAP')).toBe(1)
    expect(scene.known(b, a, 'topic')).toBe('x {}\ny {}')
  })

  it('asks ever later when it does not help', () => {
    const { scene, a, b } = pairOf()
    scene.loses = ({ from, message }) => from === a.key && message.type === 'entries'
    forge(scene, a, b, { from: 5, to: 6 })
    scene.advance(60_000)
    const asks = scene.sent.filter(
      ({ from, message }) => from === b.key && message.type === 'held' && message.mode === 'ask',
    )
    expect(asks.length).toBeGreaterThan(3)
    expect(asks.length).toBeLessThan(12)
    expect(b.core.isSynced(a.key)).toBe(false)
  })

  it('is told again what it did not acknowledge', () => {
    const { scene, a, b } = pairOf()
    scene.loses = ({ message }) => message.type === 'entries'
    scene.set(a, 'topic', 'x')
    scene.advance(100)
    scene.loses = () => false
    scene.advance(15_000)
    expect(scene.known(b, a, 'topic')).toBe('x {}')
  })
})

describe('quotas', () => {
  it('take entriesPerNodeMax entries of this node and refuse one more', () => {
    const scene = new Scene({ entriesPerNodeMax: 3 })
    const a = scene.add()
    for (const name of ['a', 'b', 'c']) scene.set(a, 'topic', name)
    expect(() => scene.set(a, 'topic', 'd')).toThrow(CatalogError)
    expect(() => scene.set(a, 'topic', 'c', { plain: 1 })).not.toThrow()
    expect(a.core.stats().own).toBe(3)
  })

  it.each(['whole state', 'changes'])(
    'take entriesPerNodeMax of another node, not one more: %s',
    (how) => {
      const scene = new Scene()
      const a = scene.add()
      const b = scene.add('member', { entriesPerNodeMax: 3 })
      if (how === 'changes') scene.link(a, b)
      scene.advance(10)
      for (const name of ['a', 'b', 'c']) scene.set(a, 'topic', name)
      scene.advance(10)
      if (how === 'whole state') scene.link(a, b)
      scene.advance(10)
      expect(b.core.stats().known).toBe(3)
      expect(b.refusals.has('ERR_CATALOG_NODE_MAX')).toBe(false)
      if (how === 'whole state') scene.unlink(a, b)
      scene.set(a, 'topic', 'd')
      scene.advance(10)
      scene.link(a, b)
      scene.advance(100)
      expect(b.core.stats().known).toBe(3)
      expect(b.refusals.get('ERR_CATALOG_NODE_MAX')).toBe(1)
      expect(b.core.isSynced(a.key)).toBe(true)
    },
  )

  it('take entriesMax of all others, not one more', () => {
    const scene = new Scene()
    const b = scene.add('member', { entriesMax: 4 })
    for (let n = 0; n < 5; n++) {
      const a = scene.add()
      scene.set(a, 'topic', 'x')
      scene.link(a, b)
      scene.advance(20)
      expect(b.core.stats().known).toBe(Math.min(4, n + 1))
    }
    expect(b.refusals.get('ERR_CATALOG_FULL')).toBe(1)
  })

  it('tell at most entriesPerPeerMax filters, which match all that the many did', () => {
    const scene = new Scene({ entriesPerPeerMax: 100 })
    const a = scene.add()
    const b = scene.add()
    scene.link(a, b)
    for (let n = 0; n < 100; n++) scene.set(a, 'topic', `x.${n % 10}.${n}`, { plain: 1 })
    scene.advance(10)
    expect(b.core.stats().known).toBe(100)
    scene.set(a, 'topic', 'x.10.100', { plain: 1 })
    scene.advance(10)
    expect(b.core.stats().known).toBe(11)
    for (let n = 0; n <= 100; n++)
      expect(scene.lookup(b, 'topic', `x.${n % 10}.${n}`)).toEqual(['01'])
    expect(scene.known(b, a, 'topic')).toContain('x.3.** {"plain":10,"widened":true}')
    for (let n = 50; n <= 100; n++)
      scene.delete(a, 'topic', n === 100 ? 'x.10.100' : `x.${n % 10}.${n}`)
    scene.advance(10)
    expect(scene.known(b, a, 'topic')).toBe(scene.truth(a, 'topic'))
  })
})

describe('hostile peers', () => {
  it('a plain member that announces the entries of another node is refused and counted', () => {
    const { scene, a, b } = pairOf()
    const items = [{ pattern: 'x', detail: {} }]
    forge(scene, a, b, { groups: [{ owner: NODE, life: 1, stamp: 1, items }] } as never)
    expect(b.refusals.get('ERR_CATALOG_FOREIGN')).toBe(1)
    expect(b.core.stats().known).toBe(0)
  })

  it('a gateway that announces the entries of a member, or of the node itself, is refused and counted', () => {
    const scene = new Scene()
    const [gateway, b, c] = [scene.add('gateway'), scene.add(), scene.add()]
    scene.member(c, true)
    scene.link(gateway, b)
    scene.advance(10)
    for (const owner of [c.key, b.key, gateway.key]) {
      const items = [{ pattern: 'x', detail: {} }]
      forge(scene, gateway, b, { groups: [{ owner, life: 99, stamp: 99, items }] } as never)
    }
    expect(b.refusals.get('ERR_CATALOG_FOREIGN')).toBe(3)
    expect(b.core.stats().known).toBe(0)
  })

  it('ML12 speaks for the life of its link and for no other', () => {
    const { scene, a, b } = pairOf()
    forge(scene, a, b, { life: 2 ** 53 - 1 })
    expect(b.refusals.get('ERR_CATALOG_LIFE')).toBe(1)
  })

  it('who has no link tells nothing', () => {
    const { scene, a, b } = pairOf()
    scene.unlink(a, b)
    forge(scene, a, b, {})
    expect(b.refusals.get('ERR_CATALOG_UNLINKED')).toBe(1)
  })

  it('says that it holds more than there is: it is told everything', () => {
    const { scene, a, b } = pairOf()
    scene.set(a, 'topic', 'x')
    scene.advance(10)
    scene.sent.length = 0
    const message = { type: 'held', kind: 'topic', mode: 'hello', life: 1, version: 1e9 } as const
    a.core.step(scene.nowMs, { type: 'message', from: b.key, message })
    expect(stepsOf(scene, a, b).map(({ from }) => from)).toEqual([0])
  })
})

describe('a node that gets what it has no use for', () => {
  it('says so, and the sender looks again at what it knows', () => {
    const { scene, a, b } = pairOf()
    scene.set(a, 'topic', 'x')
    scene.advance(100)
    // The two disagree: an entry that nobody has.
    forge(scene, a, b, {
      ...{ from: a.core.version('topic'), to: a.core.version('topic') },
      groups: [{ owner: undefined, life: 0, stamp: 0, items: [{ pattern: 'ghost', detail: {} }] }],
    } as never)
    expect(scene.lookup(b, 'topic', 'ghost')).toEqual(['01'])
    a.core.sayUnwanted(scene.nowMs, 'topic', 'ghost', b.key)
    scene.advance(100)
    expect(scene.lookup(b, 'topic', 'ghost')).toEqual([])
    expect(scene.known(b, a, 'topic')).toBe('x {}')
  })

  it('is not asked for everything again and again', () => {
    const { scene, a, b } = pairOf()
    scene.set(a, 'topic', 'x')
    scene.advance(100)
    scene.sent.length = 0
    for (let n = 0; n < 20; n++) {
      a.core.sayUnwanted(scene.nowMs, 'topic', 'x', b.key)
      scene.advance(1_500)
    }
    expect(stepsOf(scene, a, b).filter(({ from }) => from === 0)).toHaveLength(1)
  })

  it('has its entries dropped by a sender without a link, when it knows better', () => {
    const { scene, a, b } = pairOf()
    scene.set(a, 'topic', 'x')
    scene.set(a, 'topic', 'y')
    scene.advance(100)
    scene.unlink(a, b)
    scene.delete(a, 'topic', 'x')
    a.core.sayUnwanted(scene.nowMs, 'topic', 'x', b.key)
    scene.advance(100)
    expect(scene.lookup(b, 'topic', 'x')).toEqual([])
    expect(scene.lookup(b, 'topic', 'y')).toEqual(['01'])
  })

  it('says so once a second for one name and sender', () => {
    const { scene, a, b } = pairOf()
    for (let n = 0; n < 10; n++) a.core.sayUnwanted(scene.nowMs, 'topic', 'x', b.key)
    expect(scene.sent.filter(({ message }) => message.type === 'unwanted')).toHaveLength(1)
  })
})

describe('peers at the edge', () => {
  function edgeScene(): {
    scene: Scene
    edge: SceneNode
    g1: SceneNode
    g2: SceneNode
    m: SceneNode
  } {
    const scene = new Scene()
    const edge = scene.add('edge')
    const [g1, g2, m] = [scene.add('gateway'), scene.add('gateway'), scene.add()]
    for (const gateway of [g1, g2]) scene.link(gateway, m)
    scene.link(g1, g2)
    scene.set(edge, 'topic', 'x', { plain: 1 })
    scene.set(m, 'topic', 'secret')
    scene.link(edge, g1)
    scene.advance(100)
    return { scene, edge, g1, g2, m }
  }

  it('are told of by their gateway, which is named', () => {
    const { scene, g1, m } = edgeScene()
    expect(scene.lookup(g1, 'topic', 'x')).toEqual(['01'])
    expect(scene.lookup(m, 'topic', 'x')).toEqual(['01(02)'])
    expect(g1.events).toContain('relays topic x')
  })

  it('are told nothing unasked', () => {
    const { scene, edge } = edgeScene()
    const told = scene.sent.filter(
      ({ to, message }) => to === edge.key && message.type === 'entries',
    )
    expect(told).toEqual([])
    expect(edge.core.stats().known).toBe(0)
  })

  it('are where they said so last, though the former gateway has not noticed yet', () => {
    const { scene, edge, g1, g2, m } = edgeScene()
    scene.link(edge, g2)
    scene.advance(100)
    expect(scene.lookup(m, 'topic', 'x')).toEqual(['01(03)'])
    expect(scene.lookup(g1, 'topic', 'x')).toEqual(['01(03)'])
    // Back to the first one.
    scene.unlink(edge, g2)
    scene.unlink(edge, g1)
    scene.link(edge, g1)
    scene.advance(100)
    expect(scene.lookup(m, 'topic', 'x')).toEqual(['01(02)'])
    scene.advance(60_000)
    expect(scene.lookup(m, 'topic', 'x')).toEqual(['01(02)'])
    expect(m.core.stats().known).toBe(1)
  })

  it.each([
    { what: 'hears of that', isHeard: true },
    { what: 'does not hear of that', isHeard: false },
  ])('that moved do not come back by a former gateway that $what', ({ isHeard }) => {
    const { scene, edge, g1, g2, m } = edgeScene()
    scene.set(edge, 'procedure', 'p')
    scene.advance(100)
    if (!isHeard) scene.unlink(g1, g2)
    scene.unlink(edge, g1)
    scene.link(edge, g2)
    scene.advance(100)
    // What it wants is told of until its lease there ends.
    expect(g1.core.stats()).toMatchObject({ relayed: isHeard ? 1 : 2 })
    scene.delete(edge, 'topic', 'x')
    scene.delete(edge, 'procedure', 'p')
    m.changes.length = 0
    for (let ms = 0; ms < 60_000; ms += 1_000) {
      scene.advance(1_000)
      expect(scene.lookup(m, 'topic', 'x')).toEqual([])
      expect(scene.lookup(m, 'procedure', 'p')).toEqual([])
    }
    expect(m.changes.map(({ type }) => type)).toEqual(['removed', 'removed'])
    expect(m.core.stats()).toMatchObject({ known: 0, nodes: 0 })
    // At the first one again, which has forgotten all of it.
    scene.set(edge, 'topic', 'y')
    scene.unlink(edge, g2)
    scene.link(edge, g1)
    scene.advance(100)
    expect(scene.lookup(m, 'topic', 'y')).toEqual(['01(02)'])
  })

  it('that moved are known all the while by who is not linked with the other gateway yet', () => {
    const { scene, edge, g1, g2, m } = edgeScene()
    scene.unlink(g2, m)
    m.changes.length = 0
    scene.unlink(edge, g1)
    scene.link(edge, g2)
    scene.advance(1_000)
    expect(scene.lookup(g1, 'topic', 'x')).toEqual(['01(03)'])
    expect(scene.lookup(m, 'topic', 'x')).toEqual(['01(02)'])
    scene.link(g2, m)
    scene.advance(100)
    expect(scene.lookup(m, 'topic', 'x')).toEqual(['01(03)'])
    expect(m.changes.map(({ type }) => type)).toEqual(['changed'])
  })

  it('that moved and come back are known by all that they want, also what did not change meanwhile', () => {
    const { scene, edge, g1, g2, m } = edgeScene()
    scene.set(edge, 'procedure', 'p')
    scene.advance(100)
    scene.unlink(edge, g1)
    scene.link(edge, g2)
    scene.advance(100)
    scene.unlink(edge, g2)
    scene.link(edge, g1)
    scene.advance(100)
    const found = [scene.lookup(m, 'topic', 'x'), scene.lookup(m, 'procedure', 'p')]
    expect(found).toEqual([['01(02)'], ['01(02)']])
    expect(g1.core.stats()).toMatchObject({ relayed: 2 })
  })

  it('are hidden by a gateway that lies about them only as long as it is there', () => {
    const { scene, edge, g1, g2, m } = edgeScene()
    const lie = { owner: edge.key, life: 9, stamp: 9 }
    const items = [{ pattern: 'lie', detail: {} }]
    const part = { kind: 'topic', life: 1, part: 0, last: true } as const
    const version = g2.core.version('topic')
    const steps: readonly StepMessage[] = [
      { ...part, type: 'entries', from: version, to: version + 1, groups: [{ ...lie, items }] },
      {
        ...{ ...part, type: 'removals', from: version + 1, to: version + 2 },
        groups: [{ ...lie, patterns: ['lie'] }],
      },
    ]
    scene.member(g2, true)
    for (const message of steps)
      m.core.step(scene.nowMs, { type: 'message', from: g2.key, message })
    expect(scene.lookup(m, 'topic', 'x')).toEqual([])
    scene.unlink(g2, m)
    scene.member(g2, false)
    scene.advance(12_000)
    expect(scene.lookup(m, 'topic', 'x')).toEqual(['01(02)'])
    expect(scene.isLinked(edge, g1)).toBe(true)
    expect(m.core.stats()).toMatchObject({ known: 1, nodes: 1, tellers: 1 })
  })

  it('of a gateway that was met through others, where it counts as a member, are known as soon as there is a link', () => {
    const scene = new Scene()
    scene.greets = true
    const [edge, gateway, m] = [scene.add('edge'), scene.add('gateway'), scene.add()]
    scene.set(gateway, 'topic', 'own')
    scene.set(edge, 'topic', 'x')
    scene.link(edge, gateway)
    scene.advance(100)
    Object.assign(gateway, { role: 'member' })
    scene.link(gateway, m)
    scene.advance(100)
    expect(scene.lookup(m, 'topic', 'x')).toEqual([])
    expect(m.refusals.get('ERR_CATALOG_FOREIGN')).toBe(1)
    scene.unlink(gateway, m)
    Object.assign(gateway, { role: 'gateway' })
    scene.link(gateway, m)
    scene.advance(100)
    expect(scene.lookup(m, 'topic', 'x')).toEqual(['01(02)'])
  })

  it('are forgotten a short lease after their link, everywhere', () => {
    const { scene, edge, g1, m } = edgeScene()
    scene.unlink(edge, g1)
    scene.advance(9_000)
    expect(scene.lookup(m, 'topic', 'x')).toEqual(['01(02)'])
    scene.advance(3_000)
    expect(scene.lookup(m, 'topic', 'x')).toEqual([])
    expect(g1.core.stats()).toMatchObject({ relayed: 0, told: 0 })
  })

  it('ML6 are forgotten after the same short lease when its process is restarted meanwhile, however often', () => {
    const { scene, edge, g1, m } = edgeScene()
    scene.unlink(edge, g1)
    for (let round = 0; round < 3; round++) {
      scene.advance(3_000)
      expect(scene.lookup(m, 'topic', 'x')).toEqual(['01(02)'])
      scene.restartProcess(g1)
    }
    scene.advance(3_000)
    expect(scene.lookup(m, 'topic', 'x')).toEqual([])
    expect(g1.core.stats()).toMatchObject({ relayed: 0, told: 0 })
  })

  it('ML34 outlive their gateway by a short lease, what they offer and what it told of itself does not', () => {
    const { scene, edge, g1, m } = edgeScene()
    scene.set(edge, 'procedure', 'p')
    scene.set(g1, 'topic', 'y')
    scene.member(g1, true)
    scene.advance(100)
    expect(scene.lookup(m, 'procedure', 'p')).toEqual(['01(02)'])
    scene.member(g1, false)
    expect(scene.lookup(m, 'topic', 'y')).toEqual([])
    expect(scene.lookup(m, 'procedure', 'p')).toEqual([])
    scene.unlink(g1, m)
    scene.advance(9_000)
    expect(scene.lookup(m, 'topic', 'x')).toEqual(['01(02)'])
    scene.advance(3_000)
    expect(scene.lookup(m, 'topic', 'x')).toEqual([])
    expect(m.core.stats()).toMatchObject({ known: 0, nodes: 0, tellers: 1 })
  })

  it('outlive a restart of their gateway, and then count as they are told anew', () => {
    const { scene, edge, g1, m } = edgeScene()
    scene.set(edge, 'topic', 'old')
    scene.advance(100)
    scene.unlink(edge, g1)
    scene.set(edge, 'topic', 'new')
    scene.restart(g1)
    scene.delete(edge, 'topic', 'old')
    scene.link(g1, m)
    scene.advance(1_000)
    expect(scene.lookup(m, 'topic', 'x')).toEqual(['01(02)'])
    scene.link(edge, g1)
    scene.advance(1_000)
    const found = ['x', 'new', 'old'].map((name) => scene.lookup(m, 'topic', name).join())
    expect(found).toEqual(['01(02)', '01(02)', ''])
    scene.advance(60_000)
    expect(scene.lookup(m, 'topic', 'x')).toEqual(['01(02)'])
    expect(m.core.stats().known).toBe(2)
  })

  it('outlive restarts of their gateway by one lease, however often it is restarted', () => {
    const { scene, edge, g1, m } = edgeScene()
    scene.unlink(edge, g1)
    for (let round = 0; round < 4; round++) {
      expect(scene.lookup(m, 'topic', 'x')).toEqual(['01(02)'])
      scene.restart(g1)
      scene.link(g1, m)
      scene.advance(3_000)
    }
    expect(scene.lookup(m, 'topic', 'x')).toEqual([])
    expect(m.core.stats().known).toBe(0)
  })

  it('are forgotten in time also when the process that knew them is restarted meanwhile', () => {
    const { scene, g1, m } = edgeScene()
    scene.restart(g1)
    scene.link(g1, m)
    scene.advance(1_000)
    scene.restartProcess(m)
    scene.advance(5_000)
    expect(scene.lookup(m, 'topic', 'x')).toEqual(['01(02)'])
    scene.advance(6_000)
    expect(scene.lookup(m, 'topic', 'x')).toEqual([])
  })

  it('whose gateway was restarted take no room from what it tells now', () => {
    const scene = new Scene({ entriesPerNodeMax: 3 })
    const [gateway, edge, m] = [scene.add('gateway'), scene.add('edge'), scene.add()]
    scene.link(gateway, m)
    for (const name of ['a', 'b', 'c']) scene.set(edge, 'topic', name)
    scene.link(edge, gateway)
    scene.advance(100)
    scene.restart(gateway)
    scene.set(gateway, 'topic', 'own')
    scene.link(gateway, m)
    scene.advance(100)
    expect(scene.lookup(m, 'topic', 'own')).toEqual(['01'])
    expect(m.refusals.get('ERR_CATALOG_NODE_MAX')).toBeUndefined()
  })

  it('have so many entries together as a gateway may tell, not one more', () => {
    const scene = new Scene()
    const gateway = scene.add('gateway', { entriesPerNodeMax: 3 })
    const [one, two, m] = [scene.add('edge'), scene.add('edge'), scene.add()]
    scene.link(gateway, m)
    for (const name of ['a', 'b', 'c']) scene.set(one, 'topic', name)
    scene.link(one, gateway)
    scene.advance(100)
    expect(m.core.stats().known).toBe(3)
    scene.set(two, 'topic', 'd')
    scene.link(two, gateway)
    scene.advance(100)
    expect(gateway.refusals.get('ERR_CATALOG_RELAYED_MAX')).toBe(1)
    expect(m.core.stats().known).toBe(3)
    expect(scene.lookup(gateway, 'topic', 'd')).toEqual([two.key.slice(0, 2)])
  })
})

describe('what both sides said in the handshake', () => {
  function apart(): { scene: Scene; a: SceneNode; b: SceneNode } {
    const scene = new Scene()
    scene.greets = true
    const [a, b] = [scene.add(), scene.add()]
    scene.advance(100)
    return { scene, a, b }
  }

  it('spares every word between nodes that have nothing, or hold what there is', () => {
    const { scene, a, b } = apart()
    scene.link(a, b)
    scene.advance(60_000)
    expect(scene.sent).toEqual([])
    expect([a.core.isSynced(b.key), b.core.isSynced(a.key)]).toEqual([true, true])
    scene.set(a, 'topic', 'x')
    scene.advance(100)
    expect(scene.known(b, a, 'topic')).toBe(scene.truth(a, 'topic'))
    scene.unlink(a, b)
    scene.advance(100)
    scene.sent.length = 0
    scene.link(a, b)
    scene.advance(60_000)
    expect(scene.sent).toEqual([])
    expect([a.core.isSynced(b.key), b.core.isSynced(a.key)]).toEqual([true, true])
  })

  it('is asked after when it is more than is held, and followed by what has changed since', () => {
    const { scene, a, b } = apart()
    scene.set(a, 'topic', 'x')
    scene.advance(100)
    scene.advance(100)
    // Between the hello and the link.
    scene.set(a, 'topic', 'y')
    scene.link(a, b)
    expect(b.core.isSynced(a.key)).toBe(false)
    scene.advance(100)
    expect(scene.known(b, a, 'topic')).toBe(scene.truth(a, 'topic'))
    expect(b.core.isSynced(a.key)).toBe(true)
  })

  it('ends entries that are gone without a word', () => {
    const { scene, a, b } = apart()
    scene.set(a, 'topic', 'x')
    scene.link(a, b)
    scene.advance(100)
    scene.unlink(a, b)
    scene.delete(a, 'topic', 'x')
    scene.advance(100)
    scene.advance(100)
    scene.sent.length = 0
    scene.link(a, b)
    expect(scene.known(b, a, 'topic')).toBe('')
    expect(b.core.isSynced(a.key)).toBe(true)
    scene.advance(60_000)
    expect(scene.sent).toEqual([])
  })
})
