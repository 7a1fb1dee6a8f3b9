/** What can be watched in a simulated world; checkers and measurements are observers. */
import type { InputOf, NodeContact, Protocol } from './boundary.ts'
import type { SimulatedNode } from './simulated-node.ts'

/** Called in the order in which things happen; must not change the world. */
export interface Observer<P extends Protocol> {
  /** A new life began; its core has had no input yet. */
  started?(node: SimulatedNode<P>): void
  /** A life ended. */
  stopped?(node: SimulatedNode<P>): void
  /** Before a core takes an input. */
  stepping?(node: SimulatedNode<P>, input: InputOf<P>): void
  /** After a core took an input and all its effects happened. */
  stepped?(node: SimulatedNode<P>, input: InputOf<P>): void
  sent?(node: SimulatedNode<P>, to: string, message: P['datagram']): void
  /** A request or a reply on a stream. */
  streamed?(node: SimulatedNode<P>, message: P['request'] | P['reply']): void
  /** A request, before it is on its way. */
  requested?(
    node: SimulatedNode<P>,
    requestId: number,
    to: NodeContact,
    message: P['request'],
  ): void
  /** An answer to the request with that number of an input. */
  replied?(node: SimulatedNode<P>, replyId: number, message: P['reply']): void
  /** Nobody waits for that request any more. */
  cancelled?(node: SimulatedNode<P>, requestId: number): void
  event?(node: SimulatedNode<P>, event: P['event']): void
  persisting?(node: SimulatedNode<P>, generation: number): void
  refused?(node: SimulatedNode<P>, code: string, from: string | undefined): void
  left?(node: SimulatedNode<P>): void
  /** A datagram did not arrive. */
  lost?(node: SimulatedNode<P>, to: string, message: P['datagram']): void
}

/** Observers by what they watch, so that what nobody watches costs one comparison. */
export class Observers<P extends Protocol> {
  readonly started: Required<Observer<P>>['started'][] = []
  readonly stopped: Required<Observer<P>>['stopped'][] = []
  readonly stepping: Required<Observer<P>>['stepping'][] = []
  readonly stepped: Required<Observer<P>>['stepped'][] = []
  readonly sent: Required<Observer<P>>['sent'][] = []
  readonly streamed: Required<Observer<P>>['streamed'][] = []
  readonly requested: Required<Observer<P>>['requested'][] = []
  readonly replied: Required<Observer<P>>['replied'][] = []
  readonly cancelled: Required<Observer<P>>['cancelled'][] = []
  readonly event: Required<Observer<P>>['event'][] = []
  readonly persisting: Required<Observer<P>>['persisting'][] = []
  readonly refused: Required<Observer<P>>['refused'][] = []
  readonly left: Required<Observer<P>>['left'][] = []
  readonly lost: Required<Observer<P>>['lost'][] = []

  add(observer: Observer<P>): void {
    if (observer.started) this.started.push(observer.started.bind(observer))
    if (observer.stopped) this.stopped.push(observer.stopped.bind(observer))
    if (observer.stepping) this.stepping.push(observer.stepping.bind(observer))
    if (observer.stepped) this.stepped.push(observer.stepped.bind(observer))
    if (observer.sent) this.sent.push(observer.sent.bind(observer))
    if (observer.streamed) this.streamed.push(observer.streamed.bind(observer))
    if (observer.requested) this.requested.push(observer.requested.bind(observer))
    if (observer.replied) this.replied.push(observer.replied.bind(observer))
    if (observer.cancelled) this.cancelled.push(observer.cancelled.bind(observer))
    if (observer.event) this.event.push(observer.event.bind(observer))
    if (observer.persisting) this.persisting.push(observer.persisting.bind(observer))
    if (observer.refused) this.refused.push(observer.refused.bind(observer))
    if (observer.left) this.left.push(observer.left.bind(observer))
    if (observer.lost) this.lost.push(observer.lost.bind(observer))
  }
}
