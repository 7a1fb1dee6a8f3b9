/** What the layers above see of the members. It outlives the process that keeps it up to date. */
import type { Member, MemberEvent, Membership } from './membership.ts'

/** The members as of the last event. */
export class MembershipView implements Membership {
  readonly #onHandlerError: (error: unknown) => void
  readonly #members = new Map<string, Member>()
  readonly #handlers = new Set<(event: MemberEvent) => void>()

  constructor(onHandlerError: (error: unknown) => void) {
    this.#onHandlerError = onHandlerError
  }

  members(): Member[] {
    return Array.from(this.#members.values())
  }

  subscribe(handler: (event: MemberEvent) => void): () => void {
    const entry = (event: MemberEvent): void => handler(event)
    this.#handlers.add(entry)
    return () => void this.#handlers.delete(entry)
  }

  /** A member changed; everybody is told. */
  apply(event: MemberEvent): void {
    const { hex } = event.member.key
    if (event.type === 'forgotten') this.#members.delete(hex)
    else this.#members.set(hex, event.member)
    for (const handler of this.#handlers) {
      try {
        handler(event)
      } catch (error) {
        this.#onHandlerError(error)
      }
    }
  }

  /** Brings the view to `members`, telling what differs. */
  reconcile(members: readonly Member[]): void {
    const now = new Map(members.map((member) => [member.key.hex, member]))
    for (const member of this.members()) {
      if (!now.has(member.key.hex)) this.apply({ type: 'forgotten', member })
    }
    for (const member of members) {
      const before = this.#members.get(member.key.hex)
      const same = before?.state === member.state && before.incarnation === member.incarnation
      if (!same) this.apply({ type: member.state, member })
    }
  }
}
