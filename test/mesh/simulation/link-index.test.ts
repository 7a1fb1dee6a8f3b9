import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Protocol } from '../../../mesh/simulation/boundary.ts'
import { LinkIndex } from '../../../mesh/simulation/link-index.ts'
import { SimulatedNode, type SimulatedLink } from '../../../mesh/simulation/simulated-node.ts'

const nodes = Array.from(
  { length: 64 },
  (_, index) => new SimulatedNode<Protocol>(index, `n${index}`, 'sim', index),
)

function linkOf(
  dialler: SimulatedNode<Protocol>,
  acceptor: SimulatedNode<Protocol>,
  dial: number,
): SimulatedLink<Protocol> {
  return {
    dialler,
    acceptor,
    diallerLife: dialler.life,
    acceptorLife: acceptor.life,
    up: true,
    usedMs: 0,
    older: undefined,
    newer: undefined,
    dial,
    waiting: undefined,
  }
}

describe('LinkIndex', () => {
  it('is a map from pairs in order to links, through growth and every way of taking out', () => {
    const node = fc.nat({ max: nodes.length - 1 })
    const change = fc.record({ from: node, to: node, takesOut: fc.boolean() })
    fc.assert(
      fc.property(fc.array(change, { minLength: 2_000, maxLength: 2_400 }), (changes) => {
        const index = new LinkIndex<Protocol>(nodes.length)
        const model = new Map<string, SimulatedLink<Protocol>>()
        for (const [dial, { from, to, takesOut }] of changes.entries()) {
          const key = `${from} ${to}`
          if (takesOut) {
            index.delete(nodes[from]!, nodes[to]!)
            model.delete(key)
          } else {
            const link = linkOf(nodes[from]!, nodes[to]!, dial)
            index.set(nodes[from]!, nodes[to]!, link)
            model.set(key, link)
          }
        }
        const wrong = nodes.flatMap((from) =>
          nodes.filter((to) => index.get(from, to) !== model.get(`${from.index} ${to.index}`)),
        )
        expect(wrong).toEqual([])
      }),
      { seed: 6, numRuns: 3 },
    )
  })

  it('forgets what an earlier life of the node knew, not what the other end knows', () => {
    const index = new LinkIndex<Protocol>(2)
    const [a, b] = [
      new SimulatedNode<Protocol>(0, 'a', 'sim', 0),
      new SimulatedNode<Protocol>(1, 'b', 'sim', 1),
    ]
    const link = linkOf(a, b, 0)
    index.set(a, b, link)
    index.set(b, a, link)
    a.life++
    expect([index.get(a, b), index.get(b, a)]).toEqual([undefined, link])
  })
})
