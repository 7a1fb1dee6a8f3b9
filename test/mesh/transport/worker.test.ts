import { afterEach, expect } from 'vitest'
import { createWorkerTransport, Line, Switchboard } from '../../../mesh/transport/worker.ts'
import type { WorkerEndpoint } from '../../../mesh/transport/worker/endpoint.ts'
import { createRealClock, createSimClock } from '../../../runtime/index.ts'
import { describeTransport } from '../../conformance/transport.ts'
import type { TransportWorld } from '../../conformance/transport-world.ts'

const STEPS_MAX = 20_000

/** Message ports pass between turns of the real loop; time is virtual. */
const real = createRealClock()
const turn = (): Promise<void> => new Promise((resolve) => real.nextTurn(resolve))

const boards: Switchboard[] = []

/** Nodes in one thread, joined by real message ports. */
function workerWorld(): TransportWorld {
  const clock = createSimClock()
  const switchboard = new Switchboard()
  boards.push(switchboard)
  return {
    host: '127.0.0.1',
    transport: (limits) =>
      createWorkerTransport(new Line(switchboard.connect()), { clock, ...limits }),
    nowMs: () => clock.now(),
    kill: (endpoint) => (endpoint as WorkerEndpoint).kill(),
    until: async (condition, what) => {
      await turn()
      for (let step = 0; !condition(); step++) {
        if (step > STEPS_MAX) expect.fail(`waited in vain for ${what}`)
        await clock.advance(1)
        await turn()
      }
    },
  }
}

afterEach(() => {
  for (const switchboard of boards.splice(0)) switchboard.close()
})

describeTransport('worker', workerWorld)
