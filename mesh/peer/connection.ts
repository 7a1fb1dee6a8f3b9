/**
 * The process `connection` of a peer: it dials gateways until one takes the peer in, keeps that link, and begins again
 * when it is gone. The link itself belongs to a process of its own: a restarted connection finds it and goes on.
 */
import type { Server } from '../../behaviours/index.ts'
import { driverServer } from '../driver-process.ts'
import type { Driver, DriverApi, Ties } from '../driver-process.ts'
import { isLastingFailure } from '../link/lasting.ts'
import type { Link, LinkEvent } from '../link/link.ts'
import type { PeerContext } from './context.ts'
import { Uplink } from './uplink.ts'

/** Starts and serves the connection. */
export const ConnectionServer: Server<DriverApi, PeerContext> = driverServer(
  'fovea.peer.connection/1',
  (context: PeerContext, ties) => {
    const driver = new UplinkDriver(context, ties)
    driver.begin()
    return driver
  },
)

/** Does what the uplink says. */
class UplinkDriver implements Driver {
  readonly #context: PeerContext
  readonly #ties: Ties
  readonly #uplink: Uplink
  #release: () => void = () => {}

  constructor(context: PeerContext, ties: Ties) {
    const { core, clock, settings, targets } = context
    this.#context = context
    this.#ties = ties
    const { reconnectBaseMs, reconnectMaxMs } = settings
    const options = { targets: targets.length, reconnectBaseMs, reconnectMaxMs }
    this.#uplink = new Uplink(options, core.chance, clock.now())
  }

  get nextDueMs(): number {
    return this.#uplink.nextDueMs
  }

  /** Takes over a link that stands, or dials. */
  begin(): void {
    const { pool } = this.#context.core
    const off = pool.onLink((event) => this.#link(event))
    this.#ties.signal.addEventListener('abort', () => {
      off()
      this.#release()
    })
    const link = pool.linkAt(0)
    if (link === undefined) this.tick()
    else this.#up(link)
  }

  tick(): void {
    const { clock, targets, core, settings } = this.#context
    const at = this.#uplink.take(clock.now())
    const target = at === undefined ? undefined : targets[at]
    if (target === undefined) return
    const { signal } = this.#ties
    core.dialer.connect(target, { timeoutMs: settings.connectTimeoutMs, signal }).then(
      // Its `up` came before.
      () => {},
      (error: unknown) => this.#dialFailed(error),
    )
  }

  #dialFailed(error: unknown): void {
    const { memory, clock, core } = this.#context
    if (this.#ties.signal.aborted) return
    memory.lastError = error
    const { code, reason } = (error ?? {}) as { code?: unknown; reason?: unknown }
    core.logger.debug({ code, reason, err: error }, 'a gateway did not take this peer in')
    this.#uplink.failed(isLastingFailure(error), clock.now())
    this.#ties.worked()
  }

  #link(event: LinkEvent): void {
    if (event.type === 'up') return this.#up(event.link)
    const { memory, clock } = this.#context
    if (memory.link !== event.link) return
    memory.link = undefined
    this.#release()
    this.#uplink.down(clock.now())
    memory.setState(this.#uplink.state)
    this.#ties.worked()
  }

  #up(link: Link): void {
    const { memory, clock } = this.#context
    this.#release()
    // Watched closely, but a gateway without room may ask for it back.
    this.#release = link.hold({ yields: true })
    if (memory.link !== link) memory.linksMade += 1
    memory.link = link
    memory.lastError = undefined
    this.#uplink.linked(clock.now())
    memory.setState('connected')
    this.#ties.worked()
  }
}
