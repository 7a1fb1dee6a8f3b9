/** A scope of groups on one node: memberships of its own processes, what others say, and who listens. */
import { bareRef, isRef, type Contract, type Ref } from '../../behaviours/index.ts'
import { ArgumentError, asNobody, isPid, type Pid } from '../../runtime/index.ts'
import type { Diff, OwnEntry, SpaceTopic } from '../../mesh/index.ts'
import { facesOf, type Nameable } from '../names/global-registry.ts'
import { InOrder } from '../in-order.ts'
import type { DistParts } from '../parts.ts'
import { GroupsError } from './errors.ts'
import { GroupTable, type GroupChange } from './group-table.ts'
import type {
  DispatchOptions,
  DispatchTo,
  GroupEvent,
  GroupMessage,
  GroupScope,
  GroupsMonitor,
  MonitorGroupsOptions,
} from './groups.ts'
import { Membership, metaOf } from './membership.ts'
import type { GroupsOptions } from './options.ts'

/** What a scope works with. */
export interface LocalScopeParts {
  readonly parts: DistParts
  readonly options: Readonly<GroupsOptions>
  readonly topic: SpaceTopic
  /** Memberships of this node in all scopes. */
  readonly ownSize: () => number
  readonly closed: (scope: LocalScope) => void
}

/** A process of this node and where it is a member. */
interface Tied {
  readonly pid: Pid
  readonly entries: Set<OwnEntry>
  readonly stop: () => void
}

interface Watcher {
  readonly group: string | undefined
  readonly take: (event: GroupEvent) => void
  /** Takes back that it ends with its process. */
  off: (() => void) | undefined
}

/** See the head of this file. */
export class LocalScope implements GroupScope {
  readonly name: string
  readonly #made: LocalScopeParts
  readonly #table = new GroupTable()
  readonly #ties = new Map<number, Tied>()
  readonly #watchers = new Set<Watcher>()
  readonly #order = new InOrder()
  #isClosed = false

  constructor(name: string, made: LocalScopeParts) {
    this.name = name
    this.#made = made
  }

  join(group: string, members: Nameable | readonly Nameable[]): void {
    this.#open()
    this.#checkGroup(group)
    const { topic, options, ownSize, parts } = this.#made
    const joining = this.#locals(members).filter(({ pid }) => parts.system.isAlive(pid))
    if (ownSize() + joining.length > options.ownMembersMax) {
      const what = `there are ${options.ownMembersMax} memberships`
      throw new GroupsError('ERR_GROUPS_MEMBERS_MAX', this.name, what)
    }
    const entries = joining.map(({ pid, contract }) => {
      const entry = topic.join(group, metaOf(pid.id, contract))
      this.#tie(pid).entries.add(entry)
      return entry
    })
    this.#change(entries.map(membershipOf), [])
  }

  leave(group: string, members: Nameable | readonly Nameable[]): boolean {
    this.#open()
    const leaving: OwnEntry[] = []
    for (const { pid } of this.#locals(members)) {
      const tied = this.#ties.get(pid.id)
      for (const entry of tied?.entries ?? []) {
        if (entry.key !== group) continue
        tied!.entries.delete(entry)
        leaving.push(entry)
        break
      }
      if (tied?.entries.size === 0) this.#untie(tied)
    }
    this.#leave(leaving)
    return leaving.length > 0
  }

