/**
 * Where a child goes: pure choice among the nodes that are there. Nodes come in the order of their keys, so that
 * the same question has the same answer wherever it is asked; chance and loads are given.
 */
import { rendezvousNode } from './rendezvous.ts'

/** What a node says of its load; see `node-load.ts`. */
export interface NodeLoad {
  /** Live processes. */
  readonly processes: number
  /** Processes that wait for their turn. */
  readonly runQueue: number
  /** How late the event loop was when it was asked, in milliseconds. */
  readonly lagMs: number
}

/** A node where a child may go. */
export interface CandidateNode {
  /** Its node id. */
  readonly id: string
  /** Key of the node, hex. */
  readonly keyHex: string
  /** Whether the supervisor runs on it. */
  readonly isLocal: boolean
  /** Children of this supervisor that run there. */
  readonly children: number
  /** Only for `least_loaded`; undefined if it did not say in time. */
  readonly load: NodeLoad | undefined
}

/** Chooses a node, by its id or key; undefined for none. */
export type NodeSelectorFunction = (
  nodes: readonly CandidateNode[],
  childId: string,
) => string | undefined

/** How a supervisor chooses the node of a child. */
export type NodeSelector =
  /** The supervisor's node; another one only if that one is excluded. */
  | 'local_first'
  /** One after another. */
  | 'round_robin'
  | 'random'
  /** The one with the fewest children of this supervisor. */
  | 'least_children'
  /** The one with the least load by its own word. */
  | 'least_loaded'
  /** By hash of the child's id: moves little when nodes come and go, and moves by itself. */
  | 'rendezvous'
  /** That node and no other. */
  | { readonly node: string }
  | NodeSelectorFunction

/** What a choice depends on besides the nodes. */
export interface PlacementFacts {
  /** Key of the node that round_robin took last. */
  readonly lastKeyHex: string | undefined
  /** A number in [0, 1). */
  readonly chance: number
}

/** The weight of a load: processes, more if they wait, and again as many for each 50 ms that the loop is late. */
export function loadScore({ processes, runQueue, lagMs }: NodeLoad): number {
  return (processes + runQueue) * (1 + lagMs / 50)
}

/**
 * Chooses among `nodes`; undefined if none is fit.
 *
 * @example
 * const node = { id: 'a@h:1', keyHex: 'a', isLocal: true, children: 0, load: undefined }
 * chooseNode('local_first', [node], 'child', { lastKeyHex: undefined, chance: 0 }) // node
 */
export function chooseNode(
  selector: NodeSelector,
  nodes: readonly CandidateNode[],
  childId: string,
  facts: PlacementFacts,
): CandidateNode | undefined {
  if (nodes.length === 0) return undefined
  if (typeof selector === 'function') return named(nodes, selector(nodes, childId))
  if (typeof selector === 'object') return named(nodes, selector.node)
  switch (selector) {
    case 'local_first':
      return nodes.find(({ isLocal }) => isLocal) ?? least(nodes, ({ children }) => children)
    case 'round_robin': {
      const { lastKeyHex = '' } = facts
      return nodes.find(({ keyHex }) => keyHex > lastKeyHex) ?? nodes[0]
    }
    case 'random':
      return nodes[Math.min(Math.floor(facts.chance * nodes.length), nodes.length - 1)]
    case 'least_children':
      return least(nodes, ({ children }) => children)
    case 'least_loaded':
      // Who did not say is taken only if nobody did.
      return least(nodes, ({ load }) => (load === undefined ? Infinity : loadScore(load)))
    case 'rendezvous': {
      const keys = nodes.map(({ keyHex }) => keyHex)
      return named(nodes, rendezvousNode(childId, keys))
    }
  }
}

function named(
  nodes: readonly CandidateNode[],
  name: string | undefined,
): CandidateNode | undefined {
  return nodes.find(({ id, keyHex }) => id === name || keyHex === name)
}

function least(
  nodes: readonly CandidateNode[],
  of: (node: CandidateNode) => number,
): CandidateNode | undefined {
  let best = nodes[0]
  for (const node of nodes) if (best === undefined || of(node) < of(best)) best = node
  return best
}
