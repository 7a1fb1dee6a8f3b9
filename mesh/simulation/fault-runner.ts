/** Lets the faults of a schedule happen in a world of bare cores. */
import type { Protocol } from './boundary.ts'
import type { CoreWorld } from './core-world.ts'
import { checkFault, type Fault } from './faults.ts'
import type { Condition } from './network-model.ts'

/** What only the protocol at hand can do. */
export interface FaultActions {
  /** Lets a running node say goodbye. */
  leave(node: number): void
  /** Tells a node that has just started where others are; `undefined` for the usual ones. */
  join(node: number, seeds: readonly number[] | undefined): void
  /** Gives a running node new metadata. */
  setMeta(node: number, bytes: number): void
}

/** How often each kind of fault took effect; a run in which none did has proven nothing. */
export type FaultCounts = Partial<Record<Fault['type'], number>>

/** Queues every fault; the counts fill while the world runs. */
export function runFaults<P extends Protocol>(
  world: CoreWorld<P>,
  faults: readonly Fault[],
  actions: FaultActions,
): FaultCounts {
  for (const fault of faults) checkFault(fault)
  const counts: FaultCounts = {}
  const runner = new FaultRunner(world, actions)
  for (const fault of faults) {
    world.at(fault.atMs, () => {
      if (runner.begin(fault)) counts[fault.type] = (counts[fault.type] ?? 0) + 1
    })
  }
  return counts
}

class FaultRunner<P extends Protocol> {
  readonly #world: CoreWorld<P>
  readonly #actions: FaultActions
  /** Pauses under way per life of a node: the last to end lets it go on. */
  readonly #pauses = new Map<string, number>()

  constructor(world: CoreWorld<P>, actions: FaultActions) {
    this.#world = world
    this.#actions = actions
  }

  begin(fault: Fault): boolean {
    const world = this.#world
    switch (fault.type) {
      case 'crash':
        if (!world.stop(fault.node)) return false
        this.#startLater(fault.node, fault.downMs, fault)
        return true
      case 'leave': {
        const node = world.node(fault.node)
        if (!node.running || node.paused || node.hasLeft) return false
        this.#actions.leave(fault.node)
        this.#startLater(fault.node, fault.downMs, {})
        return true
      }
      case 'join':
        return this.#start(fault.node, {}, fault.seeds)
      case 'pause':
        return this.#pause(fault.node, fault.forMs)
      case 'slow':
        if (!world.node(fault.node).running) return false
        this.#slow(fault, fault.atMs + fault.forMs)
        return true
      case 'clock_jump':
        if (!world.node(fault.node).running) return false
        world.jump(fault.node, fault.byMs)
        return true
      case 'set_meta':
        if (!world.node(fault.node).running || world.node(fault.node).hasLeft) return false
        this.#actions.setMeta(fault.node, fault.bytes)
        return true
      case 'partition':
      case 'cut':
      case 'loss':
      case 'delay': {
        const condition = conditionOf(fault)
        world.network.add(condition)
        world.at(fault.atMs + fault.forMs, () => world.network.remove(condition))
        return true
      }
    }
  }

  #startLater(
    node: number,
    downMs: number | undefined,
    how: { disk?: 'kept' | 'lost'; moved?: boolean },
  ): void {
    const world = this.#world
    if (downMs === undefined) return
    world.at(world.nowMs + downMs, () => {
      if (world.node(node).hasLeft) world.stop(node)
      this.#start(node, how, undefined)
    })
  }

  #start(
    node: number,
    how: { disk?: 'kept' | 'lost'; moved?: boolean },
    seeds: readonly number[] | undefined,
  ): boolean {
    if (!this.#world.start(node, how)) return false
    this.#actions.join(node, seeds)
    return true
  }

  #pause(node: number, forMs: number): boolean {
    const world = this.#world
    if (!world.node(node).running) return false
    world.pause(node)
    const { life } = world.node(node)
    const key = `${node} ${life}`
    this.#pauses.set(key, (this.#pauses.get(key) ?? 0) + 1)
    world.at(world.nowMs + forMs, () => {
      const left = (this.#pauses.get(key) ?? 1) - 1
      this.#pauses.set(key, left)
      if (left === 0 && world.node(node).life === life) world.resume(node)
    })
    return true
  }

  #slow(fault: Extract<Fault, { type: 'slow' }>, endMs: number): void {
    const world = this.#world
    if (world.nowMs >= endMs) return
    world.block(fault.node)
    world.at(world.nowMs + fault.blockedMs, () => {
      world.unblock(fault.node)
      world.at(world.nowMs + fault.everyMs, () => this.#slow(fault, endMs))
    })
  }
}

type NetworkFault = Extract<Fault, { type: 'partition' | 'cut' | 'loss' | 'delay' }>

function conditionOf(fault: NetworkFault): Condition {
  switch (fault.type) {
    case 'partition':
      return { type: 'partition', groups: fault.groups }
    case 'cut':
      return { type: 'cut', from: fault.from, to: fault.to }
    case 'delay':
      return { type: 'delay', nodes: fault.nodes, ms: fault.byMs }
    case 'loss':
      return {
        type: 'loss',
        nodes: fault.nodes ?? 'all',
        direction: fault.direction ?? 'both',
        share: fault.share,
        shareEnd: fault.shareEnd ?? fault.share,
        startMs: fault.atMs,
        endMs: fault.atMs + fault.forMs,
      }
  }
}
