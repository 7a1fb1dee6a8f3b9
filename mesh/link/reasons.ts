/**
 * Why a link that was up went down. The words are those of noex's `nodeDown` (architecture 7).
 *
 * - `heartbeat_timeout`: the peer fell silent.
 * - `connection_closed`: the connection ended without a goodbye: crash, protocol error, replaced.
 * - `graceful_shutdown`: the peer said goodbye, or we did.
 * - `idle`: nobody needed the link. Both nodes live on and dial again when they need one.
 */
export type LinkDownReason =
  'heartbeat_timeout' | 'connection_closed' | 'graceful_shutdown' | 'idle'
