/**
 * Questions of a peer at the edge to its gateway, as a synchronous machine: who wants or offers a name? A gateway takes
 * so many within a second; what is above that waits here. Names that are used are asked again: now and then, and all of
 * them when another gateway takes over. A name may be a filter: then everything is asked for that it matches. Of these a
 * gateway takes fewer, so they wait by themselves.
 */
import { isWildcard } from '../topics/topic.ts'
import type { CatalogKind } from './catalog.ts'
import type { CatalogErrorCode } from './errors.ts'
import type { AnswerGroup, AnswerMessage, QuestionMessage } from './message.ts'
import { Pace } from './pace.ts'
import type { CatalogSettings } from './settings.ts'
import { SoughtNames } from './sought.ts'
import type { Sought } from './sought.ts'

/** What it wants done. */
export interface QuestionsSink {
  /** False when there is no gateway that takes it. */
  ask(message: QuestionMessage): boolean
  /** The whole answer for a name; partial when its gateway may not have heard of everybody yet. */
  answered(
    kind: CatalogKind,
    name: string,
    groups: readonly AnswerGroup[],
    isPartial: boolean,
  ): void
  /** A name is not sought any more. */
  released(kind: CatalogKind, name: string): void
  /** A seek is over. */
  sought(seekId: number): void
  refused(code: CatalogErrorCode): void
}

interface Seek {
  readonly sought: Sought
  readonly deadlineMs: number
}

/** A question that was asked. */
interface Asked {
  readonly sought: Sought
  readonly groups: AnswerGroup[]
  entries: number
  readonly overMs: number
}

/** Part of what a gateway takes within a second that is asked. */
const RATE_PART = 0.5

/** Questions for names and for filters that may be asked at once after a rest. */
const BURST = 8
const FILTER_BURST = 2

const SWEEP_MS = 1_000

/** See the head of this file. */
export class Questions {
  readonly #settings: CatalogSettings
  readonly #sink: QuestionsSink
  readonly #sought: SoughtNames
  /** Names to be asked, in order. */
  readonly #queue = new Set<Sought>()
  readonly #asked = new Map<number, Asked>()
  /** By number, those that were answered: the gateway answers again under it when something has changed. */
  readonly #standing = new Map<number, Sought>()
  readonly #numbers = new Map<Sought, number>()
  readonly #seeks = new Map<number, Seek>()
  readonly #namePace: Pace
  readonly #filterPace: Pace
  #number: number
  #isLinked = false
  #sweepDueMs = Infinity
  #seeksBegun = 0

