/** Puts together the catalog of a member: what its services read, and the process behind it. */
import type { ChildSpec } from '../../behaviours/index.ts'
import type { Codec } from '../wire/codec.ts'
import type { Catalog } from './catalog.ts'
import { CatalogServer, UplinkServer } from './catalog-server.ts'
import { CatalogDriver } from './driver.ts'
import type { CatalogContext } from './driver.ts'
import { CatalogFunctions } from './functions.ts'
import { catalogMemory } from './memory.ts'
import type { CatalogMemory } from './memory.ts'
import { CATALOG_KINDS } from './message.ts'
import { CatalogProtocol } from './protocol.ts'
import { catalogSettings } from './settings.ts'
import type { CatalogOptions } from './settings.ts'
import { UplinkDriver } from './uplink-driver.ts'
import type { UplinkContext } from './uplink-driver.ts'

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
  /** True when every linked peer has acknowledged what this node wants and offers. */
  isTold(): boolean
  /** What this node says in its next hello; see `HelloMessage.states`. */
  states(): readonly number[]
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
    isTold: () => running(memory)?.isTold ?? false,
    states: () => running(memory)?.states() ?? [],
    driver: () => running(memory),
  }
}

/** What the catalog of an edge peer works with; see {@link UplinkContext}. */
export interface UplinkCatalogParts extends Omit<
  UplinkContext,
  'settings' | 'protocol' | 'memory'
> {
  readonly codec: Codec
  readonly options?: CatalogOptions | undefined
}

/** A catalog of an edge peer and its process. */
export interface CreatedUplinkCatalog extends Pick<CreatedCatalog, 'catalog' | 'child' | 'isTold'> {
  /** The peer goes for good: its gateway is told that it wants and offers nothing any more. */
  leave(): void
}

/** The catalog of a peer at the edge, which tells and asks its gateway. Throws an `OptionError`. */
export function createUplinkCatalog(parts: UplinkCatalogParts): CreatedUplinkCatalog {
  const { codec, options, ...rest } = parts
  const settings = catalogSettings(options)
  const memory = catalogMemory()
  const protocol = new CatalogProtocol(codec, settings.detailBytesMax)
  const context: UplinkContext = { ...rest, settings, protocol, memory }
  return {
    catalog: new CatalogFunctions({ memory, settings }),
    child: UplinkServer.child(context, { id: 'catalog' }),
    isTold: () => memory.running instanceof UplinkDriver && memory.running.isTold,
    leave: () => {
      for (const kind of CATALOG_KINDS) memory.own[kind].clear()
      if (memory.running instanceof UplinkDriver) memory.running.leave()
    },
  }
}

function running({ running: driver }: CatalogMemory): CatalogDriver | undefined {
  return driver instanceof CatalogDriver ? driver : undefined
}
