/**
 * The process `routing`. It owns the router's alarm, its handlers at links and members, and its crashes; the
 * work is in `router.ts`. A restarted one begins with the table that the former had; what it held for
 * certain is asked again before anybody is told about it.
 */
import type { Server } from '../../behaviours/index.ts'
import { driverServer } from '../driver-process.ts'
import type { DriverApi, Ties } from '../driver-process.ts'
import { WireType } from '../wire/messages.ts'
import type { DhtContext } from './context.ts'
import { openExchanges } from './exchanges.ts'
import { Router } from './router.ts'

/** Starts and serves the router. */
export const RoutingServer: Server<DriverApi, DhtContext> = driverServer(
  'fovea.routing/1',
  (context: DhtContext, ties) => {
    const router = makeRouter(context, ties)
    listen(context, router, ties.signal)
    return router
  },
)

function makeRouter(context: DhtContext, ties: Ties): Router {
  const { clock, chance, memory, options, ownKey, pool, view, refusals, protocol, proofs } = context
  return new Router({
    core: {
      self: { id: ownKey.hex, key: ownKey, ...context.address(), mode: memory.mode },
      settings: options.routing,
      seed: Math.floor(chance() * 0x1_0000_0000),
      nowMs: clock.now(),
      snapshot: Array.from(memory.contacts.values()),
    },
    exchanges: openExchanges({ ...context, dialsMax: context.dials.routing, held: ties.worked }),
    ...{ clock, pool, view, refusals, protocol, proofs, memory, ...ties },
  })
}

/** Until the process dies, however it dies. */
function listen(context: DhtContext, router: Router, signal: AbortSignal): void {
  const { pool, frames, view, memory } = context
  const { findNode, findNodeReply, findValueReply, providersReply } = WireType
  const types = [findNode, findNodeReply, findValueReply, providersReply]
  memory.router = router
  const release = [
    ...types.map((type) =>
      frames.handle(type, type, (link, of, payload) => router.frame(link, of, payload)),
    ),
    pool.onLink((event) => {
      if (event.type === 'up' && !event.link.initiator) context.dialled()
      router.link(event)
    }),
    view.subscribe((event) => router.member(event)),
  ]
  signal.addEventListener('abort', () => {
    for (const off of release) off()
    if (memory.router === router) memory.router = undefined
    router.close()
  })
  router.begin()
}
