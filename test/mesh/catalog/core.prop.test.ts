import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CatalogKind } from '../../../mesh/catalog/catalog.ts'
import { Scene } from './catalog-scene.ts'
import type { SceneNode } from './catalog-scene.ts'

type Act =
  | {
      readonly type: 'set' | 'delete'
      readonly node: number
      readonly what: number
      readonly detail: number
    }
  | { readonly type: 'link' | 'unlink'; readonly node: number; readonly other: number }
  | { readonly type: 'full' | 'refuse' | 'drain'; readonly node: number; readonly other: number }
  | { readonly type: 'restart' | 'process'; readonly node: number }
  | { readonly type: 'wait'; readonly ms: number }

const NODES = 4
const FILTERS = ['a', 'a.b', 'a.b.c', 'a.*', 'a.**', '**', 'b.*.c', '$sys.x', 'c.d', 'c.**.d']

const node = fc.nat(NODES - 1)
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom('set', 'set', 'delete'),
      node,
      what: fc.nat(2 * FILTERS.length - 1),
      detail: fc.nat(2),
    }) as fc.Arbitrary<Act>,
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom('link', 'link', 'unlink', 'full', 'refuse', 'drain'),
      node,
      other: node,
    }) as fc.Arbitrary<Act>,
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom('restart', 'process'),
      node,
    }) as fc.Arbitrary<Act>,
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('wait'), ms: fc.nat(12) }) as fc.Arbitrary<Act>,
  },
)

function play(scene: Scene, nodes: readonly SceneNode[], one: Act): void {
  switch (one.type) {
    case 'set':
    case 'delete': {
      const kind: CatalogKind = one.what % 2 === 0 ? 'topic' : 'procedure'
      const pattern = FILTERS[one.what >> 1]!
      const at = nodes[one.node]!
      if (one.type === 'delete') return scene.delete(at, kind, pattern)
      return scene.set(at, kind, pattern, one.detail === 0 ? {} : { plain: one.detail })
    }
    case 'wait':
      return scene.advance(one.ms)
    case 'restart':
      return scene.restart(nodes[one.node]!)
    case 'process':
      return scene.restartProcess(nodes[one.node]!)
    default: {
      const a = nodes[one.node]!
      const b = nodes[one.other]!
      if (a === b) return
      if (one.type === 'link') return scene.link(a, b)
      if (one.type === 'unlink') return scene.unlink(a, b)
      if (one.type === 'drain') return scene.drain(a, b)
      if (one.type === 'full') return void a.full.add(b.key)
      return void a.refusing.add(b.key)
    }
  }
}

function settle(scene: Scene, nodes: readonly SceneNode[]): void {
  for (const a of nodes) for (const b of nodes) scene.drain(a, b)
  scene.advance(120_000)
}

function expectTruth(scene: Scene, nodes: readonly SceneNode[]): void {
  for (const a of nodes) {
    for (const b of nodes) {
      if (a === b || !scene.isLinked(a, b)) continue
      for (const kind of ['topic', 'procedure'] as const) {
        expect(scene.known(a, b, kind)).toBe(scene.truth(b, kind))
      }
      expect(a.core.isSynced(b.key)).toBe(true)
    }
  }
}

describe('the catalog core under random changes', () => {
  it('PS8 knows exactly the truth of every linked peer after quiet, whatever links and processes did', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 80 }), fc.boolean(), (acts, greets) => {
        const scene = new Scene({ frameBytesMax: 2_048 })
        scene.greets = greets
        const nodes = Array.from({ length: NODES }, () => scene.add())
        for (const one of acts) play(scene, nodes, one)
        settle(scene, nodes)
        expectTruth(scene, nodes)
      }),
      { seed: 8, numRuns: 400 },
    )
  })

  it('heals although messages are lost on links that stand', () => {
    fc.assert(
      fc.property(
        fc.array(act, { maxLength: 60 }),
        fc.integer({ min: 2, max: 9 }),
        fc.boolean(),
        (acts, every, greets) => {
          const scene = new Scene({ frameBytesMax: 2_048 })
          scene.greets = greets
          const nodes = Array.from({ length: NODES }, () => scene.add())
          let count = 0
          scene.loses = () => ++count % every === 0
          for (const one of acts) play(scene, nodes, one)
          scene.loses = () => false
          settle(scene, nodes)
          expectTruth(scene, nodes)
        },
      ),
      { seed: 9, numRuns: 300 },
    )
  })

  it('tells every change of the entries of others: what was told adds up to what is known', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
        const scene = new Scene()
        const nodes = Array.from({ length: NODES }, () => scene.add())
        const noRestart = acts.filter(({ type }) => type !== 'restart')
        for (const one of noRestart) play(scene, nodes, one)
        settle(scene, nodes)
        for (const { core, changes } of nodes) {
          const told = new Map<string, string>()
          for (const { type, entry } of changes) {
            const id = `${entry.kind} ${entry.node} ${entry.pattern}`
            expect(told.has(id)).toBe(type !== 'added')
            if (type === 'removed') told.delete(id)
            else told.set(id, JSON.stringify(entry.detail))
          }
          const known = [...core.entries('topic'), ...core.entries('procedure')].map(
            ({ kind, node: of, pattern, detail }) =>
              [`${kind} ${of} ${pattern}`, JSON.stringify(detail)] as const,
          )
          expect(new Map(known)).toEqual(told)
        }
      }),
      { seed: 10, numRuns: 200 },
    )
  })
})
