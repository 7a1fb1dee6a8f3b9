/**
 * Spreads news between probes: while the queue holds any, a few random members get a datagram of them
 * each interval, the first ones at once. Nothing is sent, and no timer runs, in a quiet cluster (S28).
 */
import type { SwimContext } from './context.ts'
import type { Packer } from './packer.ts'

/** The first pause after quiet is this part of the interval; each next one is twice as long. */
const QUICK_SHARE = 2

/** The gossip tick of one core. */
export class Gossiper {
  readonly #context: SwimContext
  readonly #packer: Packer
  #nextAtMs: number
  /** Between this round and the next. */
  #pauseMs: number

  constructor(context: SwimContext, packer: Packer) {
    this.#context = context
    this.#packer = packer
    const { gossipIntervalMs } = context.settings
    this.#pauseMs = gossipIntervalMs
    this.#nextAtMs = context.nowMs + context.streams.gossip.fraction() * gossipIntervalMs
  }

  deadline(): number {
    return this.#context.queue.size === 0 ? Infinity : this.#nextAtMs
  }

  /** After quiet the first news go out at once and soon again: a hop takes as long as the network. */
  settle(): void {
    const { nowMs, settings } = this.#context
    if (this.#nextAtMs > nowMs) return
    this.#nextAtMs = nowMs
    this.#pauseMs = settings.gossipIntervalMs / QUICK_SHARE
  }

  tick(): void {
    const { nowMs, settings, queue } = this.#context
    if (this.#nextAtMs > nowMs || queue.size === 0) return
    this.#nextAtMs = nowMs + this.#pauseMs
    this.#pauseMs = Math.min(2 * this.#pauseMs, settings.gossipIntervalMs)
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

  state(): GossiperState {
    return { nextAtMs: this.#nextAtMs, pauseMs: this.#pauseMs }
  }

  restore({ nextAtMs, pauseMs }: GossiperState): void {
    this.#nextAtMs = nextAtMs
    this.#pauseMs = pauseMs
  }
}

/** {@link Gossiper} as plain data. */
export interface GossiperState {
  readonly nextAtMs: number
  readonly pauseMs: number
}
