/**
 * Which of several providers is asked. Pure: candidates in a fixed order in, an index out.
 *
 * - `first`: the first one, by node key; the others only when it fails.
 * - `random`, `round_robin`: each as often as the others, whatever they cost.
 * - `least_outstanding`: the fewest calls of this node under way; of several, one by lot.
 * - `p2c_ewma`: the cheaper of two by lot, cost = peak-EWMA of its latency x (calls under way + 1).
 * - `local_first`: this node if it is one, else `p2c_ewma`.
 * - `closest`: the smallest latency measured; those not measured yet go first, the nearer by XOR of the keys first, so
 *   each is measured once.
 * - `consistent_hash`: the highest hash of key and node (rendezvous): when one leaves, only its keys move.
 */
import { mix } from '../machine/mix.ts'
import type { SelectionStrategy } from './rpc.ts'

/** What is known about a provider. */
export interface Selectable {
  readonly node: string
  readonly isLocal: boolean
  /** Calls of this node under way there. */
  readonly outstanding: number
  /** Measured; undefined before the first answer. */
  readonly latencyMs: number | undefined
  /** What one more call costs now. */
  cost(nowMs: number): number
}

/** What a choice depends on besides the candidates. */
export interface SelectionContext {
  readonly self: string
  readonly nowMs: number
  /** A random number from 0 to below 1. */
  readonly chance: () => number
  /** For `round_robin`: counts the choices. */
  readonly turn: number
  /** For `consistent_hash`. */
  readonly key: string | undefined
}

/** Index of the one to ask; -1 when there is none. */
export function selectProvider(
  strategy: SelectionStrategy,
  candidates: readonly Selectable[],
  context: SelectionContext,
): number {
  if (candidates.length < 2) return candidates.length - 1
  switch (strategy) {
    case 'first':
      return 0
    case 'random':
      return Math.floor(context.chance() * candidates.length)
    case 'round_robin':
      return context.turn % candidates.length
    case 'least_outstanding':
      return leastOutstanding(candidates, context)
    case 'p2c_ewma':
      return powerOfTwo(candidates, context)
    case 'local_first': {
      const local = candidates.findIndex(({ isLocal }) => isLocal)
      return local === -1 ? powerOfTwo(candidates, context) : local
    }
    case 'closest':
      return closest(candidates, context)
    case 'consistent_hash':
      return rendezvous(candidates, context.key ?? '')
  }
}

function leastOutstanding(candidates: readonly Selectable[], { chance }: SelectionContext): number {
  let best = -1
  let equals = 0
  for (let at = 0; at < candidates.length; at++) {
    const difference =
      best === -1 ? -1 : candidates[at]!.outstanding - candidates[best]!.outstanding
    if (difference > 0) continue
    equals = difference < 0 ? 1 : equals + 1
    // The n-th of several equal ones replaces those before it with chance 1/n.
    if (difference < 0 || chance() * equals < 1) best = at
  }
  return best
}

function powerOfTwo(
  candidates: readonly Selectable[],
  { chance, nowMs }: SelectionContext,
): number {
  const one = Math.floor(chance() * candidates.length)
  const step = 1 + Math.floor(chance() * (candidates.length - 1))
  const other = (one + step) % candidates.length
  return candidates[other]!.cost(nowMs) < candidates[one]!.cost(nowMs) ? other : one
}

function closest(candidates: readonly Selectable[], { self }: SelectionContext): number {
  let best = 0
  for (let at = 1; at < candidates.length; at++) {
    if (isCloser(candidates[at]!, candidates[best]!, self)) best = at
  }
  return best
}

function isCloser(left: Selectable, right: Selectable, self: string): boolean {
  // This node is at no distance whatever was measured.
  if (left.isLocal || right.isLocal) return left.isLocal && !right.isLocal
  if (left.latencyMs === undefined || right.latencyMs === undefined) {
    if (left.latencyMs !== right.latencyMs) return left.latencyMs === undefined
    return isNearer(left.node, right.node, self)
  }
  return left.latencyMs < right.latencyMs
}

/** By XOR; the keys are hex and of one length. */
function isNearer(left: string, right: string, self: string): boolean {
  for (let at = 0; at < self.length; at++) {
    const own = Number.parseInt(self[at]!, 16)
    const leftBits = Number.parseInt(left[at]!, 16) ^ own
    const rightBits = Number.parseInt(right[at]!, 16) ^ own
    if (leftBits !== rightBits) return leftBits < rightBits
  }
  return false
}

function rendezvous(candidates: readonly Selectable[], key: string): number {
  let best = 0
  let highest = -1
  for (let at = 0; at < candidates.length; at++) {
    const hash = hashOf(key, candidates[at]!.node)
    if (hash > highest) {
      highest = hash
      best = at
    }
  }
  return best
}

/** 32 bits of FNV-1a over both, mixed once more: nodes decide alike, so it is never changed. */
function hashOf(key: string, node: string): number {
  let hash = 0x811c9dc5
  const text = `${key}\n${node}`
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  }
  return mix(hash)
}
