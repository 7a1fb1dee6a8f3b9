/** What waits in the queue of a world besides ticks: an input or a task for one life of a node. */
import type { InputOf, Protocol } from './boundary.ts'
import type { SimulatedNode } from './simulated-node.ts'

/** An entry of the queue. */
export class Happening<P extends Protocol> {
  readonly node: SimulatedNode<P>
  /** The life that it is for; -1 for whatever becomes of the node. */
  readonly life: number
  readonly what: InputOf<P> | (() => void)

  constructor(node: SimulatedNode<P>, life: number, what: InputOf<P> | (() => void)) {
    this.node = node
    this.life = life
    this.what = what
  }
}
