/** One entry of this node, as its application holds it. */
import type { Pid } from '../../runtime/index.ts'
import type { PresenceContext } from './context.ts'
import { PresenceError } from './errors.ts'
import { frozen } from './frozen.ts'
import type { OwnEntry } from './own-topic.ts'
import type { TrackedPresence } from './presence.ts'

/** What is tracked. */
export interface Given {
  readonly topic: string
  readonly key: string
  readonly meta: unknown
}

/** See the head of this file. */
export class Tracked implements TrackedPresence {
  readonly #context: PresenceContext
  readonly #over: (tracked: Tracked) => void
  #entry: OwnEntry
  #isTracked = true
  #untie: (() => void) | undefined

  /** `over` is called when it is not tracked any more. */
  constructor(
    context: PresenceContext,
    { topic, key, meta }: Given,
    over: (tracked: Tracked) => void,
  ) {
    const { memory, clock } = context
    this.#context = context
    this.#over = over
    const { bytes, copy } = this.#encode(meta)
    this.#entry = memory.owner.track(topic, key, bytes, copy, clock.now())
  }

  get topic(): string {
    return this.#entry.public.topic
  }

  get key(): string {
    return this.#entry.key
  }

  get ref(): string {
    return this.#entry.public.ref
  }

  get isTracked(): boolean {
    return this.#isTracked
  }

  /** It ends with that process. */
  tie(pid: Pid): void {
    this.#untie = this.#context.memory.ties.tie(pid, () => this.untrack())
  }

  update(meta: unknown): void {
    if (!this.#isTracked) {
      throw new PresenceError('ERR_PRESENCE_UNTRACKED', `${this.key} is not tracked any more`)
    }
    const { memory, clock } = this.#context
    const { bytes, copy } = this.#encode(meta)
    this.#entry = memory.owner.update(this.#entry, bytes, copy, clock.now())
    memory.changed()
  }

  untrack(): void {
    if (!this.#isTracked) return
    this.#isTracked = false
    this.#untie?.()
    const { memory, clock } = this.#context
    memory.owner.untrack(this.#entry, clock.now())
    this.#over(this)
    memory.changed()
  }

  [Symbol.dispose](): void {
    this.untrack()
  }

  /** What travels, and what others would get: a copy, so that it does not change unsaid. */
  #encode(meta: unknown): { readonly bytes: Uint8Array; readonly copy: unknown } {
    const { values, settings } = this.#context
    let bytes: Uint8Array
    try {
      bytes = values.encode(meta)
    } catch (cause) {
      const why = cause instanceof Error ? `: ${cause.message}` : ''
      const text = `the meta cannot be encoded${why}`
      throw new PresenceError('ERR_PRESENCE_META_INVALID', text, { cause })
    }
    if (bytes.length > settings.metaBytesMax) {
      const text = `a meta of ${bytes.length} bytes, at most ${settings.metaBytesMax} may be`
      throw new PresenceError('ERR_PRESENCE_META_TOO_LARGE', text)
    }
    return { bytes, copy: frozen(values.decode(bytes)) }
  }
}
