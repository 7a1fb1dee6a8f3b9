/**
 * Waits until the nodes that this one is linked with know what it wants and offers. `advertise` and `subscribe` are in force
 * here at once, and elsewhere a moment later: whoever tells others to use it, by a message or a start script, waits for this.
 */
import { ownPromise } from '../../runtime/index.ts'
import type { Clock } from '../../runtime/index.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { ServicesError } from './errors.ts'

/** How often it is looked at. */
const LOOK_MS = 5

/** Those who wait, of one node. */
export class ToldWaits {
  readonly #catalog: Pick<Catalog, 'isTold'>
  readonly #clock: Clock
  readonly #ends = new Set<() => void>()

  constructor(catalog: Pick<Catalog, 'isTold'>, clock: Clock) {
    this.#catalog = catalog
    this.#clock = clock
  }

  get size(): number {
    return this.#ends.size
  }

  /** True when all know it, false when not all had said so in time. */
  wait(timeoutMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const untilMs = this.#clock.now() + timeoutMs
    return ownPromise<boolean>((resolve, reject) => {
      if (signal?.aborted === true) return reject(aborted(signal))
      if (this.#catalog.isTold()) return resolve(true)
      const release = (): void => {
        timer.cancel()
        this.#ends.delete(end)
        signal?.removeEventListener('abort', abort)
      }
      const end = (): void => {
        release()
        resolve(false)
      }
      const abort = (): void => {
        release()
        reject(aborted(signal!))
      }
      const look = (): void => {
        if (this.#catalog.isTold()) {
          release()
          resolve(true)
        } else if (this.#clock.now() >= untilMs) end()
        else timer = this.#clock.setTimer(LOOK_MS, look)
      }
      let timer = this.#clock.setTimer(LOOK_MS, look)
      this.#ends.add(end)
      signal?.addEventListener('abort', abort)
    })
  }

  /** The node has stopped. */
  close(): void {
    for (const end of this.#ends) end()
  }
}

function aborted(signal: AbortSignal): ServicesError {
  const cause: unknown = signal.reason
  return new ServicesError('ERR_SERVICES_ABORTED', 'waiting for others was given up', { cause })
}
