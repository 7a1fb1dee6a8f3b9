/**
 * Envelopes as the services of a mesh see them: the same object while the process behind it is restarted, and the
 * handlers stay.
 */
import type { KadKey } from '../kademlia/id.ts'
import type { RouteType } from './envelope.ts'
import { RouteError } from './errors.ts'
import { handle } from './router.ts'
import type { GreedyRouter, RouteHandler, RouteSendOptions } from './router.ts'

/** One per node. */
export class Envelopes {
  readonly handlers: Map<RouteType, RouteHandler> = new Map()
  /** The one that runs; undefined while its process is being restarted. */
  router: GreedyRouter | undefined

  /** As {@link GreedyRouter.send}; `ERR_ROUTE_STOPPED` while nothing runs. */
  send(
    type: RouteType,
    destination: KadKey,
    payload: Uint8Array,
    options: RouteSendOptions = {},
  ): Promise<string> {
    const { router } = this
    if (router !== undefined) return router.send(type, destination, payload, options)
    return Promise.reject(new RouteError('ERR_ROUTE_STOPPED', 'no router runs'))
  }

  /** As {@link GreedyRouter.onDeliver}. */
  onDeliver(type: RouteType, handler: RouteHandler): () => void {
    return handle(this.handlers, type, handler)
  }
}
