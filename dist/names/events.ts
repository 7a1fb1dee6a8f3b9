/** Who wants to hear what happens to global names on this node. */
import { asNobody } from '../../runtime/index.ts'
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

/** See the head of this file. */
export class NameEvents {
  readonly #handlers = new Map<GlobalRegistryEvent, Set<(...args: never[]) => void>>()
  readonly #failed: (event: GlobalRegistryEvent, error: unknown) => void

  /** What a handler throws goes to `failed`. */
  constructor(failed: (event: GlobalRegistryEvent, error: unknown) => void) {
    this.#failed = failed
  }

  on<E extends GlobalRegistryEvent>(event: E, handler: GlobalRegistryEvents[E]): () => void {
    const handlers = this.#handlers.get(event) ?? new Set()
    this.#handlers.set(event, handlers)
    handlers.add(handler)
    return () => void handlers.delete(handler)
  }

  /** Whether anybody listens: what nobody hears need not be made. */
  isHeard(event: GlobalRegistryEvent): boolean {
    return (this.#handlers.get(event)?.size ?? 0) > 0
  }

  emit<E extends GlobalRegistryEvent>(
    event: E,
    ...args: Parameters<GlobalRegistryEvents[E]>
  ): void {
    for (const handler of Array.from(this.#handlers.get(event) ?? [])) {
      try {
        asNobody(() => (handler as unknown as (...given: typeof args) => void)(...args))
      } catch (error) {
        this.#failed(event, error)
      }
    }
  }

  clear(): void {
    this.#handlers.clear()
  }
}
