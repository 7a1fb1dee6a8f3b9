/**
 * Lookups that the routing core makes for this one. Every event carries the number of its lookup, so two
 * operations about different keys never see each other's answers (MG5).
 */
import type { LookupHop, LookupResult, LookupSpec } from '../kademlia/machine.ts'
import type { Contact, LookupReply } from '../kademlia/message.ts'
import type { RecordsContext } from './context.ts'

/** Who began a lookup. `lookupDone` is the last call, unless it is cancelled. */
export interface LookupOwner {
  lookupReply(from: Contact, message: LookupReply): void
  lookupHop(hop: LookupHop): void
  lookupDone(result: LookupResult): void
}

/** All lookups under way. What comes for one that has ended is too late, and nothing else. */
export class Lookups {
  readonly #context: RecordsContext
  readonly #owners = new Map<number, LookupOwner>()
  readonly #stopped = new Set<number>()
  #last = 0

  constructor(context: RecordsContext) {
    this.#context = context
  }

  get size(): number {
    return this.#owners.size
  }

  begin(owner: LookupOwner, spec: LookupSpec): number {
    const lookupId = ++this.#last
    this.#owners.set(lookupId, owner)
    this.#context.sink.lookup(lookupId, spec)
    return lookupId
  }

  /** No event follows. */
  cancel(lookupId: number): void {
    if (!this.#owners.delete(lookupId)) return
    this.#stopped.delete(lookupId)
    this.#context.sink.cancelLookup(lookupId)
  }

  /** It ends with what it has; `lookupDone` follows. */
  stop(lookupId: number): void {
    if (!this.#owners.has(lookupId) || this.#stopped.has(lookupId)) return
    this.#stopped.add(lookupId)
    this.#context.sink.stopLookup(lookupId)
  }

  reply(lookupId: number, from: Contact, message: LookupReply): void {
    this.#owners.get(lookupId)?.lookupReply(from, message)
  }

  hop(lookupId: number, hop: LookupHop): void {
    this.#owners.get(lookupId)?.lookupHop(hop)
  }

  done(lookupId: number, result: LookupResult): void {
    const owner = this.#owners.get(lookupId)
    if (owner === undefined) return
    this.#owners.delete(lookupId)
    this.#stopped.delete(lookupId)
    owner.lookupDone(result)
  }
}
