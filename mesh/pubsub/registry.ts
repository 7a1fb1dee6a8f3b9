/**
 * The subscriptions of this node by filter, and what the catalog is told of them: each filter once, with the number of
 * members of each group. Outlives the process of pub/sub.
 */
import type { Clock } from '../../runtime/index.ts'
import type { Catalog, CatalogDetail } from '../catalog/catalog.ts'
import { FilterMap } from '../topics/filter-map.ts'
import type { LocalSubscription } from './local-subscription.ts'

/** True in the detail of filters that are told as one, for there are too many. */
export const WIDENED = 'widened'
/** Begins the names of groups in the detail of a catalog entry. */
export const GROUP_PREFIX = 'g:'
/** Name of the number of subscriptions in no group. */
export const PLAIN = 'plain'

/**
 * Name of a number in the detail of a filter that was wanted before: another one each time that it is wanted anew. The catalog
 * does not tell what was deleted and set again within a moment, and others must know that last values are wanted anew.
 */
export const AGAIN = 'again'

/** Filters that are remembered as wanted before. */
const FORMER_MAX = 1_024

/** Members of one group on this node. */
export class LocalGroup {
  readonly members: LocalSubscription[]
  /** Of them those that want messages. */
  open = 0
  #next = 0

  constructor(members: LocalSubscription[] = []) {
    this.members = members
  }

  /** Members that may get a message of this node. */
  count(): number {
    return this.members.reduce(
      (sum, { settings, isOpen }) => sum + (settings.noLocal || !isOpen ? 0 : 1),
      0,
    )
  }

  /** The next that wants messages and is not full, else the next that wants some, else one that still takes some. */
  pick(isLocal: boolean): LocalSubscription | undefined {
    const { members } = this
    let other: LocalSubscription | undefined
    for (let tried = 0; tried < members.length; tried++) {
      this.#next = (this.#next + 1) % members.length
      const member = members[this.#next]!
      if (!member.isTaking || (isLocal && member.settings.noLocal)) continue
      if (member.isOpen && !member.isFull) return member
      if (other === undefined || (member.isOpen && !other.isOpen)) other = member
    }
    return other
  }
}

/** What there is under one filter. */
export class FilterEntry {
  readonly filter: string
  /** In no group. */
  readonly plain: Set<LocalSubscription> = new Set()
  /** Of them those that want messages. */
  open = 0
  readonly groups: Map<string, LocalGroup> = new Map()
  /** The catalog says that this node wants it. */
  isAnnounced = false
  isDirty = false
  /** See {@link AGAIN}; undefined for one that is wanted for the first time. */
  again: number | undefined

  constructor(filter: string) {
    this.filter = filter
  }

  get isEmpty(): boolean {
    return this.plain.size === 0 && this.groups.size === 0
  }

  /** What the catalog is told; undefined when nobody wants it any more. */
  detail(): CatalogDetail | undefined {
    const detail: Record<string, number> = {}
    if (this.open > 0) detail[PLAIN] = 1
    for (const [group, { open }] of this.groups) {
      if (open > 0) detail[GROUP_PREFIX + group] = open
    }
    if (Object.keys(detail).length === 0) return undefined
    return this.again === undefined ? detail : { ...detail, [AGAIN]: this.again }
  }
}

/** Hears of filters that are wanted now, or no more by anybody who is in no group. */
export interface RegistryEvents {
  filterAdded(filter: string): void
  plainRemoved(filter: string): void
  /** The catalog did not take how many members a group has. */
  refused(error: unknown): void
}

/** See the head of this file. */
export class Registry {
  readonly #catalog: Catalog
  readonly #clock: Clock
  readonly #entries = new Map<string, FilterEntry>()
  readonly #map = new FilterMap<FilterEntry>()
  readonly #dirty: FilterEntry[] = []
  readonly #subscriptions = new Set<LocalSubscription>()
  readonly #events: RegistryEvents
  /** Filters that were wanted before, the longest ago first. */
  readonly #former = new Set<string>()
  #timesAgain = 0
  /** Rises with every change. */
  version = 0

  constructor(catalog: Catalog, clock: Clock, events: RegistryEvents) {
    this.#catalog = catalog
    this.#clock = clock
    this.#events = events
  }

  /** Those that are not closed, also such that want nothing any more. */
  get subscriptions(): ReadonlySet<LocalSubscription> {
    return this.#subscriptions
  }

  get filters(): number {
    return this.#entries.size
  }

