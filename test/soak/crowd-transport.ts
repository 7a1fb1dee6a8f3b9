/**
 * QUIC of the processes of `crowd.soak.ts`, patient: on a machine that does other things a handshake takes long, and one that
 * is given up and begun again takes longer. Few packets only keep connections, which would be most of what there is to do.
 */
import { LINK_STREAMS_MAX } from '../../mesh/link/lanes.ts'
import { createQuicTransport } from '../../mesh/transport/quic/index.ts'
import type { Transport } from '../../mesh/transport/transport.ts'

/** For the handshake of a connection, of a link, and of a peer with its gateway. */
export const PATIENCE_MS = 60_000

/**
 * Until a connection that says nothing is over. One whose last word was lost, as of thousands that leave at once some are, is
 * over with the next packet that only keeps it, after a third of that.
 */
export const IDLE_MS = 180_000

/** With room for so many connections. */
export function crowdTransport(connectionsMax: number): Transport {
  return createQuicTransport({
    ...{ connectionsMax, streamsMax: LINK_STREAMS_MAX, idleTimeoutMs: IDLE_MS },
    ...{ handshakeTimeoutMs: PATIENCE_MS, dialTimeoutMs: PATIENCE_MS },
  })
}
