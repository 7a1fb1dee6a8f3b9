import { describe, expect, it } from 'vitest'
import { createSeededEntropy, createSimClock } from '../../../runtime/index.ts'
import { TRANSPORT_LIMITS } from '../../../mesh/transport/limits.ts'
import type { TransportLimits } from '../../../mesh/transport/limits.ts'
import { resolveMemoryOptions } from '../../../mesh/transport/memory/options.ts'
import { resolveQuicOptions } from '../../../mesh/transport/quic/config.ts'
import { resolveWorkerOptions } from '../../../mesh/transport/worker/options.ts'

const TRANSPORTS: Readonly<
  Record<string, (given: TransportLimits) => Readonly<Required<TransportLimits>>>
> = {
  quic: resolveQuicOptions,
  worker: resolveWorkerOptions,
  memory: (given) =>
    resolveMemoryOptions({
      clock: createSimClock(),
      entropy: createSeededEntropy(1),
      ...given,
    }),
}

describe.each(Object.entries(TRANSPORTS))('the limits of the %s transport', (_name, resolve) => {
  it('are those of every transport, and the keepalive a third of the idle timeout', () => {
    expect(resolve({})).toMatchObject({ ...TRANSPORT_LIMITS, keepaliveIntervalMs: 3_333 })
    expect(resolve({ idleTimeoutMs: 900 }).keepaliveIntervalMs).toBe(300)
    expect(resolve({ keepaliveIntervalMs: Infinity }).keepaliveIntervalMs).toBe(Infinity)
  })

  it.each([
    [{ idleTimeoutMs: 1_000, keepaliveIntervalMs: 1_000 }, 'keepaliveIntervalMs'],
    [{ streamHighWaterBytes: 2_048, streamQueueBytesMax: 2_047 }, 'streamHighWaterBytes'],
    [{ connectionsMax: 0 }, 'connectionsMax'],
    [{ connectionsMax: 1_000_001 }, 'connectionsMax'],
    [{ datagramQueueMax: 65_537 }, 'datagramQueueMax'],
  ])('%j is refused by name', (given, option) => {
    expect(() => resolve(given)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID', option }),
    )
  })
})
