/** Waits until all nodes that a message `at_least_once` went to have acknowledged it, or are given up. */
import type { ItemEnd } from './send-session.ts'

/** Takes the outcome, once. */
export type DeliveriesDone = (outcome: {
  /** Nodes that acknowledged. */
  readonly nodes: number
  /** Nodes that did not. */
  readonly failed: readonly string[]
  /** One of those does not let this node publish. */
  readonly isDenied: boolean
}) => void

/** One message at several nodes. */
export class Deliveries {
  readonly topic: string
  readonly #done: DeliveriesDone
  #waiting: number
  #nodes = 0
  #isDenied = false
  readonly #failed: string[] = []

  constructor(topic: string, nodes: number, done: DeliveriesDone) {
    this.topic = topic
    this.#waiting = nodes
    this.#done = done
  }

  /** It is over at one node. */
  over(node: string, end: ItemEnd): void {
    if (end === 'acknowledged') this.#nodes += 1
    else this.#failed.push(node)
    if (end === 'denied') this.#isDenied = true
    this.#waiting -= 1
    if (this.#waiting > 0) return
    this.#done({ nodes: this.#nodes, failed: this.#failed, isDenied: this.#isDenied })
  }
}
