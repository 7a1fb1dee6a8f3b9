/**
 * What the catalogs of members and of peers at the edge do alike around their machines: inputs are worked off one after
 * the other and changes told after each; changes of this node share one alarm; seeks are known until they are over; bytes
 * of peers are read. The process that ends leaves to the next one what it has to know.
 */
import type { Clock } from '../../runtime/index.ts'
import type { Origin } from '../courier/courier.ts'
import { peerErrorCode } from '../link/errors.ts'
import { Turns } from '../machine/turns.ts'
import type { Refusals } from '../refusals.ts'
import type { CatalogChange } from './catalog.ts'
import type { CatalogCore } from './core.ts'
import type { CatalogErrorCode } from './errors.ts'
import { tellHandlers } from './functions.ts'
import type { CatalogMemory, RunningCatalog } from './memory.ts'
import { CATALOG_KINDS } from './message.ts'
import type { CatalogMessage } from './message.ts'
import type { CatalogProtocol } from './protocol.ts'

/** How it tells its process. */
export interface CatalogTies {
  readonly worked: () => void
  readonly failed: (error: unknown) => void
}

/** What it works with. */
export interface CatalogWorkParts {
  readonly clock: Clock
  readonly memory: CatalogMemory
  readonly refusals: Refusals
  readonly protocol: CatalogProtocol
}

/** See the head of this file. */
export class CatalogWork {
  readonly #parts: CatalogWorkParts
  readonly #ties: CatalogTies
  readonly #turns: Turns<(nowMs: number) => void>
  readonly #changes: CatalogChange[] = []
  readonly #seeks = new Map<number, () => void>()
  #seekId = 0
  /** The alarm is set for changes of this node. */
  #armed = false

  /** `close` ends the driver whose machine has thrown. */
  constructor(parts: CatalogWorkParts, ties: CatalogTies, close: () => void) {
    this.#parts = parts
    this.#ties = ties
    this.#turns = new Turns<(nowMs: number) => void>({
      work: (run) => this.#run(run),
      worked: ties.worked,
      failed: (error) => {
        close()
        ties.failed(error)
      },
    })
  }

  get closed(): boolean {
    return this.#turns.closed
  }

  /** Now, or after what is worked off. */
  do(run: (nowMs: number) => void): void {
    this.#turns.take(run)
  }

  /** To be told when the input that brought it is worked off. */
  changed(change: CatalogChange): void {
    this.#changes.push(change)
  }

  /** One alarm for all changes of this node until it rings. */
  arm(): void {
    if (this.#armed) return
    this.#armed = true
    this.#ties.worked()
  }

  rang(): void {
    this.#armed = false
  }

  /** Calls `done` once, when {@link sought} is called with the id that `begin` gets; gives the way to give it up. */
  seek(
    begin: (nowMs: number, id: number) => void,
    giveUp: (id: number) => void,
    done: () => void,
  ): () => void {
    this.#seekId += 1
    const id = this.#seekId
    if (this.closed) {
      done()
      return () => {}
    }
    this.#seeks.set(id, done)
    this.do((nowMs) => {
      if (this.#seeks.has(id)) begin(nowMs, id)
    })
    return () => {
      if (this.#seeks.delete(id)) this.do(() => giveUp(id))
    }
  }

  sought(id: number): void {
    const done = this.#seeks.get(id)
    this.#seeks.delete(id)
    done?.()
  }

  /** What a frame says; undefined, and counted, when it says nothing. */
  read({ node: peer }: Origin, type: number, payload: Uint8Array): CatalogMessage | undefined {
    try {
      return this.#parts.protocol.decode(type, payload, (times) => {
        this.refuse('ERR_CATALOG_ENTRY', peer, times)
      })
    } catch (error) {
      if (peerErrorCode(error) === undefined) throw error
      this.#parts.refusals.count('ERR_CATALOG_MESSAGE', { peer, err: error })
      return undefined
    }
  }

  refuse(code: CatalogErrorCode, peer: string, times = 1): void {
    this.#parts.refusals.count(code, { peer }, { times })
  }

  /** Nothing happens any more; whoever waits gets what is known. Idempotent. */
  close(driver: RunningCatalog, core: CatalogCore): void {
    this.#turns.close()
    const { memory } = this.#parts
    if (memory.running === driver) {
      memory.seeks += driver.seeks
      memory.version = Math.max(...CATALOG_KINDS.map((kind) => core.version(kind)))
      memory.running = undefined
    }
    const waiting = Array.from(this.#seeks.values())
    this.#seeks.clear()
    for (const done of waiting) done()
  }

  #run(run: (nowMs: number) => void): void {
    const { clock, memory, refusals } = this.#parts
    run(clock.now())
    if (this.#changes.length === 0) return
    for (const change of this.#changes.splice(0)) {
      tellHandlers(memory.handlers[change.entry.kind], change, (err) => {
        refusals.count('ERR_CATALOG_HANDLER', { err }, { level: 'error' })
      })
    }
  }
}
