/** Names and groups: every node registers some of the same names and joins some of the same groups, and lets them go. */
import type { GroupScope } from '../../dist/index.ts'
import type { Pid } from '../../runtime/index.ts'
import { codeOf, type Member } from './member-load.ts'

const NAMES = ['ann', 'bob', 'cleo', 'dan', 'eve', 'flo'] as const
const GROUPS = ['left', 'right'] as const

/** What a node sees; all nodes must see the same in the end. */
export interface NamesView {
  readonly names: Readonly<Record<string, string>>
  readonly groups: Readonly<Record<string, readonly string[]>>
  /** As a monitor has it that heard every event. */
  readonly monitored: Readonly<Record<string, readonly string[]>>
  readonly pending: number
  readonly contested: number
  /** Names and memberships of processes of this node that live. */
  readonly own: { readonly names: readonly string[]; readonly members: readonly string[] }
}

const textOf = (pid: Pid): string => `${pid.node}/${pid.id}/${pid.incarnation}`

/** The part of one node. */
export class Names {
  readonly #member: Member
  readonly #scope: GroupScope
  /** By group and process: how often the monitor saw it join and not leave. */
  readonly #seen = new Map<string, Map<string, number>>()
  readonly #processes: Pid[] = []
  #asks = 0
  #waiting = 0

  constructor(member: Member) {
    this.#member = member
    this.#scope = member.node.groups.scope('soak')
    const { groups } = this.#scope.monitor(({ type, group, members }) => {
      for (const { pid } of members) this.#count(group, pid, type === 'join' ? 1 : -1)
    })
    for (const [group, members] of groups) {
      for (const { pid } of members) this.#count(group, pid, 1)
    }
  }

  get waiting(): number {
    return this.#waiting
  }

  /** One thing, drawn by lot. */
  tick(): void {
    const { node, journal } = this.#member
    const { system } = node
    const what = this.#pick(10)
    const process = this.#processes[this.#pick(this.#processes.length)]
    if (what < 3 || process === undefined) {
      if (this.#processes.length < 6) this.#processes.push(this.#spawn())
    } else if (what < 6) {
      const name = NAMES[this.#pick(NAMES.length)]!
      const n = ++this.#asks
      journal.write({ kind: 'ask', what: 'name', n })
      this.#waiting += 1
      node.globalRegistry
        .register(name, process)
        .then(
          () => journal.write({ kind: 'told', what: 'name', n }),
          (error: unknown) => journal.write({ kind: 'told', what: 'name', n, code: codeOf(error) }),
        )
        .finally(() => (this.#waiting -= 1))
        .catch((error: unknown) => {
          throw error
        })
    } else if (what < 8) {
      const group = GROUPS[this.#pick(GROUPS.length)]!
      if (this.#pick(3) === 0) this.#scope.leave(group, process)
      else if (system.isAlive(process)) this.#scope.join(group, process)
    } else {
      system.exit(process, 'kill')
      this.#processes.splice(this.#processes.indexOf(process), 1)
    }
  }

  view(): NamesView {
    const { node } = this.#member
    const { pending, contested } = node.globalRegistry.getStats()
    const names: Record<string, string> = {}
    const ownNames: string[] = []
    for (const name of NAMES) {
      const found = node.globalRegistry.whereis(name)
      if (found === undefined) continue
      names[name] = textOf(found.pid)
      if (found.pid.node === node.key.hex) ownNames.push(name)
    }
    const groups: Record<string, string[]> = {}
    const monitored: Record<string, string[]> = {}
    const members: string[] = []
    for (const group of GROUPS) {
      groups[group] = this.#scope
        .members(group)
        .map(({ pid }) => textOf(pid))
        .sort()
      members.push(...this.#scope.localMembers(group).map(({ pid }) => `${group} ${textOf(pid)}`))
      const seen = [...(this.#seen.get(group) ?? [])]
      monitored[group] = seen.flatMap(([pid, times]) => new Array<string>(times).fill(pid)).sort()
    }
    return { names, groups, monitored, pending, contested, own: { names: ownNames, members } }
  }

  #spawn(): Pid {
    return this.#member.node.system.spawn(async ({ receive }) => {
      await receive(() => false, { timeoutMs: Infinity })
    })
  }

  #count(group: string, pid: Pid, by: number): void {
    let seen = this.#seen.get(group)
    if (seen === undefined) this.#seen.set(group, (seen = new Map()))
    const times = (seen.get(textOf(pid)) ?? 0) + by
    if (times === 0) seen.delete(textOf(pid))
    else seen.set(textOf(pid), times)
  }

  #pick(n: number): number {
    return Math.floor(this.#member.entropy.random() * n)
  }
}
