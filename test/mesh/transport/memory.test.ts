import { expect } from 'vitest'
import { MemoryNetwork } from '../../../mesh/transport/memory.ts'
import { addressKey } from '../../../mesh/transport/memory/places.ts'
import { createSeededEntropy, createSimClock } from '../../../runtime/index.ts'
import { describeTransport } from '../../conformance/transport.ts'
import type { TransportWorld } from '../../conformance/transport-world.ts'

const STEPS_MAX = 60_000

/** One network whose limits may differ per node. */
function memoryWorld(conditions: { jitterMs?: number; lossRatio?: number } = {}): TransportWorld {
  const clock = createSimClock()
  const entropy = createSeededEntropy(1)
  const network = new MemoryNetwork({ clock, entropy, latencyMs: 2, ...conditions })
  return {
    host: '127.0.0.1',
    transport: (limits) => network.transport(limits),
    nowMs: () => clock.now(),
    kill: (endpoint) => network.kill(addressKey(endpoint.address)),
    until: async (condition, what) => {
      await clock.settle()
      for (let step = 0; !condition(); step++) {
        if (step > STEPS_MAX) expect.fail(`waited in vain for ${what}`)
        await clock.advance(1)
      }
    },
  }
}

describeTransport('memory', () => memoryWorld())
describeTransport('memory with jitter', () => memoryWorld({ jitterMs: 10 }), ['streams', 'endings'])
