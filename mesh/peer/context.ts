/** What the processes of a peer work with. */
import type { Clock } from '../../runtime/index.ts'
import type { MeshCore } from '../core.ts'
import type { DialTarget } from '../link/dialer.ts'
import type { PeerMemory } from './memory.ts'
import type { PeerSettings } from './options.ts'

/** Shared by the processes of one peer. */
export interface PeerContext {
  readonly core: MeshCore
  readonly clock: Clock
  readonly settings: PeerSettings
  readonly targets: readonly DialTarget[]
  readonly memory: PeerMemory
}
