/**
 * The locks that this node has set: on which nodes, for whom, and until when. One lock is tried as `global` does it:
 *
 *     the node with the lowest key ── all others at once ── set     one refuses: give back, pause, try again
 *
 * Invariants:
 * - Nobody waits while it holds a part of a lock, so that two never wait for each other.
 * - Nodes that are lost do not take part. Of two who try at the same time, the one that gets the first node that
 *   both can reach wins.
 * - A lock is set on nodes that come later, and again on those that come back.
 * - It ends with its owner, and with this node on all others.
 * - Tries and releases of one owner for one requester and resource take turns: one that fails gives back what it has set,
 *   which another one would take for its own.
 */
import { CallExitError, CallTimeoutError, FoveaError, type Pid } from '../../runtime/index.ts'
import type { ClusterNode } from '../cluster.ts'
import type { DistParts } from '../parts.ts'
import { LockError } from './errors.ts'
import { LOCK_SERVICE } from './lock-service.ts'

/** One lock, as it is asked for. */
export interface LockOrder {
  readonly resource: string
  readonly requester: string
  readonly owner: Pid | undefined
  /** Keys; undefined for all that are connected. */
  readonly nodes: readonly string[] | undefined
}

interface OwnLock {
  readonly order: LockOrder
  /** Where it may be set. */
  readonly nodes: Set<string>
  readonly unwatch: () => void
  /** It was set for itself: the end of a transaction does not release it. */
  isSet: boolean
  /** Transactions that run under it. */
  transactions: number
}

type Vote = 'set' | 'taken' | 'lost'

/** What a lock is wanted for. */
export type LockUse = 'set' | 'transaction'

/** See the file header. */
export class OwnLocks {
  readonly #parts: DistParts
  readonly #callTimeoutMs: number
  readonly #locks = new Map<string, OwnLock>()
  /** The last turn of each lock that is being tried or released. */
  readonly #turns = new Map<string, Promise<void>>()
  readonly #stop: () => void

  constructor(parts: DistParts, callTimeoutMs: number) {
    this.#parts = parts
    this.#callTimeoutMs = callTimeoutMs
    this.#stop = parts.cluster.onNodeUp((_id, node) => this.#extend(node), { hidden: true })
  }

  get size(): number {
    return this.#locks.size
  }

