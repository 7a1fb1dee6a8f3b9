/** Who takes the messages of a subscription: a function, a process, or a loop. */
import type { Pid, System } from '../../runtime/index.ts'
import { asNobody, ownPromise } from '../../runtime/index.ts'
import { DeliveredMessage, processMessage } from './message.ts'
import type { Publication } from './message.ts'
import type { MessageHandler, PubSubMessage } from './pubsub.ts'

/** See the head of this file. */
export interface Subscriber {
  /** Takes a message; what it gives is awaited before the next one. */
  take(publication: Publication, filter: string): unknown
  /** False when it would not take one now, and cannot say when it will. */
  isReady(): boolean
  /** The subscription is over. */
  end(): void
}

/** A function of the user. */
export class CallbackSubscriber implements Subscriber {
  readonly #handler: MessageHandler<never>

  constructor(handler: MessageHandler<never>) {
    this.#handler = handler
  }

  take(publication: Publication, filter: string): unknown {
    const message = new DeliveredMessage(publication, filter)
    return (this.#handler as MessageHandler)(message)
  }

  isReady(): boolean {
    return true
  }

  end(): void {}
}

/** A process of this system; its mailbox is the queue. */
export class ProcessSubscriber implements Subscriber {
  readonly #system: System
  readonly #pid: Pid
  readonly #messagesMax: number

  constructor(system: System, pid: Pid, messagesMax: number) {
    this.#system = system
    this.#pid = pid
    this.#messagesMax = messagesMax
  }

  take(publication: Publication, filter: string): unknown {
    this.#system.send(this.#pid, processMessage(publication, filter))
    return undefined
  }

  isReady(): boolean {
    const process = this.#system.process(this.#pid)
    return process !== undefined && process.mailboxLength < this.#messagesMax
  }

  end(): void {}
}

/** A loop: a message is handled when the next one is asked for. */
export class LoopSubscriber implements Subscriber {
  /** Given and not asked beyond. */
  #handled: (() => void) | undefined
  #message: PubSubMessage | undefined
  #waiting: ((result: IteratorResult<PubSubMessage>) => void)[] = []
  #isOver = false

  take(publication: Publication, filter: string): unknown {
    const message = new DeliveredMessage(publication, filter)
    return asNobody(
      () =>
        new Promise<void>((resolve) => {
          const waiting = this.#waiting.shift()
          if (waiting === undefined) this.#message = message
          else waiting({ done: false, value: message })
          // The one after it may have been asked for already.
          if (this.#waiting.length > 0) resolve()
          else this.#handled = resolve
        }),
    )
  }

  isReady(): boolean {
    return true
  }

  /** The next message. */
  next(): Promise<IteratorResult<PubSubMessage>> {
    const message = this.#message
    if (message !== undefined) {
      this.#message = undefined
      return Promise.resolve({ done: false, value: message })
    }
    const handled = this.#handled
    this.#handled = undefined
    return ownPromise((resolve) => {
      if (this.#isOver) resolve({ done: true, value: undefined })
      else this.#waiting.push(resolve)
      handled?.()
    })
  }

  end(): void {
    this.#isOver = true
    this.#message = undefined
    this.#handled?.()
    this.#handled = undefined
    for (const waiting of this.#waiting.splice(0)) waiting({ done: true, value: undefined })
  }
}
