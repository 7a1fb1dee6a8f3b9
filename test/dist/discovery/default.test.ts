import { expect, it } from 'vitest'
import { NodeDiscovery, staticNodes } from '../../../dist/index.ts'

it('discovery of the default node refuses with ERR_CLUSTER_NOT_STARTED before there is one', async () => {
  const code = 'ERR_CLUSTER_NOT_STARTED'
  for (const ask of [
    () => NodeDiscovery.registerNode(),
    () => NodeDiscovery.lookupNode('a'),
    () => NodeDiscovery.findNodes(),
    () => NodeDiscovery.formed(),
    () => NodeDiscovery.addStrategy(staticNodes([])),
  ]) {
    await expect(ask()).rejects.toMatchObject({ code })
  }
  for (const ask of [() => NodeDiscovery.listNodes(), () => NodeDiscovery.stats()]) {
    expect(ask).toThrow(expect.objectContaining({ code }))
  }
})