  close(): void {
    this.#stop()
    for (const { unwatch } of this.#locks.values()) unwatch()
    this.#locks.clear()
  }

  /** One try, for a transaction or for itself. Rejects with a `LockError` when a node refuses for another reason than a lock. */
  attempt(order: LockOrder, use: LockUse): Promise<boolean> {
    return this.#inTurn(order, async () => {
      if (!(await this.#attempt(order))) return false
      const lock = this.#locks.get(keyOf(order))
      if (lock === undefined) return true
      if (use === 'set') lock.isSet = true
      else lock.transactions += 1
      return true
    })
  }

  /** A transaction is over; the last one takes the lock along, unless it was set for itself. */
  leave(order: LockOrder): Promise<void> {
    return this.#inTurn(order, async () => {
      const lock = this.#locks.get(keyOf(order))
      if (lock === undefined) return
      lock.transactions -= 1
      if (lock.transactions <= 0 && !lock.isSet) await this.#release(order)
    })
  }

  /** Gives it back; resolves when every node that can be reached has said so. */
  release(order: LockOrder): Promise<void> {
    return this.#inTurn(order, () => this.#release(order))
  }

  async #inTurn<T>(order: LockOrder, run: () => Promise<T>): Promise<T> {
    const key = keyOf(order)
    const before = this.#turns.get(key)
    const running = before === undefined ? run() : before.then(run)
    const over = (): void => {
      if (this.#turns.get(key) === turn) this.#turns.delete(key)
    }
    const turn: Promise<void> = running.then(over, over)
    this.#turns.set(key, turn)
    return running
  }

  async #attempt(order: LockOrder): Promise<boolean> {
    const before = this.#locks.get(keyOf(order))?.nodes ?? new Set<string>()
    const wanted = this.#nodesOf(order)
    // Of named nodes of which none is known nobody would keep it.
    if (wanted.length > 0 && wanted.every((node) => before.has(node))) return true
    const asked: string[] = []
    const ask = (node: string): Promise<Vote> => {
      // What it has already is not given back when more cannot be had.
      if (!before.has(node)) asked.push(node)
      return this.#ask(node, order)
    }
    try {
      const rest = [...wanted]
      let first: Vote = 'lost'
      while (first === 'lost') {
        const node = rest.shift()
        if (node === undefined) return false
        first = await ask(node)
      }
      const votes = first === 'set' ? await Promise.all(rest.map(ask)) : [first]
      if (!votes.includes('taken')) {
        this.#keep(order, asked)
        return true
      }
    } catch (error) {
      await this.#give(order, asked)
      throw error
    }
    await this.#give(order, asked)
    return false
  }

  async #release(order: LockOrder): Promise<void> {
    const key = keyOf(order)
    const lock = this.#locks.get(key)
    if (lock === undefined) return
    this.#locks.delete(key)
    lock.unwatch()
    await this.#give(order, [...lock.nodes])
  }

  #nodesOf({ nodes }: LockOrder): string[] {
    const { cluster, directory } = this.#parts
    const all = nodes ?? [
      directory.ownKeyHex,
      ...cluster.getConnectedNodes().map(({ key }) => key.hex),
    ]
    return [...new Set(all)].sort()
  }

  async #ask(node: string, order: LockOrder): Promise<Vote> {
    try {
      const set = await this.#call(node, 'set', order)
      return set === true ? 'set' : 'taken'
    } catch (error) {
      // Whoever is too slow may have set it: that counts as a refusal, and is given back.
      if (error instanceof CallTimeoutError) return 'taken'
      if (error instanceof CallExitError) return 'lost'
      const code = error instanceof FoveaError ? error.code : undefined
      if (code === 'ERR_PEER_BACKLOG') return 'taken'
      const known = code === 'ERR_PEER_LOCKS_MAX' ? code : 'ERR_LOCK_REFUSED'
      const { directory } = this.#parts
      const text = `${directory.nameOf(node)} does not lock for this node`
      throw new LockError(known, text, { cause: error })
    }
  }

  async #give(order: LockOrder, nodes: readonly string[]): Promise<void> {
    // Who cannot be asked has lost this node, and with it the lock.
    await Promise.allSettled(nodes.map((node) => this.#call(node, 'delete', order)))
  }

  #call(node: string, name: 'set' | 'delete', order: LockOrder): Promise<unknown> {
    const { resource, requester, owner } = order
    const input = [resource, requester, ownerOf(owner)]
    const timeoutMs = this.#callTimeoutMs
    return this.#parts.peers.call(node, LOCK_SERVICE, name, input, { timeoutMs })
  }

  #keep(order: LockOrder, nodes: readonly string[]): void {
    const key = keyOf(order)
    const before = this.#locks.get(key)
    if (before !== undefined) {
      for (const node of nodes) before.nodes.add(node)
      return
    }
    const { owner } = order
    const { system } = this.#parts
    const unwatch =
      owner === undefined ? (): void => {} : system.watch(owner, () => void this.release(order))
    const lock = { order, nodes: new Set(nodes), unwatch, isSet: false, transactions: 0 }
    this.#locks.set(key, lock)
  }

  /** A node has come: locks of all nodes are set there, too, and those that it had lost. Hidden ones have to be named. */
  #extend({ key: { hex: node }, hidden }: ClusterNode): void {
    for (const { order, nodes } of this.#locks.values()) {
      if ((order.nodes !== undefined || hidden) && !nodes.has(node)) continue
      // Before it is asked: a release meanwhile comes after it on the same link.
      nodes.add(node)
      void this.#ask(node, order).then(
        (vote) => {
          if (vote === 'taken') this.#overlap(node, order)
        },
        (error: unknown) => this.#overlap(node, order, error),
      )
    }
  }

  #overlap(node: string, { resource, requester }: LockOrder, error?: unknown): void {
    const { refusals } = this.#parts
    refusals.count('ERR_LOCK_OVERLAP', { peer: node, resource, requester, err: error })
  }
}

const ownerOf = (owner: Pid | undefined): string => (owner === undefined ? 'node' : `${owner.id}`)

const keyOf = ({ resource, requester, owner }: LockOrder): string =>
  JSON.stringify([resource, requester, ownerOf(owner)])
