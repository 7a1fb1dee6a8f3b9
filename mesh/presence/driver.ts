/** Drives presence of one node: what the courier and the catalog say, and time. The work is in `memory.ts`. */
import type { CatalogChange } from '../catalog/catalog.ts'
import type { GoneReason, Origin } from '../courier/courier.ts'
import type { Driver, Ties } from '../driver-process.ts'
import { PRESENCE_PREFIX } from '../topics/reserved.ts'
import { matchesFilter } from '../topics/topic.ts'
import { CodecError, MessageError } from '../wire/errors.ts'
import { WireType } from '../wire/messages.ts'
import { COUNTERPART, filterOf, placeOf } from './announcer.ts'
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
    const { pattern, node } = entry
    if (!pattern.startsWith(PRESENCE_PREFIX)) return
    const { memory, clock } = this.#context
    for (const { topic, part } of this.#placesOf(pattern)) {
      const { owner, observer } = memory.spaceOf(topic)
      // Another entry of that node may say what this one does not any more. Whoever has nothing to do with the topic
      // need not know: to look costs as much as there are nodes in it.
      const isHere = (part === 'watches' ? owner : observer).topics.has(topic)
      const does = type !== 'removed' || (isHere && memory.announcer.does(topic, node, part))
      if (part === 'tracks') {
        if (does) observer.tracked(topic, node, clock.now())
        else observer.untracked(topic, node)
      } else if (does) owner.watched(topic, node, clock.now())
      else owner.unwatched(topic, node)
    }
  }

  /** What the filter is about; of a widened one what this node looks for. */
  #placesOf(pattern: string): readonly { readonly topic: string; readonly part: Part }[] {
    const place = placeOf(pattern)
    if (place !== undefined) return [place]
    const { announcer } = this.#context.memory
    return Array.from(announcer.topics()).flatMap((topic) =>
      announcer
        .partsIn(topic)
        .map((does) => ({ topic, part: COUNTERPART[does] }))
        .filter(({ part }) => matchesFilter(pattern, filterOf(topic, part))),
    )
  }
}
