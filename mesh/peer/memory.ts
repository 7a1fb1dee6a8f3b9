/**
 * What of a peer outlives a restart of its processes: its state and link, whoever wants to hear of them, why the last
 * gateway did not take it in.
 */
import { callHandler } from '../call-handler.ts'
import type { Refusals } from '../refusals.ts'
import type { Link } from '../link/link.ts'
import type { PeerState } from './uplink.ts'

/** See the file header. */
export class PeerMemory {
  readonly #refusals: Refusals
  readonly #handlers = new Set<(state: PeerState) => void>()
  #state: PeerState = 'connecting'
  /** The link with a gateway, while there is one. */
  link: Link | undefined
  lastError: unknown
  /** Links that there were. */
  linksMade = 0

  constructor(refusals: Refusals) {
    this.#refusals = refusals
  }

  get state(): PeerState {
    return this.#state
  }

  /** Tells everybody, if it is another one; nothing comes after `closed`. */
  setState(state: PeerState): void {
    if (state === this.#state || this.#state === 'closed') return
    this.#state = state
    const failed = (err: unknown): void =>
      this.#refusals.count('ERR_PEER_HANDLER', { err }, { level: 'error' })
    for (const handler of Array.from(this.#handlers)) callHandler(() => handler(state), failed)
  }

  /** Calls `handler` with each new state; gives the way to stop. */
  onState(handler: (state: PeerState) => void): () => void {
    const entry = (state: PeerState): void => handler(state)
    this.#handlers.add(entry)
    return () => void this.#handlers.delete(entry)
  }
}
