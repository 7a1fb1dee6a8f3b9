/**
 * `Groups`: processes under a name, any number of them on any nodes, as OTP's `pg`. A scope is a set of groups that only
 * the nodes know which have opened it. Each node owns the memberships of its processes; all nodes of a scope know all of
 * them, so reading never waits.
 */
import type { Contract, Ref } from '../../behaviours/index.ts'
import type { Pid } from '../../runtime/index.ts'
import type { Nameable } from '../names/global-registry.ts'

/** What a monitor of a scope says. A list that joins at once is one event (PG-09). */
export interface GroupEvent {
  readonly type: 'join' | 'leave'
  readonly scope: string
  readonly group: string
  readonly members: readonly Ref<unknown>[]
}

/** What a process that monitors gets as a message. */
export interface GroupMessage {
  readonly type: 'group'
  readonly event: GroupEvent
}

/** A monitor of a scope or of one of its groups. */
export interface GroupsMonitor extends Disposable {
  /** Members by group when it began; what comes and goes after that is told, without a gap. */
  readonly groups: ReadonlyMap<string, readonly Ref<unknown>[]>
  /** False when it has ended already (PG-11). */
  demonitor(): boolean
}

/** Options of a monitor. */
export interface MonitorGroupsOptions {
  /** Only this group. Default all of the scope. */
  readonly group?: string | undefined
}

/** Whom a message to a group goes to. */
export type DispatchTo =
  /** Every member, as often as it has joined. */
  | 'all'
  /** Members of this node. */
  | 'local'
  /** One: of this node if there is one, else one by lot. */
  | 'one'

/** Options of a dispatch. */
export interface DispatchOptions {
  /** Default `'all'`. */
  readonly to?: DispatchTo | undefined
}

/** The groups of one scope, as this node sees them. */
export interface GroupScope extends Disposable {
  readonly name: string
  /**
   * Processes of this node join a group; who joins several times is in it several times (PG-01). Throws
   * `ERR_GROUPS_NOLOCAL`, and then nobody has joined. One that has ended already is let go at once (PG-15).
   */
  join(group: string, members: Nameable | readonly Nameable[]): void
  /** They leave, once each. False if none of them was in the group: OTP's `not_joined` (PG-02). */
  leave(group: string, members: Nameable | readonly Nameable[]): boolean
  members<P = unknown>(group: string, contract?: Contract<P>): Ref<P>[]
  localMembers<P = unknown>(group: string, contract?: Contract<P>): Ref<P>[]
  /** Groups with members. */
  groups(): string[]
  /** Groups with members of this node. */
  localGroups(): string[]
  /** Calls the handler for what comes and goes, or sends it to the process as a {@link GroupMessage}. */
  monitor(
    watcher: ((event: GroupEvent) => void) | Pid | Ref<never>,
    options?: MonitorGroupsOptions,
  ): GroupsMonitor
  /** Sends a message to members; gives to how many. */
  dispatch(group: string, message: unknown, options?: DispatchOptions): number
  /** Casts to members by the name of the cast; gives to how many it went out. */
  cast(group: string, name: string, input?: unknown, options?: DispatchOptions): number
  /** This node leaves the scope: its memberships are over, others are forgotten here (PG-13). */
  close(): void
}

/** Numbers of the groups of a node. */
export interface GroupsStats {
  readonly scopes: number
  /** Memberships of processes of this node. */
  readonly own: number
  /** Those of other nodes that are known here. */
  readonly known: number
}

/** The functions of `Groups` for one node. Those of a scope are those of the scope `pg`, which the first use opens. */
export interface GroupsFunctions extends Omit<
  GroupScope,
  'name' | 'close' | typeof Symbol.dispose
> {
  /**
   * Opens a scope, or gives the one that is open. Nodes that have not opened it are told nothing of it (G9).
   *
   * @example
   * const workers = node.groups.scope('workers')
   * workers.join('resize', worker)
   */
  scope(name: string): GroupScope
  getStats(): GroupsStats
}
