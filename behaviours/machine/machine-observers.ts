/**
 * Observers of xstate actors. What one throws, and what an actor failed with while one of its observers has no
 * `error`, xstate throws globally from a timer, which ends the program. Here the first is a failure of the
 * process that the observer runs in; the second is the parent's business alone, who is told in any case.
 */

type Listener = (value: unknown) => unknown

/** What `subscribe` takes as an object. */
interface Observer {
  readonly next?: Listener | undefined
  readonly error?: Listener | undefined
  readonly complete?: Listener | undefined
}

/** An actor as observers see it. */
export interface Observable {
  subscribe(next: Listener | Observer, error?: Listener, complete?: Listener): unknown
  /** Since xstate 5.9. */
  on(type: string, handler: Listener): unknown
}

/** Lets `fail` have what observers of `actor` throw from now on. */
export function guardObservers(actor: Observable, fail: (error: unknown) => void): void {
  const { subscribe, on } = actor
  const guarded =
    (listener: Listener, observer?: Observer): Listener =>
    (value) => {
      try {
        listener.call(observer, value)
      } catch (error) {
        fail(error)
      }
    }
  actor.subscribe = (given, error, complete) => {
    const observer: Observer =
      typeof given === 'function' ? { next: given, error, complete } : given
    const { next, error: onError = () => {}, complete: onComplete } = observer
    return subscribe.call(actor, {
      next: next && guarded(next, observer),
      error: guarded(onError, observer),
      complete: onComplete && guarded(onComplete, observer),
    })
  }
  actor.on = (type, handler) => on.call(actor, type, guarded(handler))
}
