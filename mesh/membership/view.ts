/**
 * What the layers above see of the members. It outlives the detector: after a restart of that the new
 * one reports what it knows, and subscribers are told only what differs from what they were told before.
 *
 * The kind of an event follows from the state before and the state now, never from the word of the
 * detector, so that the events of a member are always a word of the language in `membership.ts` (S14).
 */
import type { MembershipLog, MembershipLogEntry } from './event-log.ts'
import type { Member, MemberEvent, Membership } from './membership.ts'

/** What a view needs. */
export interface ViewParts {
  readonly log: MembershipLog
  /** What changes without an event: the round trip, and how often a node spoke up. */
  readonly detailsOf: (keyHex: string) => MemberDetails
  readonly onHandlerError: (error: unknown) => void
}

/** Parts of a member that are looked up when somebody asks. */
export type MemberDetails = Partial<Pick<Member, 'rttMs' | 'incarnation'>>

/** The members as of the last event. */
export class MembershipView implements Membership {
  readonly #parts: ViewParts
  readonly #members = new Map<string, Member>()
  readonly #handlers = new Set<(event: MemberEvent) => void>()

  constructor(parts: ViewParts) {
    this.#parts = parts
  }

  members(): Member[] {
    return Array.from(this.#members.values(), (member) => this.#measured(member))
  }

  member(keyHex: string): Member | undefined {
    const member = this.#members.get(keyHex)
    return member === undefined ? undefined : this.#measured(member)
  }

  subscribe(handler: (event: MemberEvent) => void): () => void {
    // A wrapper, so that the same function registered twice is called and removed twice.
    const entry = (event: MemberEvent): void => handler(event)
    const members = this.members()
    this.#handlers.add(entry)
    for (const member of members) this.#tell(entry, { type: member.state, member })
    return () => void this.#handlers.delete(entry)
  }

  log(): MembershipLogEntry[] {
    return this.#parts.log.entries()
  }

  /** That is how `member` is now; everybody is told what is new in it. */
  put(member: Member, from?: string): void {
    const { hex } = member.key
    const before = this.#members.get(hex)
    const there = member.state === 'up' || member.state === 'suspect'
    const wasThere = before?.state === 'up' || before?.state === 'suspect'
    if (!there && !wasThere && before === undefined) return
    this.#members.set(hex, member)
    if (there && !wasThere) {
      this.#announce('up', { ...member, state: 'up' }, from)
      if (member.state === 'suspect') this.#announce('suspect', member, from)
      return
    }
    if (before === undefined || (!there && !wasThere)) return
    if (there && differs(before, member)) this.#announce('update', member, from)
    if (member.state === before.state) return
    this.#announce(member.state === 'up' ? 'alive' : member.state, member, from)
  }

  /** The member is not remembered any more. */
  forget(keyHex: string): void {
    const member = this.#members.get(keyHex)
    if (member === undefined) return
    // Whoever was told that it is there is told that it is not, before it vanishes.
    if (member.state === 'up' || member.state === 'suspect') {
      this.put({ ...member, state: 'down', reason: 'heartbeat_timeout' })
    }
    this.#members.delete(keyHex)
    this.#announce('forgotten', member)
  }

  /** Somebody else speaks with the key of that member, or of this node. */
  conflict(member: Member, from?: string): void {
    this.#announce('conflict', member, from)
  }

  #announce(type: MemberEvent['type'], member: Member, from?: string): void {
    const event: MemberEvent = from === undefined ? { type, member } : { type, member, from }
    for (const handler of [...this.#handlers]) {
      if (this.#handlers.has(handler)) this.#tell(handler, event)
    }
  }

  #tell(handler: (event: MemberEvent) => void, event: MemberEvent): void {
    try {
      handler(event)
    } catch (error) {
      this.#parts.onHandlerError(error)
    }
  }

  #measured(member: Member): Member {
    return { ...member, ...this.#parts.detailsOf(member.key.hex) }
  }
}

function differs(before: Member, now: Member): boolean {
  if (before.nodeId !== now.nodeId) return true
  if (before.incarnation.generation !== now.incarnation.generation) return true
  const names = Object.keys(before.metadata)
  if (names.length !== Object.keys(now.metadata).length) return true
  return names.some((name) => before.metadata[name] !== now.metadata[name])
}
