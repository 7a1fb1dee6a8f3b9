/**
 * What strict processes change elsewhere, and who may: a store that refuses writes with an old token, and a look at all
 * processes that hold something at the moment. It knows nothing of leases; it sees processes that live, and their tokens.
 *
 * - Of one thing at most one process lives, on nodes that run. A node that stood still may hold what is another's by now;
 *   what it does in the moment in which it goes on is refused by its token, and after that moment its process is dead.
 * - Tokens grow with every holder, and two holders never have the same one.
 */
import type { SimNodeState } from '../../dist/simulation/index.ts'

/** A node as it is now. */
export interface FencedNode {
  readonly name: string
  readonly state: SimNodeState
  readonly nowMs: number
}

/** A process that holds something. */
export interface Hold {
  readonly what: string
  readonly token: number
  readonly node: FencedNode
  /** False for good when it has ended, or its node has crashed. */
  readonly isAlive: () => boolean
  /** It has given it up itself. */
  hasEnded: boolean
}

/** See the head of this file. */
export class StrictFence {
  /** Writes that were taken, and those that came with an old token. */
  accepted = 0
  refused = 0
  /** Holders that there have been, by what they held. */
  readonly begun = new Map<string, number>()
  readonly #latest = new Map<string, Hold>()
  readonly #holds = new Map<string, Hold[]>()
  /** Of nodes that stand still or have just gone on. */
  readonly #paused = new Set<FencedNode>()
  readonly #resumedAtMs = new Map<FencedNode, number>()
  readonly #nodes: readonly FencedNode[]
  #fault: Error | undefined

  constructor(nodes: readonly FencedNode[]) {
    this.#nodes = nodes
  }

  begin(hold: Hold): void {
    this.#lookAtNodes()
    const { what, token } = hold
    this.begun.set(what, (this.begun.get(what) ?? 0) + 1)
    const holds = this.#holds.get(what)
    if (holds === undefined) this.#holds.set(what, [hold])
    else holds.push(hold)
    if (!this.#isBehind(hold)) this.#check(what)
    const latest = this.#latest.get(what)
    if (latest !== undefined && token < latest.token && !this.#isBehind(hold)) {
      this.#fail(`${what} begins with token ${token} after ${latest.token}`)
    }
  }

  /** Whether the store takes it. */
  write(hold: Hold): boolean {
    this.#lookAtNodes()
    const { what, token } = hold
    const latest = this.#latest.get(what)
    if (latest !== undefined && token < latest.token) {
      this.refused += 1
      if (!this.#isBehind(hold)) this.#fail(`${describe(hold)} writes after ${describe(latest)}`)
      return false
    }
    // An entity that is started again on its node has the token of its shard, as the one before.
    if (latest !== undefined && latest !== hold && latest.token === token) {
      const isOver = latest.hasEnded || !latest.isAlive()
      const isSuccessor = isOver && latest.node === hold.node
      if (!isSuccessor) this.#fail(`${describe(hold)} and ${describe(latest)} have one token`)
    }
    this.#latest.set(what, hold)
    this.accepted += 1
    return true
  }

  /** To be called after everything that happens; throws what was wrong. */
  look(): void {
    this.#lookAtNodes()
    for (const [what, holds] of this.#holds) if (holds.length > 1) this.#check(what)
    if (this.#fault !== undefined) throw this.#fault
  }

  /** Who holds it now. */
  holders(what: string): readonly Hold[] {
    return (this.#holds.get(what) ?? []).filter((hold) => isHeld(hold) && runs(hold.node))
  }

  #check(what: string): void {
    const holds = (this.#holds.get(what) ?? []).filter(isHeld)
    this.#holds.set(what, holds)
    const now = holds.filter((hold) => runs(hold.node) && !this.#isBehind(hold))
    if (now.length > 1) this.#fail(now.map(describe).join(' and '))
  }

  /** Its node stood still until this moment. */
  #isBehind({ node }: Hold): boolean {
    return this.#resumedAtMs.get(node) === node.nowMs
  }

  #lookAtNodes(): void {
    for (const node of this.#nodes) {
      const isPaused = node.state === 'paused'
      if (isPaused) this.#paused.add(node)
      else if (this.#paused.delete(node)) this.#resumedAtMs.set(node, node.nowMs)
    }
  }

  #fail(what: string): void {
    this.#fault ??= new Error(`G11 two holders: ${what}`)
  }
}

function isHeld({ hasEnded, isAlive }: Hold): boolean {
  return !hasEnded && isAlive()
}

/** One that is being started holds things, too. */
function runs({ state }: FencedNode): boolean {
  return state === 'running' || state === 'starting'
}

function describe({ what, token, node }: Hold): string {
  return `${what} at ${node.name} with token ${token}`
}
