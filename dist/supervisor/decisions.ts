/**
 * What the end of a child means to a supervisor over many nodes. Pure: time is an argument. Who is stopped and started is
 * decided as in a local supervisor (`decideExit`, `planRestart`); what is its own is how restarts are counted.
 *
 * The exit signal of the child is the only thing that is decided on. That a node is down is seen by the signals that
 * its children leave behind (`noconnection`), not by a second path that could overtake them (NX-D8).
 *
 * Invariant: a node that is lost counts as one restart, however many children ran there, as long as none of them was
 * started there again: else the loss of a busy node alone would be too many restarts (G12).
 */
import { RestartIntensity, type RestartIntensityOptions } from '../../behaviours/index.ts'
import type { ExitReason } from '../../runtime/index.ts'

/** Counts the restarts of one supervisor. */
export class RestartLedger {
  readonly #intensity: RestartIntensity
  /** Nodes whose loss is counted already. */
  readonly #lost = new Set<string>()

  constructor(options: RestartIntensityOptions) {
    this.#intensity = new RestartIntensity(options)
  }

  /** Whether a child that ended on `keyHex` may be restarted; false when it is once too often. */
  mayRestart(keyHex: string, reason: ExitReason, nowMs: number): boolean {
    const isLoss = isNodeLoss(reason)
    if (isLoss && this.#lost.has(keyHex)) return true
    if (!this.#intensity.add(nowMs)) return false
    if (isLoss) this.#lost.add(keyHex)
    return true
  }

  /** The first child of a node that was lost; later ones of that loss are none. */
  isFirstLoss(keyHex: string, reason: ExitReason): boolean {
    return isNodeLoss(reason) && !this.#lost.has(keyHex)
  }

  /** A child runs there: the node is back, and can be lost again. */
  started(keyHex: string): void {
    this.#lost.delete(keyHex)
  }

  /** Restarts that still count. */
  recent(nowMs: number): number {
    return this.#intensity.recent(nowMs)
  }
}

/** Whether a child ended because its node, or the link to it, was lost. */
export function isNodeLoss(reason: ExitReason): boolean {
  return reason === 'noconnection'
}
