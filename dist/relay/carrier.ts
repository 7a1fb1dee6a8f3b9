/** What a channel to a peer needs of what carries it: a link, or a session through others that behaves like one. */
import type { LaneName, PeerInfo } from '../../mesh/index.ts'

/** The part of a link that distribution uses; see `Link`. */
export interface Carrier {
  readonly peer: PeerInfo
  /** Bytes that the other side has not got yet, as far as known here. */
  readonly bytesQueued: number
  /** Whether `bytesQueued` counts what the other side has not acknowledged; `onDrain` tells then when nothing is left. */
  readonly acknowledges?: boolean
  /** As `Link.send` on the dist lane. */
  send(lane: 'dist', frame: Uint8Array, rest?: Uint8Array): boolean
  onDrain(fn: (lane: LaneName) => void): () => void
  /** Ends it for cause; its end is told as any other. */
  fail(code: string, message: string): void
}
