/**
 * Nodes come and go: each lives for a time drawn by lot, ends without a word, and another seat that was
 * empty begins a new life in its place, with an empty disk, through a node that runs. The number of running
 * nodes so stays the same, and nobody who comes is known to anybody.
 */
import { Sequence } from './chance.ts'
import { check, STEP_MS } from './checked.ts'
import type { DhtWorld } from './dht-world.ts'

/** How nodes come and go. */
export interface ChurnOptions {
  readonly seed: number
  /** Half of the lives are shorter; lengths are exponential. */
  readonly medianMs: number
  /** From the end of one life to the beginning of the next; default 0. */
  readonly pauseMs?: number
  /** Seats that stay as they are. */
  readonly spared?: readonly number[]
}

/** Lets nodes of a world come and go from now on. */
export class Churn {
  readonly #world: DhtWorld
  readonly #options: ChurnOptions
  readonly #luck: Sequence
  readonly #spared: ReadonlySet<number>
  readonly #empty: number[] = []
  #stopped = false
  /** Lives that have ended. */
  deaths = 0

  constructor(world: DhtWorld, options: ChurnOptions) {
    check('medianMs', options.medianMs, STEP_MS)
    this.#world = world
    this.#options = options
    this.#luck = new Sequence(options.seed)
    this.#spared = new Set(options.spared)
    for (const { index, running } of world.core.nodes) {
      if (this.#spared.has(index)) continue
      if (running) this.#plan(index)
      else this.#empty.push(index)
    }
  }

  /** Nobody comes or goes any more. */
  stop(): void {
    this.#stopped = true
  }

  #plan(index: number): void {
    const { core } = this.#world
    const meanMs = this.#options.medianMs / Math.LN2
    const forMs = -Math.log(1 - this.#luck.next()) * meanMs
    const { life } = core.node(index)
    core.at(core.nowMs + forMs, () => {
      if (this.#stopped || core.node(index).life !== life) return
      this.#end(index)
    })
  }

  #end(index: number): void {
    const { core } = this.#world
    core.stop(index)
    this.deaths++
    this.#empty.push(index)
    core.at(core.nowMs + (this.#options.pauseMs ?? 0), () => {
      if (this.#stopped) return
      const [next] = this.#empty.splice(this.#luck.below(this.#empty.length), 1)
      const seed = this.#world.randomNode()
      this.#world.startJoining(next!, [seed], { disk: 'lost' })
      this.#plan(next!)
    })
  }
}
