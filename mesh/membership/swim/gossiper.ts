/**
 * Spreads news between probes: while the queue holds any, a few random members get a datagram of them
 * each interval. Nothing is sent, and no timer runs, in a quiet cluster (S28).
 */
import type { SwimContext } from './context.ts'
import type { Packer } from './packer.ts'

/** The gossip tick of one core. */
export class Gossiper {
  readonly #context: SwimContext
  readonly #packer: Packer
  #nextAtMs: number

  constructor(context: SwimContext, packer: Packer) {
    this.#context = context
    this.#packer = packer
    const { gossipIntervalMs } = context.settings
    this.#nextAtMs = context.nowMs + context.streams.gossip.fraction() * gossipIntervalMs
  }

  deadline(): number {
    return this.#context.queue.size === 0 ? Infinity : this.#nextAtMs
  }

  /** The next tick is ahead. The phase stays, so that the nodes of a cluster do not tick together. */
  settle(): void {
    const { nowMs, settings } = this.#context
    const behindMs = nowMs - this.#nextAtMs
    if (behindMs < 0) return
    const intervals = Math.floor(behindMs / settings.gossipIntervalMs) + 1
    this.#nextAtMs += intervals * settings.gossipIntervalMs
  }

  tick(): void {
    if (this.#nextAtMs > this.#context.nowMs || this.#context.queue.size === 0) return
    this.settle()
    this.spread()
  }

  /** One round of news, now. */
  spread(): void {
    const { settings, table, queue } = this.#context
    const chosen: number[] = []
    for (let i = 0; i < settings.gossipTargets; i++) {
      const slot = this.#context.randomLiving('gossip', chosen)
      const id = slot < 0 ? undefined : table.get(slot)?.statement.id
      if (id === undefined) break
      chosen.push(slot)
      const updates = this.#packer.pack('gossip', id)
      if (updates.length === 0) return
      this.#context.send(id, { type: 'gossip', updates })
    }
    // Nobody to tell: whoever comes compares tables first.
    if (chosen.length === 0) queue.clear()
  }

  get nextAtMs(): number {
    return this.#nextAtMs
  }

  restore(nextAtMs: number): void {
    this.#nextAtMs = nextAtMs
  }
}
