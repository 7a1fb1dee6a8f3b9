/** What waits in the queue of a world: an input, a task or a tick for one life of a node. */
import type { InputOf, Protocol } from './boundary.ts'
import type { SimulatedNode } from './simulated-node.ts'

/** An entry of the queue. */
export class Happening<P extends Protocol> {
  atMs: number
  readonly node: SimulatedNode<P>
  /** The life that it is for; -1 for whatever becomes of the node. */
  life: number
  /** Undefined for a tick. */
  readonly what: InputOf<P> | (() => void) | undefined

  constructor(
    atMs: number,
    node: SimulatedNode<P>,
    life: number,
    what: InputOf<P> | (() => void) | undefined,
  ) {
    this.atMs = atMs
    this.node = node
    this.life = life
    this.what = what
  }
}
