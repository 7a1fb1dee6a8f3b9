/** Who is in which group of a scope, as one node knows it. Empty groups are not there (G8). */
import type { Membership } from './membership.ts'

/** What has changed in one group. */
export interface GroupChange {
  readonly type: 'join' | 'leave'
  readonly group: string
  readonly members: readonly Membership[]
}

/** See the head of this file. */
export class GroupTable {
  readonly #groups = new Map<string, Set<Membership>>()

  get size(): number {
    return this.#groups.size
  }

  names(): string[] {
    return Array.from(this.#groups.keys())
  }

  of(group: string): Iterable<Membership> {
    return this.#groups.get(group) ?? []
  }

  /** Memberships by group, all of them. */
  all(): Iterable<readonly [string, Iterable<Membership>]> {
    return this.#groups
  }

  /** Takes leaves and joins over; gives what that is, one change per group and kind. */
  change(joins: Iterable<Membership>, leaves: Iterable<Membership>): GroupChange[] {
    const left = new Map<string, Membership[]>()
    for (const member of leaves) if (this.#remove(member)) gather(left, member)
    const joined = new Map<string, Membership[]>()
    for (const member of joins) if (this.#add(member)) gather(joined, member)
    return [...changes('leave', left), ...changes('join', joined)]
  }

  #add(member: Membership): boolean {
    if (!member.isValid) return false
    const group = this.#groups.get(member.key)
    if (group === undefined) this.#groups.set(member.key, new Set([member]))
    else if (group.has(member)) return false
    else group.add(member)
    return true
  }

  #remove(member: Membership): boolean {
    const group = this.#groups.get(member.key)
    if (group?.delete(member) !== true) return false
    if (group.size === 0) this.#groups.delete(member.key)
    return true
  }
}

function gather(into: Map<string, Membership[]>, member: Membership): void {
  const list = into.get(member.key)
  if (list === undefined) into.set(member.key, [member])
  else list.push(member)
}

function changes(
  type: GroupChange['type'],
  byGroup: ReadonlyMap<string, Membership[]>,
): GroupChange[] {
  return Array.from(byGroup, ([group, members]) => ({ type, group, members }))
}
