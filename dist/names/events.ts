/** Who wants to hear what happens to global names on this node. */
import { ArgumentError, asNobody } from '../../runtime/index.ts'
import { InOrder } from '../in-order.ts'
import type { GlobalEntry } from './resolver.ts'

/** What is told, by event. */
export interface GlobalRegistryEvents {
  /** A process has the name now; the one before has it no more. */
  registered: (entry: GlobalEntry) => void
  /** Nobody has the name any more; `entry` is who had it. */
  unregistered: (entry: GlobalEntry) => void
  /** A conflict was decided that a process of this node was in; `winner` is undefined when nobody keeps the name. */
  conflictResolved: (
    name: string,
    winner: GlobalEntry | undefined,
    losers: readonly GlobalEntry[],
  ) => void
  /** All names of a node that came up are known here. */
  synced: (nodeId: string) => void
}

/** Name of an event. */
export type GlobalRegistryEvent = keyof GlobalRegistryEvents

const EVENTS: Readonly<Record<GlobalRegistryEvent, true>> = Object.freeze({
  ...{ registered: true, unregistered: true, conflictResolved: true, synced: true },
})

/** One call of `on`: the same handler may listen twice. */
interface Listener {
  readonly handler: (...args: never[]) => void
}

/** See the head of this file. */
export class NameEvents {
  readonly #handlers = new Map<GlobalRegistryEvent, Set<Listener>>()
  readonly #order = new InOrder()
  readonly #failed: (event: GlobalRegistryEvent, error: unknown) => void

  /** What a handler throws goes to `failed`. */
  constructor(failed: (event: GlobalRegistryEvent, error: unknown) => void) {
    this.#failed = failed
  }

  on<E extends GlobalRegistryEvent>(event: E, handler: GlobalRegistryEvents[E]): () => void {
    if (typeof handler !== 'function') throw new ArgumentError('handler', 'a function', handler)
    if (!Object.hasOwn(EVENTS, event)) {
      throw new ArgumentError('event', `one of ${Object.keys(EVENTS).join(', ')}`, event)
    }
    const handlers = this.#handlers.get(event) ?? new Set()
    this.#handlers.set(event, handlers)
    const listener: Listener = { handler }
    handlers.add(listener)
    return () => void handlers.delete(listener)
  }

  /** Whether anybody listens: what nobody hears need not be made. */
  isHeard(event: GlobalRegistryEvent): boolean {
    return (this.#handlers.get(event)?.size ?? 0) > 0
  }

  emit<E extends GlobalRegistryEvent>(
    event: E,
    ...args: Parameters<GlobalRegistryEvents[E]>
  ): void {
    const listeners = this.#handlers.get(event)
    if (listeners === undefined) return
    this.#order.tell(listeners, [args], ({ handler }, given) => {
      try {
        asNobody(() => (handler as unknown as (...all: typeof args) => void)(...given))
      } catch (error) {
        this.#failed(event, error)
      }
    })
  }

  clear(): void {
    for (const listeners of this.#handlers.values()) listeners.clear()
    this.#handlers.clear()
  }
}
