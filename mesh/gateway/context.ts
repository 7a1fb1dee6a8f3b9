/** What the processes of a gateway work with. */
import type { Clock } from '../../runtime/index.ts'
import type { MeshCore } from '../core.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { EdgeLinks } from '../link/edge-links.ts'
import type { Rpc } from '../rpc/rpc.ts'
import type { GatewayMemory } from './memory.ts'
import type { GatewaySettings, ResolvedHealthOptions } from './options.ts'

/** What a gateway uses of the services of its node. */
export interface GatewayServices {
  readonly rpc: Pick<Rpc, 'advertise'>
  readonly catalog: Pick<Catalog, 'entries'>
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