  entries(): Iterable<FilterEntry> {
    return this.#entries.values()
  }

  /** Throws what the catalog throws, and then nothing is changed. */
  add(subscription: LocalSubscription): void {
    const { filter, group } = subscription
    const there = this.#entries.get(filter)
    const entry = there ?? new FilterEntry(filter)
    const isNewGroup = group !== undefined && !entry.groups.has(group)
    join(entry, subscription)
    const isFirst = !entry.isAnnounced || (group === undefined && entry.open === 1)
    if (isFirst && this.#former.has(filter)) entry.again = ++this.#timesAgain
    if (!entry.isAnnounced || isNewGroup) {
      try {
        this.#catalog.set('topic', filter, entry.detail())
      } catch (error) {
        close(entry, subscription)
        part(entry, subscription)
        throw error
      }
      const isNew = !entry.isAnnounced
      entry.isAnnounced = true
      if (there === undefined) {
        this.#entries.set(filter, entry)
        this.#map.add(filter, entry)
      }
      if (isNew) this.#events.filterAdded(filter)
    } else if (group !== undefined || entry.plain.size === 1) this.#changed(entry)
    this.#subscriptions.add(subscription)
    this.version += 1
  }

  /** It wants nothing any more; until it is closed it gets what comes all the same. */
  leave(subscription: LocalSubscription): void {
    const { filter, group } = subscription
    const entry = this.#entries.get(filter)
    if (entry === undefined) return
    close(entry, subscription)
    if (!entry.isAnnounced || (group === undefined && entry.open > 0)) return
    if (entry.detail() === undefined) {
      entry.isAnnounced = false
      this.#catalog.delete('topic', filter)
    } else this.#changed(entry)
    if (group !== undefined) return
    this.#wasWanted(filter)
    this.#events.plainRemoved(filter)
  }

  /** It is closed. */
  forget(subscription: LocalSubscription): void {
    this.#subscriptions.delete(subscription)
    const entry = this.#entries.get(subscription.filter)
    if (entry === undefined || !part(entry, subscription)) return
    this.version += 1
    if (!entry.isEmpty) return
    this.#entries.delete(entry.filter)
    this.#map.delete(entry.filter, entry)
  }

  match(topic: string, visit: (entry: FilterEntry) => void): void {
    this.#map.match(topic, visit)
  }

  /** Whether others are told that this node wants it, and not for groups alone: then every message of it comes here. */
  isWanted(topic: string): boolean {
    let isWanted = false
    this.#map.match(topic, (entry) => {
      isWanted ||= entry.isAnnounced && entry.open > 0
    })
    return isWanted
  }

  #wasWanted(filter: string): void {
    this.#former.delete(filter)
    this.#former.add(filter)
    if (this.#former.size <= FORMER_MAX) return
    for (const oldest of this.#former) return void this.#former.delete(oldest)
  }

  /** Told at the end of the turn, so that many changes are one. */
  #changed(entry: FilterEntry): void {
    if (entry.isDirty) return
    entry.isDirty = true
    this.#dirty.push(entry)
    if (this.#dirty.length === 1) this.#clock.microtask(() => this.#tell())
  }

  #tell(): void {
    for (const entry of this.#dirty.splice(0)) {
      entry.isDirty = false
      const detail = entry.detail()
      if (!entry.isAnnounced || detail === undefined) continue
      try {
        this.#catalog.set('topic', entry.filter, detail)
      } catch (error) {
        this.#events.refused(error)
      }
    }
  }
}

function join(entry: FilterEntry, subscription: LocalSubscription): void {
  const { group } = subscription
  if (group === undefined) {
    entry.plain.add(subscription)
    entry.open += 1
    return
  }
  let members = entry.groups.get(group)
  if (members === undefined) entry.groups.set(group, (members = new LocalGroup()))
  members.members.push(subscription)
  members.open += 1
}

/** It wants nothing any more. */
function close(entry: FilterEntry, { group }: LocalSubscription): void {
  const of = group === undefined ? entry : entry.groups.get(group)
  if (of !== undefined) of.open -= 1
}

function part(entry: FilterEntry, subscription: LocalSubscription): boolean {
  const { group } = subscription
  if (group === undefined) return entry.plain.delete(subscription)
  const members = entry.groups.get(group)?.members
  const at = members?.indexOf(subscription) ?? -1
  if (members === undefined || at === -1) return false
  members.splice(at, 1)
  if (members.length === 0) entry.groups.delete(group)
  return true
}
