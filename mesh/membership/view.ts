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

/** Takes in which spaces a member says it is. */
export type SpacesHandler = (node: string, spaces: string | undefined) => void

/** Parts of a member that are looked up when somebody asks. */
export type MemberDetails = Partial<Pick<Member, 'rttMs' | 'incarnation'>>

/** The members as of the last event. */
export class MembershipView implements Membership {
  readonly #parts: ViewParts
  readonly #members = new Map<string, Member>()
  readonly #handlers = new Set<(event: MemberEvent) => void>()
  readonly #hearers = new Set<SpacesHandler>()

  constructor(parts: ViewParts) {
    this.#parts = parts
  }

  /** Members that are remembered. */
  get size(): number {
    return this.#members.size
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

  /**
   * Calls `handler` with the spaces of each member that is there, at once, and when they change or a new life of it
   * begins; with nothing when it is gone. Who subscribes to events has heard of that before.
   */
  hearSpaces(handler: SpacesHandler): () => void {
    const entry: SpacesHandler = (node, spaces) => {
      try {
        handler(node, spaces)
      } catch (error) {
        this.#parts.onHandlerError(error)
      }
    }
    this.#hearers.add(entry)
    for (const member of this.#members.values()) {
      if (isThere(member)) entry(member.key.hex, member.spaces)
    }
    return () => void this.#hearers.delete(entry)
  }

  /** That is how `member` is now; everybody is told what is new in it. */
  put(member: Member, from?: string): void {
    const before = this.#members.get(member.key.hex)
    this.#put(before, member, from)
    const there = isThere(member)
    const isSame =
      before !== undefined &&
      there === isThere(before) &&
      member.spaces === before.spaces &&
      member.incarnation.generation === before.incarnation.generation
    if (isSame || (!there && !(before !== undefined && isThere(before)))) return
    for (const handler of [...this.#hearers]) {
      handler(member.key.hex, there ? member.spaces : undefined)
    }
  }

  #put(before: Member | undefined, member: Member, from?: string): void {
    const { hex } = member.key
    const there = isThere(member)
    const wasThere = before !== undefined && isThere(before)
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

function isThere({ state }: Member): boolean {
  return state === 'up' || state === 'suspect'
}

function differs(before: Member, now: Member): boolean {
  if (before.nodeId !== now.nodeId) return true
  if (before.incarnation.generation !== now.incarnation.generation) return true
  const names = Object.keys(before.metadata)
  if (names.length !== Object.keys(now.metadata).length) return true
  return names.some((name) => before.metadata[name] !== now.metadata[name])
}
