/** Worlds of real QUIC endpoints, for the kit and for tests of the QUIC transport itself. */
import { expect } from 'vitest'
import { createQuicTransport } from '../../mesh/transport/quic/index.ts'
import type { QuicOptions } from '../../mesh/transport/quic/index.ts'
import type { QuicEndpoint } from '../../mesh/transport/quic/endpoint.ts'
import type { Endpoint } from '../../mesh/transport/transport.ts'
import { createRealClock } from '../../runtime/index.ts'
import type { TransportWorld } from '../conformance/transport-world.ts'

/** An event that has not come by then will not come. */
const DEADLINE_MS = 10_000

/** A world on the loopback interface of this machine. */
export function quicWorld(host = '127.0.0.1', options: QuicOptions = {}): TransportWorld {
  const clock = createRealClock()
  return {
    host,
    transport: (limits) => createQuicTransport({ ...options, ...limits }),
    nowMs: () => clock.now(),
    kill: (endpoint) => (endpoint as QuicEndpoint).kill(),
    until: async (condition, what) => {
      const deadlineMs = clock.now() + DEADLINE_MS
      while (!condition()) {
        if (clock.now() > deadlineMs) expect.fail(`waited in vain for ${what}`)
        // A turn of the loop at a time, no busier than the timers need.
        await new Promise<void>((resolve) => clock.setTimer(1, resolve))
      }
    },
  }
}

/** Sizes of everything that could leak in an endpoint. */
export function sizesOf(endpoint: Endpoint): Readonly<Record<string, number>> {
  return (endpoint as QuicEndpoint).sizes
}
