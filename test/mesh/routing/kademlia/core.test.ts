import { describe, expect, it } from 'vitest'
import { FakeNetwork } from './fake-network.ts'

describe('RoutingCore', () => {
  it('K40 K19 nodes that join through one seed find the nearest of all', () => {
    const network = new FakeNetwork(1)
    network.grow(60)
    network.run(5_000)
    for (const node of network.nodes) expect(node.count('bootstrapped')).toBeGreaterThan(0)
    for (let n = 0; n < 60; n++) {
      const origin = network.nodes[n]!
      const target = network.key()
      const lookupId = network.lookup(origin, target)
      network.run(2_000)
      const found = origin.result(lookupId)
      expect(found?.reason).toBe('converged')
      expect(found?.closest.map(({ id }) => id)).toEqual(network.nearest(target, 20, origin))
    }
  })
})
