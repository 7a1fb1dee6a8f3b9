/** Drives presence of one node: what the courier and the catalog say, and time. The work is in `memory.ts`. */
import type { CatalogChange, CatalogEntry } from '../catalog/catalog.ts'
import type { GoneReason, Origin } from '../courier/courier.ts'
import type { Driver, Ties } from '../driver-process.ts'
import { PRESENCE_PREFIX } from '../topics/reserved.ts'
import { matchesFilter } from '../topics/topic.ts'
import { CodecError, MessageError } from '../wire/errors.ts'
import { WireType } from '../wire/messages.ts'
import { doesIn, filterOf, topicOf } from './announcer.ts'
import type { PresenceContext } from './context.ts'
import type { Part } from './roster.ts'

/** See the head of this file. */
export class PresenceDriver implements Driver {
  readonly #context: PresenceContext
  readonly #ties: Ties

  constructor(context: PresenceContext, ties: Ties) {
    this.#context = context
    this.#ties = ties
  }

  get nextDueMs(): number {
    return this.#context.memory.nextDueMs
  }

  /** Listens until `signal` is aborted. */
  begin(signal: AbortSignal): void {
    const { courier, catalog, memory, clock } = this.#context
    const { presenceDelta, presenceState } = WireType
    const changed = (): void => this.#ties.worked()
    memory.changed = changed
    const release = [
      courier.handle(presenceDelta, presenceState, (origin, type, payload) =>
        this.#work(() => this.#frame(origin, type, payload)),
      ),
      courier.onGone((node, reason) => this.#work(() => this.#gone(node, reason))),
      catalog.onChange('topic', (change) => this.#work(() => this.#changed(change))),
      memory.announcer.roster?.listen((topic, node) =>
        this.#work(() => memory.placed(topic, node, clock.now())),
      ),
    ]
    signal.addEventListener('abort', () => {
      for (const off of release) off?.()
      if (memory.changed === changed) memory.changed = () => {}
    })
    memory.resume(clock.now())
  }

  tick(): void {
    const { memory, clock } = this.#context
    memory.tick(clock.now())
  }

  /** What is thrown here ends the process. */
  #work(run: () => void): void {
    try {
      run()
      this.#ties.worked()
    } catch (error) {
      this.#ties.failed(error)
    }
  }

  #frame(origin: Origin, type: number, payload: Uint8Array): void {
    const { memory, refusals } = this.#context
    try {
      memory.frame(origin, type, payload)
    } catch (error) {
      if (!(error instanceof MessageError || error instanceof CodecError)) throw error
      refusals.count('ERR_PRESENCE_MESSAGE_INVALID', { node: origin.node, error })
    }
  }

  #gone(node: string, reason: GoneReason): void {
    const { memory, clock } = this.#context
    memory.gone(node, reason === 'restarted', clock.now())
  }

  #changed({ type, entry }: CatalogChange): void {
    const { pattern } = entry
    if (!pattern.startsWith(PRESENCE_PREFIX)) return
    const { memory, clock } = this.#context
    for (const topic of this.#topicsOf(pattern)) {
      const { owner, observer } = memory.spaceOf(topic)
      if (this.#does(type, entry, topic, 'watches')) owner.watched(topic, entry.node, clock.now())
      else owner.unwatched(topic, entry.node)
      if (this.#does(type, entry, topic, 'tracks')) observer.tracked(topic, entry.node, clock.now())
      else observer.untracked(topic, entry.node)
    }
  }

  /** Another entry of that node may say what this one does not any more. */
  #does(type: CatalogChange['type'], entry: CatalogEntry, topic: string, part: Part): boolean {
    if (type !== 'removed' && doesIn(entry, part)) return true
    return this.#context.memory.announcer.does(topic, entry.node, part)
  }

  /** Topics of this node that the filter is about; those of others are of no interest. */
  #topicsOf(pattern: string): readonly string[] {
    const topic = topicOf(pattern)
    if (topic !== undefined) return [topic]
    const own = Array.from(this.#context.memory.announcer.topics())
    return own.filter((each) => matchesFilter(pattern, filterOf(each)))
  }
}
