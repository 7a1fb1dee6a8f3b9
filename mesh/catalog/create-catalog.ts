/** Puts together the catalog of a member: what its services read, and the process behind it. */
import type { ChildSpec } from '../../behaviours/index.ts'
import type { Codec } from '../wire/codec.ts'
import type { Catalog } from './catalog.ts'
import { CatalogServer } from './catalog-server.ts'
import { CatalogDriver } from './driver.ts'
import type { CatalogContext } from './driver.ts'
import { CatalogFunctions } from './functions.ts'
import { catalogMemory } from './memory.ts'
import type { CatalogMemory } from './memory.ts'
import { CatalogProtocol } from './protocol.ts'
import { catalogSettings } from './settings.ts'
import type { CatalogOptions } from './settings.ts'

/** What it works with; see {@link CatalogContext}. */
export interface CatalogParts extends Omit<CatalogContext, 'settings' | 'protocol' | 'memory'> {
  /** For the messages of the mesh itself. */
  readonly codec: Codec
  readonly options?: CatalogOptions | undefined
}

/** A catalog and its process. */
export interface CreatedCatalog {
  readonly catalog: Catalog
  /** To be started beside the other services. */
  readonly child: ChildSpec
  /** Whatever that node wants or offers is over: a gateway says so of a peer at its edge that is gone for good. */
  forget(node: string): void
  /** True when every linked peer has acknowledged what this node wants and offers. */
  isTold(): boolean
  /** The one that runs; for tests and metrics. */
  driver(): CatalogDriver | undefined
}

/** The catalog of a member. Throws an `OptionError`. */
export function createCatalog(parts: CatalogParts): CreatedCatalog {
  const { codec, options, ...rest } = parts
  const settings = catalogSettings(options)
  const memory = catalogMemory()
  const protocol = new CatalogProtocol(codec, settings.detailBytesMax)
  const context: CatalogContext = { ...rest, settings, protocol, memory }
  return {
    catalog: new CatalogFunctions({ memory, settings }),
    child: CatalogServer.child(context, { id: 'catalog' }),
    forget: (node) => running(memory)?.forget(node),
    isTold: () => running(memory)?.isTold ?? false,
    driver: () => running(memory),
  }
}

function running({ running: driver }: CatalogMemory): CatalogDriver | undefined {
  return driver instanceof CatalogDriver ? driver : undefined
}