  constructor(settings: CatalogSettings, chance: () => number, sink: QuestionsSink) {
    this.#settings = settings
    this.#sink = sink
    this.#number = Math.floor(chance() * 0x1_0000_0000)
    this.#namePace = new Pace(settings.edgeSeeksPerSecondMax * RATE_PART, BURST)
    this.#filterPace = new Pace(settings.edgeFilterSeeksPerSecondMax * RATE_PART, FILTER_BURST)
    this.#sought = new SoughtNames(settings, chance, (sought, isForced) => {
      if (isForced) sink.refused('ERR_CATALOG_SOUGHT_MAX')
      this.#queue.delete(sought)
      this.#unstand(sought)
      sink.released(sought.kind, sought.name)
    })
  }

  get seeks(): number {
    return this.#seeksBegun
  }

  /** Sizes, for tests. */
  sizes(): { sought: number; asked: number; queued: number; seeking: number } {
    const { size: sought } = this.#sought
    return { sought, asked: this.#asked.size, queued: this.#queue.size, seeking: this.#seeks.size }
  }

  isSought(nowMs: number, kind: CatalogKind, name: string): boolean {
    const sought = this.#sought.get(kind, name)
    if (sought === undefined) return false
    sought.usedMs = nowMs
    return isKnown(nowMs, sought)
  }

  /** Whether the last search for it ended without an answer, or with a partial one. */
  isUnanswered(kind: CatalogKind, name: string): boolean {
    return this.#sought.get(kind, name)?.isUnanswered === true
  }

  seek(nowMs: number, id: number, kind: CatalogKind, name: string, timeoutMs: number): void {
    this.#seeksBegun += 1
    const { sought } = this.#sought.open(nowMs, kind, name)
    if (isKnown(nowMs, sought)) return this.#sink.sought(id)
    this.#seeks.set(id, { sought, deadlineMs: nowMs + timeoutMs })
    // A gateway whose answer was partial is asked again later, and says by itself what it hears meanwhile.
    if (nowMs >= sought.freshUntilMs) this.#want(nowMs, sought)
    this.#watch(nowMs)
  }

  /** Something is known for that name which may not be true any more: it is asked, as one that is used. */
  again(nowMs: number, kind: CatalogKind, name: string): void {
    const { sought } = this.#sought.open(nowMs, kind, name)
    sought.freshUntilMs = -Infinity
    this.#want(nowMs, sought)
    this.#watch(nowMs)
  }

  giveUp(id: number): void {
    this.#seeks.delete(id)
  }

  /** Whoever is found for that name is to be known until it is not followed any more. */
  follow(nowMs: number, kind: CatalogKind, name: string): void {
    const { sought } = this.#sought.open(nowMs, kind, name)
    sought.isFollowed = true
    if (nowMs >= sought.freshUntilMs) this.#want(nowMs, sought)
    this.#watch(nowMs)
  }

  unfollow(nowMs: number, kind: CatalogKind, name: string): void {
    const sought = this.#sought.get(kind, name)
    if (sought === undefined) return
    sought.isFollowed = false
    sought.usedMs = nowMs
  }

  /** A gateway takes questions: all that counts is asked, of this one. */
  linked(nowMs: number): void {
    this.#isLinked = true
    // That the one before took nothing says nothing about this one.
    this.#namePace.reset()
    this.#filterPace.reset()
    this.#asked.clear()
    this.#standing.clear()
    this.#numbers.clear()
    for (const sought of this.#sought.values()) {
      sought.freshUntilMs = -Infinity
      this.#queue.add(sought)
    }
    this.#pump(nowMs)
    this.#watch(nowMs)
  }

  unlinked(): void {
    this.#isLinked = false
    this.#asked.clear()
  }

  /** What is known for that name is not true any more. */
  stale(kind: CatalogKind, name: string): void {
    const sought = this.#sought.get(kind, name)
    if (sought !== undefined) sought.freshUntilMs = -Infinity
  }

  /** Part of an answer has come. */
  answer(nowMs: number, { number, last, isPartial = false, groups }: AnswerMessage): void {
    const asked = this.#asked.get(number) ?? this.#askedBefore(nowMs, number)
    if (asked === undefined) return
    const { answerEntriesMax, seekFreshMs, seekIntervalMs } = this.#settings
    for (const group of groups) {
      const room = answerEntriesMax - asked.entries
      asked.groups.push({ ...group, items: group.items.slice(0, Math.max(0, room)) })
      asked.entries += group.items.length
    }
    if (asked.entries > answerEntriesMax) this.#sink.refused('ERR_CATALOG_NODE_MAX')
    if (!last) return
    this.#asked.delete(number)
    const { sought } = asked
    const isFound = asked.entries > 0 && !isPartial
    sought.freshUntilMs = nowMs + (isFound ? seekFreshMs : seekIntervalMs)
    sought.isUnanswered = isPartial
    if (this.#sought.get(sought.kind, sought.name) === sought) {
      this.#unstand(sought)
      this.#standing.set(number, sought)
      this.#numbers.set(sought, number)
      this.#sink.answered(sought.kind, sought.name, asked.groups, isPartial)
    }
    this.#end((seek) => seek.sought === sought)
  }

  nextDeadline(): number {
    if (!this.#isLinked) return this.#sweepDueMs
    let dueMs = this.#sweepDueMs
    for (const sought of this.#queue) {
      dueMs = Math.min(dueMs, this.#paceOf(sought).nextMs)
      // Both paces are seen when filters wait as well, which are few.
      if (dueMs <= this.#namePace.nextMs && dueMs <= this.#filterPace.nextMs) break
    }
    return dueMs
  }

  tick(nowMs: number): void {
    this.#pump(nowMs)
    if (this.#sweepDueMs > nowMs) return
    this.#sweepDueMs = Infinity
    for (const [number, { overMs }] of this.#asked) if (overMs <= nowMs) this.#asked.delete(number)
    for (const sought of this.#sought.due(nowMs)) {
      sought.refreshAtMs = this.#sought.nextRefreshMs(nowMs)
      this.#want(nowMs, sought)
    }
    for (const { sought } of this.#seeks.values()) {
      if (nowMs >= sought.freshUntilMs) this.#want(nowMs, sought)
    }
    this.#end(({ deadlineMs, sought }) => {
      if (deadlineMs > nowMs) return false
      sought.isUnanswered = true
      return true
    })
    this.#watch(nowMs)
  }

  #want(nowMs: number, sought: Sought): void {
    for (const asked of this.#asked.values()) if (asked.sought === sought) return
    this.#queue.add(sought)
    this.#pump(nowMs)
  }

  #pump(nowMs: number): void {
    if (!this.#isLinked) return
    for (const sought of this.#queue) {
      const pace = this.#paceOf(sought)
      if (!pace.mayGo(nowMs)) {
        if (!this.#namePace.mayGo(nowMs) && !this.#filterPace.mayGo(nowMs)) return
        continue
      }
      this.#number = (this.#number + 1) >>> 0
      const { kind, name } = sought
      if (!this.#sink.ask({ type: 'question', number: this.#number, kind, name })) {
        this.#namePace.rest(nowMs + SWEEP_MS)
        this.#filterPace.rest(nowMs + SWEEP_MS)
        return
      }
      this.#queue.delete(sought)
      pace.gone(nowMs)
      const overMs = nowMs + 2 * this.#settings.seekTimeoutMs
      this.#asked.set(this.#number, { sought, groups: [], entries: 0, overMs })
    }
  }

  #paceOf({ name }: Sought): Pace {
    return isWildcard(name) ? this.#filterPace : this.#namePace
  }

  /** An answer that nobody waits for begins. */
  #askedBefore(nowMs: number, number: number): Asked | undefined {
    const sought = this.#standing.get(number)
    if (sought === undefined) return undefined
    const overMs = nowMs + 2 * this.#settings.seekTimeoutMs
    const asked: Asked = { sought, groups: [], entries: 0, overMs }
    this.#asked.set(number, asked)
    this.#watch(nowMs)
    return asked
  }

  #unstand(sought: Sought): void {
    this.#standing.delete(this.#numbers.get(sought) ?? -1)
    this.#numbers.delete(sought)
  }

  #end(isOver: (seek: Seek) => boolean): void {
    for (const [id, seek] of this.#seeks) {
      if (!isOver(seek)) continue
      this.#seeks.delete(id)
      this.#sink.sought(id)
    }
  }

  #watch(nowMs: number): void {
    if (this.#sought.size === 0 && this.#asked.size === 0) return
    let dueMs = Math.min(this.#sweepDueMs, nowMs + SWEEP_MS)
    for (const { deadlineMs } of this.#seeks.values()) dueMs = Math.min(dueMs, deadlineMs)
    this.#sweepDueMs = dueMs
  }
}

/** Whether nobody is to be asked for it now. */
function isKnown(nowMs: number, { freshUntilMs, isUnanswered }: Sought): boolean {
  return nowMs < freshUntilMs && isUnanswered !== true
}
