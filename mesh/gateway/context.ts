/** What the processes of a gateway work with. */
import type { Clock } from '../../runtime/index.ts'
import type { MeshCore } from '../core.ts'
import type { EdgeLinks } from '../link/edge-links.ts'
import type { GatewayMemory } from './memory.ts'
import type { GatewaySettings, ResolvedHealthOptions } from './options.ts'

/** A procedure of the gateway itself: takes the arguments of a call and gives the result. */
export type GatewayProcedure = (input: unknown, caller: string) => unknown

/** What a gateway uses of the services of its node. */
export interface GatewayServices {
  /** Serves a procedure to everybody; gives the way to stop. */
  serve(procedure: string, handler: GatewayProcedure): () => void
  /** Whether that node wants or offers anything. */
  hasEntries(node: string): boolean
}

/** Shared by the processes of one gateway. */
export interface GatewayContext {
  readonly core: MeshCore
  readonly edges: EdgeLinks
  readonly clock: Clock
  readonly settings: GatewaySettings
  readonly health: ResolvedHealthOptions | undefined
  /** Undefined for a node without services. */
  readonly services: GatewayServices | undefined
  readonly memory: GatewayMemory
}
