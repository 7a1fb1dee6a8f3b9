/**
 * The process of presence. It owns the alarm, the handlers at courier and catalog, and the crashes; the work is in
 * `driver.ts`. A restarted one goes on with what the former knew, and asks what has changed meanwhile.
 */
import type { Server } from '../../behaviours/index.ts'
import { driverServer } from '../driver-process.ts'
import type { DriverApi } from '../driver-process.ts'
import type { PresenceContext } from './context.ts'
import { PresenceDriver } from './driver.ts'

/** Starts and serves the driver. */
export const PresenceServer: Server<DriverApi, PresenceContext> = driverServer(
  'fovea.presence/1',
  (context: PresenceContext, ties) => {
    const driver = new PresenceDriver(context, ties)
    driver.begin(ties.signal)
    return driver
  },
)
