/** The transport of a node: the one that it was given, or QUIC. */
import { LINK_STREAMS_MAX } from './link/lanes.ts'
import type { ResolvedMeshOptions } from './options.ts'
import type { Transport } from './transport/transport.ts'

/**
 * Loads it; rejects with `ERR_TRANSPORT_UNAVAILABLE` on a platform without QUIC. `connectionsMax` bounds QUIC; a transport
 * that was given has limits of its own.
 */
export async function openTransport(
  options: Pick<ResolvedMeshOptions, 'transport' | 'clock' | 'entropy' | 'logger'>,
  connectionsMax: number,
): Promise<Transport> {
  if (options.transport !== 'quic') return options.transport
  // Lazy: the binding costs 13 ms and 45 MiB, and does not exist on every platform.
  const { createQuicTransport } = await import('./transport/quic/index.ts')
  const { clock, entropy, logger } = options
  return createQuicTransport({
    ...{ clock, entropy, logger, connectionsMax },
    streamsMax: LINK_STREAMS_MAX,
  })
}