  members<P = unknown>(group: string, contract?: Contract<P>): Ref<P>[] {
    this.#open()
    return Array.from(this.#table.of(group), (member) => this.#refOf(member, contract))
  }

  localMembers<P = unknown>(group: string, contract?: Contract<P>): Ref<P>[] {
    this.#open()
    return this.#locally(group).map((member) => this.#refOf(member, contract))
  }

  groups(): string[] {
    this.#open()
    return this.#table.names()
  }

  localGroups(): string[] {
    return this.groups().filter((group) => this.#locally(group).length > 0)
  }

  monitor(
    given: ((event: GroupEvent) => void) | Pid | Ref<never>,
    { group }: MonitorGroupsOptions = {},
  ): GroupsMonitor {
    this.#open()
    const { monitorsMax } = this.#made.options
    if (this.#watchers.size >= monitorsMax) {
      const what = `there are ${monitorsMax} monitors`
      throw new GroupsError('ERR_GROUPS_MONITORS_MAX', this.name, what)
    }
    const pid = isRef(given) ? given.pid : isPid(given) ? given : undefined
    if (pid === undefined && typeof given !== 'function') {
      throw new ArgumentError('watcher', 'a function, a pid or a ref', given)
    }
    const watcher: Watcher = {
      group,
      take:
        pid === undefined ? this.#handler(given as (event: GroupEvent) => void) : this.#sender(pid),
      off: undefined,
    }
    this.#watchers.add(watcher)
    if (pid !== undefined) {
      watcher.off = this.#made.parts.system.watch(pid, () => void this.#watchers.delete(watcher))
    }
    const demonitor = (): boolean => {
      watcher.off?.()
      return this.#watchers.delete(watcher)
    }
    const groups = new Map<string, readonly Ref<unknown>[]>()
    for (const [name, members] of this.#table.all()) {
      if (group !== undefined && name !== group) continue
      groups.set(
        name,
        Array.from(members, (member) => this.#refOf(member, undefined)),
      )
    }
    return Object.freeze({ groups, demonitor, [Symbol.dispose]: () => void demonitor() })
  }

  dispatch(group: string, message: unknown, { to = 'all' }: DispatchOptions = {}): number {
    this.#open()
    const { system } = this.#made.parts
    const chosen = this.#chosen(group, to)
    for (const member of chosen) system.send(this.#pidOf(member), message)
    return chosen.length
  }

  cast(group: string, name: string, input?: unknown, { to = 'all' }: DispatchOptions = {}): number {
    this.#open()
    const { system } = this.#made.parts
    let count = 0
    for (const member of this.#chosen(group, to)) {
      if (system.cast(this.#pidOf(member), name, input)) count += 1
    }
    return count
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const { stop } of this.#ties.values()) stop()
    this.#ties.clear()
    for (const { off } of this.#watchers) off?.()
    this.#watchers.clear()
    this.#made.topic.close()
    this.#made.closed(this)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** Hears what others say until what this gives is called; `failed` gets what is thrown. */
  listen(failed: (error: unknown) => void): () => void {
    let isFirst = true
    return this.#made.topic.listen((diff) => {
      try {
        this.#heard(diff, isFirst)
        isFirst = false
      } catch (error) {
        failed(error)
      }
    })
  }

  #heard({ joins, leaves }: Diff, isFirst: boolean): void {
    const { ownKeyHex } = this.#made.parts.directory
    const others = (entries: Diff['joins']): Membership[] =>
      entries.filter(
        (each): each is Membership => each instanceof Membership && each.node !== ownKeyHex,
      )
    const come = others(joins)
    const gone = others(leaves)
    if (isFirst) {
      // All that is known: what was known before and is not there any more is over.
      const all = new Set(come)
      for (const [, members] of this.#table.all()) {
        for (const member of members) {
          if (member.node !== ownKeyHex && !all.has(member)) gone.push(member)
        }
      }
    }
    this.#change(come, gone)
  }

  #change(joins: readonly Membership[], leaves: readonly Membership[]): void {
    const changes = this.#table.change(joins, leaves)
    if (this.#watchers.size === 0) return
    const events = changes.map((change) => this.#eventOf(change))
    this.#order.tell(this.#watchers, events, ({ group, take }, event) => {
      if (group === undefined || group === event.group) take(event)
    })
  }

  #eventOf({ type, group, members }: GroupChange): GroupEvent {
    const refs = members.map((member) => this.#refOf(member, undefined))
    return { type, scope: this.name, group, members: refs }
  }

  #leave(entries: readonly OwnEntry[]): void {
    for (const entry of entries) this.#made.topic.leave(entry)
    this.#change([], entries.map(membershipOf))
  }

  #handler(handler: (event: GroupEvent) => void): (event: GroupEvent) => void {
    return (event) => {
      try {
        asNobody(() => handler(event))
      } catch (error) {
        this.#made.parts.refusals.count('ERR_GROUPS_HANDLER', { scope: this.name, error })
      }
    }
  }

  #sender(pid: Pid): (event: GroupEvent) => void {
    return (event) => {
      const message: GroupMessage = { type: 'group', event }
      this.#made.parts.system.send(pid, message)
    }
  }

  #tie(pid: Pid): Tied {
    const known = this.#ties.get(pid.id)
    if (known !== undefined) return known
    const stop = this.#made.parts.system.watch(pid, () => {
      const tied = this.#ties.get(pid.id)
      this.#ties.delete(pid.id)
      if (tied !== undefined) this.#leave([...tied.entries])
    })
    const tied: Tied = { pid, entries: new Set(), stop }
    this.#ties.set(pid.id, tied)
    return tied
  }

  #untie({ pid, stop }: Tied): void {
    this.#ties.delete(pid.id)
    stop()
  }

  #locals(
    members: Nameable | readonly Nameable[],
  ): { readonly pid: Pid; readonly contract: string | undefined }[] {
    const { system } = this.#made.parts
    const list = Array.isArray(members) ? (members as readonly Nameable[]) : [members as Nameable]
    return list.map((each) => {
      const { pid, contract } = facesOf(each)
      if (pid?.node === system.node && pid.incarnation === system.incarnation) {
        return { pid, contract }
      }
      throw new GroupsError('ERR_GROUPS_NOLOCAL', this.name, 'no process of this node')
    })
  }

  #locally(group: string): Membership[] {
    const { ownKeyHex } = this.#made.parts.directory
    return Array.from(this.#table.of(group)).filter(({ node }) => node === ownKeyHex)
  }

  #chosen(group: string, to: DispatchTo): readonly Membership[] {
    if (to === 'all') return Array.from(this.#table.of(group))
    const local = this.#locally(group)
    if (to === 'local') return local
    if (to !== 'one') throw new ArgumentError('to', "'all', 'local' or 'one'", to)
    const among = local.length > 0 ? local : Array.from(this.#table.of(group))
    if (among.length < 2) return among
    return [among[Math.floor(this.#made.parts.system.entropy.random() * among.length)]!]
  }

  #pidOf({ node, process, life }: Membership): Pid {
    const { system, directory } = this.#made.parts
    if (node === directory.ownKeyHex)
      return this.#ties.get(process)?.pid ?? system.pidFor(system.node, process, system.incarnation)
    return system.pidFor(node, process, life)
  }

  #refOf<P>(member: Membership, contract: Contract<P> | undefined): Ref<P> {
    const pid = this.#pidOf(member)
    const { contracts } = this.#made.parts
    if (contract !== undefined) return contracts.refAs(pid, contract, member.contract)
    const ref = member.contract === undefined ? bareRef(pid) : contracts.refTo(pid, member.contract)
    return ref as Ref<P>
  }

  #checkGroup(group: string): void {
    const { groupBytesMax } = this.#made.options
    if (typeof group === 'string' && group !== '' && Buffer.byteLength(group) <= groupBytesMax)
      return
    const what = `the name of a group is a text of 1 to ${groupBytesMax} bytes`
    throw new GroupsError('ERR_GROUPS_NAME_INVALID', this.name, what)
  }

  #open(): void {
    if (this.#isClosed) throw new GroupsError('ERR_GROUPS_NO_SCOPE', this.name, 'it was closed')
  }
}

function membershipOf(entry: OwnEntry): Membership {
  return entry.public as Membership
}
