/** One watch of this node, and the three ways to hear of it: a function, a process, a loop. */
import type { Pid, System } from '../../runtime/index.ts'
import { ownPromise } from '../../runtime/index.ts'
import { callHandler } from '../call-handler.ts'
import { DiffBuilder } from './diff.ts'
import type { Diff } from './diff.ts'
import type {
  PresenceEvent,
  PresenceHandler,
  PresenceMessage,
  PresenceStream,
  PresenceWatch,
} from './presence.ts'

/** Who takes what a watch says. */
export interface Listener {
  take(event: PresenceEvent): void
  end(): void
}

/** See the head of this file. */
export class LocalWatch implements PresenceWatch {
  readonly topic: string
  /** When the snapshot is given as it is then; Infinity once it was. */
  beginsMs: number
  readonly #listener: Listener
  readonly #closing: (watch: LocalWatch) => void
  #closed = false

  constructor(
    topic: string,
    beginsMs: number,
    listener: Listener,
    closing: (watch: LocalWatch) => void,
  ) {
    this.topic = topic
    this.beginsMs = beginsMs
    this.#listener = listener
    this.#closing = closing
  }

  get closed(): boolean {
    return this.#closed
  }

  /** It has not got its snapshot yet. */
  get isWaiting(): boolean {
    return this.beginsMs < Infinity
  }

  snapshot(event: PresenceEvent): void {
    this.beginsMs = Infinity
    if (!this.#closed) this.#listener.take(event)
  }

  diff(diff: Diff): void {
    if (!this.#closed && !this.isWaiting) this.#listener.take(diff)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#closing(this)
    this.#listener.end()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** A function of the user. */
export class HandlerListener implements Listener {
  readonly #handler: PresenceHandler<never>
  readonly #failed: (error: unknown) => void

  constructor(handler: PresenceHandler<never>, failed: (error: unknown) => void) {
    this.#handler = handler
    this.#failed = failed
  }

  take(event: PresenceEvent): void {
    callHandler(() => (this.#handler as PresenceHandler)(event), this.#failed)
  }

  end(): void {}
}

/** A process of this system; the limit of its mailbox is its own. */
export class ProcessListener implements Listener {
  /** Takes back that the watch ends with the process. */
  untie: () => void = () => {}
  readonly #system: System
  readonly #pid: Pid

  constructor(system: System, pid: Pid) {
    this.#system = system
    this.#pid = pid
  }

  take(event: PresenceEvent): void {
    const message: PresenceMessage = { type: 'presence', topic: event.topic, event }
    this.#system.send(this.#pid, message)
  }

  end(): void {
    this.untie()
  }
}

/** A loop. What comes while it is not asked is one difference. */
export class LoopListener implements Listener {
  readonly #later: DiffBuilder
  #snapshot: PresenceEvent | undefined
  #isOver = false
  readonly #asking: ((result: IteratorResult<PresenceEvent>) => void)[] = []

  constructor(topic: string) {
    this.#later = new DiffBuilder(topic)
  }

  take(event: PresenceEvent): void {
    if (event.type === 'snapshot') this.#snapshot = event
    else this.#later.append(event)
    if (this.#asking.length === 0) return
    const next = this.#next()
    if (next !== undefined) this.#asking.shift()!({ done: false, value: next })
  }

  end(): void {
    this.#isOver = true
    for (const asking of this.#asking.splice(0)) asking({ done: true, value: undefined })
  }

  next(): Promise<IteratorResult<PresenceEvent>> {
    const next = this.#isOver ? undefined : this.#next()
    if (next !== undefined) return Promise.resolve({ done: false, value: next })
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined })
    return ownPromise((resolve) => void this.#asking.push(resolve))
  }

  #next(): PresenceEvent | undefined {
    const snapshot = this.#snapshot
    this.#snapshot = undefined
    if (snapshot !== undefined) return snapshot
    return this.#later.isEmpty ? undefined : this.#later.take()
  }
}

/** A watch that is read in a loop. */
export class LocalStream implements PresenceStream {
  readonly #watch: LocalWatch
  readonly #loop: LoopListener

  constructor(watch: LocalWatch, loop: LoopListener) {
    this.#watch = watch
    this.#loop = loop
  }

  get topic(): string {
    return this.#watch.topic
  }

  get closed(): boolean {
    return this.#watch.closed
  }

  close(): void {
    this.#watch.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  [Symbol.asyncIterator](): AsyncIterator<PresenceEvent> {
    return {
      next: () => this.#loop.next(),
      return: () => {
        this.close()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }
}
