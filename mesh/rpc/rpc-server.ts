/**
 * The process `rpc`. It owns the handlers at the courier and the catalog, the alarm, and the crashes; the work is in
 * `rpc-driver.ts`. What this node offers outlives it; calls that are under way end with it, on both sides.
 */
import type { Server } from '../../behaviours/index.ts'
import { driverServer } from '../driver-process.ts'
import type { DriverApi, Ties } from '../driver-process.ts'
import { WireType } from '../wire/messages.ts'
import type { RpcContext } from './context.ts'
import { RpcDriver } from './rpc-driver.ts'
import { StreamDriver } from './streams/driver.ts'

/** Starts and serves the driver. */
export const RpcServer: Server<DriverApi, RpcContext> = driverServer(
  'fovea.rpc/1',
  (context: RpcContext, ties: Ties) => {
    const driver = new RpcDriver(context, ties)
    listen(context, driver, ties.signal)
    return driver
  },
)

/** Until the process dies, however it dies. */
function listen(context: RpcContext, driver: RpcDriver, signal: AbortSignal): void {
  const { courier, catalog, memory } = context
  const { call, cast, cancel } = WireType
  // 0x20 to 0x22: call, reply, cast.
  const ranges = [
    [call, cast],
    [cancel, cancel],
  ] as const
  const streams = new StreamDriver(context, (task) => driver.enter(task))
  memory.engine = driver
  memory.streams = streams
  memory.changed = () => driver.due()
  const release = [
    ...ranges.map(([from, to]) =>
      courier.handle(from, to, (origin, type, payload) => driver.frame(origin, type, payload)),
    ),
    courier.onGone((node) => driver.gone(node)),
    catalog.onChange('procedure', ({ entry }) => driver.changed(entry.node)),
  ]
  signal.addEventListener('abort', () => {
    for (const off of release) off()
    if (memory.streams === streams) {
      memory.streams = undefined
      memory.changed = () => {}
    }
    streams.stop()
    driver.close('the process behind procedures has ended')
  })
}
