/** Who waits for our dial: told once how it ended, and nobody afterwards. */
import type { NodeKey } from '../identity/node-key.ts'
import type { ConnectionDial } from './connection-context.ts'
import type { Link } from './link.ts'

/** See the file header; without a dial nobody waits. */
export class PendingDial {
  #dial: ConnectionDial | undefined

  constructor(dial: ConnectionDial | undefined) {
    this.#dial = dial
  }

  succeed(link: Link): void {
    this.#take()?.succeed(link)
  }

  /** `error` is made only for somebody who waits: most links end long after their dial. */
  fail(error: () => Error): void {
    this.#take()?.fail(error())
  }

  /** The attempt waits for the other connection with `key` and has nothing to do with this one any more. */
  supersede(key: NodeKey): void {
    this.#take()?.supersede(key)
  }

  #take(): ConnectionDial | undefined {
    const dial = this.#dial
    this.#dial = undefined
    return dial
  }
}
