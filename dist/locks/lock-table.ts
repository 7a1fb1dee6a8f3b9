/**
 * The locks that are set on this node, for whomever. A synchronous machine.
 *
 * Invariants:
 * - One resource has one requester at a time; any number of owners may have set it for that requester (GL-09).
 * - An owner has a lock once, however often it set it, as `global` does it.
 * - An owner is known by its node first: nobody takes away or ends what another node has set.
 */

/** Who sets what. */
export interface LockEntry {
  readonly resource: string
  readonly requester: string
  /** Key of the node that asks. */
  readonly node: string
  /** Which process of it, of which start of the node. */
  readonly owner: string
}

interface Lock {
  readonly requester: string
  /** Node and owner. */
  readonly owners: Map<string, LockEntry>
}

/** See the file header. */
export class LockTable {
  readonly #peerLocksMax: number
  readonly #locks = new Map<string, Lock>()
  readonly #counts = new Map<string, number>()

  constructor(peerLocksMax: number) {
    this.#peerLocksMax = peerLocksMax
  }

  /** Resources that are locked. */
  get size(): number {
    return this.#locks.size
  }

  /** Whether it is set now; `full` when that node has too many. */
  set(entry: LockEntry): boolean | 'full' {
    const { resource, requester, node } = entry
    const lock = this.#locks.get(resource)
    if (lock !== undefined && lock.requester !== requester) return false
    if (lock?.owners.has(ownerKey(entry)) === true) return true
    const count = this.#counts.get(node) ?? 0
    if (count >= this.#peerLocksMax) return 'full'
    this.#counts.set(node, count + 1)
    const owners = lock?.owners ?? new Map<string, LockEntry>()
    owners.set(ownerKey(entry), entry)
    if (lock === undefined) this.#locks.set(resource, { requester, owners })
    return true
  }

  /** Nothing if it is not set, or by somebody else. */
  delete(entry: LockEntry): void {
    const lock = this.#locks.get(entry.resource)
    if (lock?.requester !== entry.requester || !lock.owners.delete(ownerKey(entry))) return
    if (lock.owners.size === 0) this.#locks.delete(entry.resource)
    const left = (this.#counts.get(entry.node) ?? 0) - 1
    if (left > 0) this.#counts.set(entry.node, left)
    else this.#counts.delete(entry.node)
  }

  /** The node is lost, and what it has set with it. */
  deleteNode(node: string): void {
    if (!this.#counts.has(node)) return
    for (const { owners } of [...this.#locks.values()]) {
      for (const entry of [...owners.values()]) if (entry.node === node) this.delete(entry)
    }
  }
}

const ownerKey = ({ node, owner }: LockEntry): string => `${node} ${owner}`
