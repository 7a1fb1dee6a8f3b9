/** The end of a node as its peers see it: every channel takes leave (`leave.ts`), and the node goes when all are quiet. */
import { ownPromise } from '../runtime/index.ts'
import type { PeerLink } from './peer-link.ts'

/** See the file header. */
export class Farewell {
  /** Resolves when no peer waits for anything of this node; whoever waits for it bounds the wait. */
  readonly over: Promise<void>
  readonly #loud = new Set<PeerLink>()
  #settle: () => void = () => {}

  constructor(peers: Iterable<PeerLink>) {
    this.over = ownPromise<void>((resolve) => (this.#settle = resolve))
    const all = [...peers]
    for (const peer of all) this.#loud.add(peer)
    for (const peer of all) this.add(peer)
    this.#look()
  }

  /** A channel that is there, or comes up while the node leaves. */
  add(peer: PeerLink): void {
    this.#loud.add(peer)
    peer.leave(() => {
      this.#loud.delete(peer)
      this.#look()
    })
  }

  #look(): void {
    if (this.#loud.size === 0) this.#settle()
  }
}
