import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CATALOG_KINDS } from '../../../mesh/catalog/message.ts'
import { Scene } from './catalog-scene.ts'
import type { SceneNode } from './catalog-scene.ts'

type Act =
  | { readonly type: 'set' | 'delete'; readonly edge: number; readonly what: number }
  | {
      readonly type: 'move'
      readonly edge: number
      readonly gateway: number
      /** Whether the gateway before knows that the peer has gone. */
      readonly isNoticed: boolean
    }
  | { readonly type: 'away' | 'life'; readonly edge: number }
  | { readonly type: 'process' | 'restart' | 'down' | 'up'; readonly gateway: number }
  | { readonly type: 'cut' | 'join'; readonly one: number; readonly other: number }
  | { readonly type: 'wait'; readonly ms: number }

const FILTERS = ['a', 'a.b', 'c']
const EDGES = 2
const GATEWAYS = 3

const edge = fc.nat(EDGES - 1)
const gateway = fc.nat(GATEWAYS - 1)
const member = fc.nat(GATEWAYS)

function some(
  weight: number,
  types: readonly Act['type'][],
  more: Readonly<Record<string, fc.Arbitrary<unknown>>>,
): { weight: number; arbitrary: fc.Arbitrary<Act> } {
  const arbitrary = fc.record({ type: fc.constantFrom(...types), ...more })
  return { weight, arbitrary: arbitrary as unknown as fc.Arbitrary<Act> }
}

const act: fc.Arbitrary<Act> = fc.oneof(
  some(5, ['set', 'delete', 'delete'], { edge, what: fc.nat(2 * FILTERS.length - 1) }),
  some(5, ['move'], { edge, gateway, isNoticed: fc.boolean() }),
  some(2, ['away', 'life'], { edge }),
  some(2, ['process', 'restart', 'down', 'up'], { gateway }),
  some(2, ['cut', 'join'], { one: member, other: member }),
  some(6, ['wait'], { ms: fc.oneof(fc.nat(12), fc.nat(6_000)) }),
)

/** Peers that wander between three gateways, and a member. */
class Wanderers {
  readonly scene = new Scene({ leaseMs: 20_000 })
  readonly edges: readonly SceneNode[]
  readonly members: readonly SceneNode[]
  /** Pairs of whose link only the gateway does not know that it is over. */
  readonly #stale = new Set<string>()

  constructor(greets: boolean) {
    const { scene } = this
    scene.greets = greets
    scene.loses = ({ from, to }) =>
      this.#stale.has(`${from} ${to}`) || this.#stale.has(`${to} ${from}`)
    this.edges = Array.from({ length: EDGES }, () => this.#begins(scene.add('edge')))
    const gateways = Array.from({ length: GATEWAYS }, () => scene.add('gateway'))
    this.members = [...gateways, scene.add()]
    for (const each of this.members) scene.set(each, 'topic', 'own')
    this.#joinAll()
    scene.advance(100)
  }

  play(one: Act): void {
    const { scene, edges, members } = this
    switch (one.type) {
      case 'set':
      case 'delete':
        return scene[one.type](
          edges[one.edge]!,
          CATALOG_KINDS[one.what % 2]!,
          FILTERS[one.what >> 1]!,
        )
      case 'move':
        return this.#move(edges[one.edge]!, members[one.gateway]!, one.isNoticed)
      case 'away':
        return this.#leave(edges[one.edge]!)
      case 'life': {
        this.#leave(edges[one.edge]!)
        scene.restart(edges[one.edge]!)
        return void this.#begins(edges[one.edge]!)
      }
      case 'process':
        return scene.restartProcess(members[one.gateway]!)
      case 'restart':
        return this.#restart(members[one.gateway]!)
      case 'down':
      case 'up':
        return scene.member(members[one.gateway]!, one.type === 'up')
      case 'cut':
      case 'join': {
        const [a, b] = [members[one.one]!, members[one.other]!]
        if (a === b) return
        return one.type === 'cut' ? scene.unlink(a, b) : scene.link(a, b)
      }
      case 'wait':
        return scene.advance(one.ms)
    }
  }

  /** Everybody is linked, and the peers with the first gateway. */
  calm(): void {
    this.#joinAll()
    for (const each of this.edges) {
      this.#leave(each)
      this.scene.link(each, this.members[0]!)
    }
  }

  takeBack(): void {
    for (const each of this.edges) {
      for (const kind of CATALOG_KINDS) {
        for (const pattern of Array.from(each.own[kind].keys())) {
          this.scene.delete(each, kind, pattern)
        }
      }
    }
  }

  /** What members know of peers that is not so; as text. */
  wrong(): string[] {
    const { scene, members, edges } = this
    return members.flatMap((at) =>
      edges.flatMap((of) =>
        CATALOG_KINDS.flatMap((kind) => {
          const [known, truth] = [scene.known(at, of, kind), scene.truth(of, kind)]
          return known === truth ? [] : [`${at.key}: ${known} of ${of.key}, not ${truth}`]
        }),
      ),
    )
  }

  /** A peer always has something: of who has nothing its gateway says nothing. */
  #begins(at: SceneNode): SceneNode {
    for (const kind of CATALOG_KINDS) this.scene.set(at, kind, 'own')
    return at
  }

  #joinAll(): void {
    for (const one of this.members) {
      this.scene.member(one, true)
      for (const other of this.members) if (one !== other) this.scene.link(one, other)
    }
  }

  #move(at: SceneNode, to: SceneNode, isNoticed: boolean): void {
    for (const each of this.members) {
      if (!this.scene.isLinked(at, each)) continue
      if (isNoticed || each === to) this.#leave(at)
      else this.#stale.add(`${at.key} ${each.key}`)
    }
    this.scene.link(at, to)
  }

  #leave(at: SceneNode): void {
    for (const each of this.members) {
      this.#stale.delete(`${at.key} ${each.key}`)
      this.scene.unlink(at, each)
    }
  }

  #restart(at: SceneNode): void {
    const { scene } = this
    for (const each of this.edges) this.#stale.delete(`${each.key} ${at.key}`)
    scene.restart(at)
    scene.set(at, 'topic', 'own')
    for (const each of this.members) {
      if (each !== at) at.core.step(scene.nowMs, { type: 'member', node: each.key, there: true })
    }
  }
}

describe('peers at the edge under random changes', () => {
  it('ML6 PS8 are known by what they say last, wherever they went, and by nothing that they took back', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), fc.boolean(), (acts, greets) => {
        const world = new Wanderers(greets)
        for (const one of acts) world.play(one)
        world.calm()
        world.scene.advance(300)
        const wrong = world.wrong()
        world.takeBack()
        world.scene.advance(300)
        wrong.push(...world.wrong())
        world.scene.advance(60_000)
        expect([...wrong, ...world.wrong()]).toEqual([])
        for (const { core } of world.members) {
          expect(core.stats()).toMatchObject({ relayed: 0, nodes: GATEWAYS, known: GATEWAYS })
        }
      }),
      { seed: 11, numRuns: 20 },
    )
  })
})
