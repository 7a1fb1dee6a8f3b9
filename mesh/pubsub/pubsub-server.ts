/**
 * The process of pub/sub. It owns the alarm, the handlers at courier and catalog, and the crashes; the work is in
 * `hub.ts`. A restarted one goes on with the subscriptions, the outbox and the last values of the former.
 */
import type { Server } from '../../behaviours/index.ts'
import { driverServer } from '../driver-process.ts'
import type { DriverApi } from '../driver-process.ts'
import type { PubSubContext } from './context.ts'
import { Hub } from './hub.ts'

/** Starts and serves the hub. */
export const PubSubServer: Server<DriverApi, PubSubContext> = driverServer(
  'fovea.pubsub/1',
  (context: PubSubContext, ties) => {
    const hub = new Hub(context, ties)
    hub.begin(ties.signal)
    return hub
  },
)
