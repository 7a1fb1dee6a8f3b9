/**
 * The lookups of an operation: for the k nearest first, and further out as long as those that were found crowd
 * around the key. Whoever crowds there may withhold what is kept, so it is put, and looked for, further out (K45).
 */
import type { KadKey } from '../kademlia/id.ts'
import { compareDistance } from '../kademlia/id.ts'
import type { LookupResult, LookupSpec } from '../kademlia/machine.ts'
import type { Contact } from '../kademlia/message.ts'
import type { RecordsContext } from './context.ts'
import type { LookupOwner } from './lookups.ts'
import { widerCount } from './radius.ts'
import type { KeyArea } from './radius.ts'

/** What is searched, and how. What is not given is as the routing core has it. */
export interface SearchSpec {
  readonly kind: LookupSpec['kind']
  readonly key: KadKey
  readonly paths?: number | undefined
  readonly alpha?: number | undefined
  readonly deadlineMs?: number | undefined
  readonly trace?: boolean | undefined
}

/** One search: one lookup at a time, of which `owner` gets the events. */
export class Search {
  readonly #context: RecordsContext
  readonly #owner: LookupOwner
  readonly #spec: SearchSpec
  readonly #found = new Map<string, Contact>()
  #lookupId: number | undefined
  #count = 0
  #requests = 0
  #failures = 0

  constructor(context: RecordsContext, owner: LookupOwner, spec: SearchSpec) {
    this.#context = context
    this.#owner = owner
    this.#spec = spec
  }

  /** Of the lookups that have ended. */
  get requests(): number {
    return this.#requests
  }

  /** Nodes that were asked and did not answer. */
  get failures(): number {
    return this.#failures
  }

  begin(): void {
    this.#look(this.#context.settings.k)
  }

  /** Enough is known: the lookup ends with what it has. */
  stop(): void {
    if (this.#lookupId !== undefined) this.#context.lookups.stop(this.#lookupId)
  }

  /** No event follows. */
  cancel(): void {
    if (this.#lookupId !== undefined) this.#context.lookups.cancel(this.#lookupId)
    this.#lookupId = undefined
  }

  /** The lookup has ended; for `lookupDone` of the owner. */
  ended({ requests, failures, closest }: LookupResult): void {
    this.#lookupId = undefined
    this.#requests += requests
    this.#failures += failures
    for (const contact of closest) this.#found.set(contact.id, contact)
  }

  /** What is known of the surroundings of the key. */
  area(): KeyArea {
    const { key } = this.#spec
    const found = [...this.#found.values()].sort((a, b) => compareDistance(key, a.key, b.key))
    return { key, found, count: this.#count, networkSize: this.#context.routing.networkSize() }
  }

  /** Looks further out, if that may bring more; false when it may not. */
  widen(): boolean {
    const count = widerCount(this.area(), this.#context.settings)
    if (count === undefined) return false
    this.#look(count)
    return true
  }

  #look(count: number): void {
    const { kind, key, paths, alpha, deadlineMs, trace } = this.#spec
    this.#count = count
    this.#lookupId = this.#context.lookups.begin(this.#owner, {
      kind,
      target: key,
      count,
      ...(paths === undefined ? {} : { paths }),
      ...(alpha === undefined ? {} : { alpha }),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(trace === undefined ? {} : { trace }),
    })
  }
}
