/**
 * The process `advertisement` of a peer: it sees to it that the gateway takes over what the peer wants and offers. The
 * catalog tells it, again and again; a gateway that has not acknowledged it within `advertiseTimeoutMs` is left for another
 * one, because a peer that is connected and not heard of would wait for messages that never come (ML42, ML51).
 */
import type { Server } from '../../behaviours/index.ts'
import { driverServer } from '../driver-process.ts'
import type { Driver, DriverApi, Ties } from '../driver-process.ts'
import type { PeerContext } from './context.ts'

/** Looks so often within `advertiseTimeoutMs`. */
const LOOKS = 8

/** What it works with. */
export interface AdvertisementContext extends PeerContext {
  /** True when the gateway has acknowledged what this peer wants and offers. */
  readonly isTold: () => boolean
}

/** Starts and serves it. */
export const AdvertisementServer: Server<DriverApi, AdvertisementContext> = driverServer(
  'fovea.peer.advertisement/1',
  (context: AdvertisementContext, ties) => {
    const driver = new AdvertisementDriver(context, ties)
    driver.begin()
    return driver
  },
)

class AdvertisementDriver implements Driver {
  readonly #context: AdvertisementContext
  readonly #ties: Ties
  nextDueMs = Infinity
  /** Since when the gateway has not acknowledged everything. */
  #sinceMs = Infinity

  constructor(context: AdvertisementContext, ties: Ties) {
    this.#context = context
    this.#ties = ties
  }

  begin(): void {
    const off = this.#context.core.pool.onLink(() => {
      this.#sinceMs = Infinity
      this.#look()
      this.#ties.worked()
    })
    this.#ties.signal.addEventListener('abort', off)
    this.#look()
  }

  tick(): void {
    if (this.#context.clock.now() >= this.nextDueMs) this.#look()
  }

  #look(): void {
    const { clock, memory, settings, isTold, core } = this.#context
    const { advertiseTimeoutMs } = settings
    const nowMs = clock.now()
    const { link } = memory
    this.nextDueMs = core.pool.linkCount === 0 ? Infinity : nowMs + advertiseTimeoutMs / LOOKS
    if (link === undefined || isTold()) {
      this.#sinceMs = Infinity
      return
    }
    this.#sinceMs = Math.min(this.#sinceMs, nowMs)
    if (nowMs - this.#sinceMs < advertiseTimeoutMs) return
    this.#sinceMs = Infinity
    // It counts that, and says so.
    link.fail(
      'ERR_PEER_ADVERTISEMENT',
      'nothing of what this peer wants and offers is acknowledged',
    )
  }
}
