/**
 * The process `catalog`. It owns the driver's alarm, its handlers at links, members and the courier, and its crashes;
 * the work is in `driver.ts`. A restarted one begins with what the former knew of others, and asks whoever is linked
 * for what is new; what this node wants and offers stands in the memory beside.
 */
import type { Server } from '../../behaviours/index.ts'
import { driverServer } from '../driver-process.ts'
import type { DriverApi } from '../driver-process.ts'
import { CatalogDriver } from './driver.ts'
import type { CatalogContext } from './driver.ts'
import { CATALOG_WIRE_TYPES } from './protocol.ts'
import { UplinkDriver } from './uplink-driver.ts'
import type { UplinkContext } from './uplink-driver.ts'

/** Starts and serves the catalog of a member. */
export const CatalogServer: Server<DriverApi, CatalogContext> = driverServer(
  'fovea.catalog/1',
  (context: CatalogContext, ties) => {
    const driver = new CatalogDriver(context, ties)
    listen(context, driver, ties.signal)
    return driver
  },
)

/** Starts and serves the catalog of a peer at the edge. */
export const UplinkServer: Server<DriverApi, UplinkContext> = driverServer(
  'fovea.catalog.uplink/1',
  (context: UplinkContext, ties) => {
    const { pool, courier } = context
    const driver = new UplinkDriver(context, ties)
    const release = [
      ...CATALOG_WIRE_TYPES.map((type) =>
        courier.handle(type, type, (origin, of, payload) => driver.frame(origin, of, payload)),
      ),
      courier.onDrain((peer) => driver.drained(peer)),
      courier.onGone((node) => driver.gone(node)),
      pool.onLink((event) => driver.link(event)),
    ]
    ties.signal.addEventListener('abort', () => {
      for (const off of release) off()
      driver.close()
    })
    driver.begin()
    return driver
  },
)

/** Until the process dies, however it dies. */
function listen(context: CatalogContext, driver: CatalogDriver, signal: AbortSignal): void {
  const { pool, edges, view, courier } = context
  const release = [
    ...CATALOG_WIRE_TYPES.map((type) =>
      courier.handle(type, type, (origin, of, payload) => driver.frame(origin, of, payload)),
    ),
    courier.onDrain((peer) => driver.drained(peer)),
    pool.onLink((event) => driver.link(event)),
    ...(edges === undefined ? [] : [edges.onLink((event) => driver.link(event))]),
    view.subscribe((event) => driver.member(event)),
  ]
  signal.addEventListener('abort', () => {
    for (const off of release) off()
    driver.close()
  })
  driver.begin()
}
