/**
 * The processes of a system as a tree, and that tree as text. A supervisor's children are those it lists, in
 * start order, also while they do not run; below any process come the other processes that it started; what
 * belongs to nobody stands at the top.
 *
 * Invariant: every live process is in the tree once. A supervisor may list any pid, even its own ancestor:
 * the first place it is met at counts, so there are no cycles.
 */
import {
  ArgumentError,
  debugOf,
  factsOf,
  formatPid,
  numberOption,
  resolveOptions,
  type DebugChild,
  type OptionCheck,
  type Pid,
  type Process,
  type ProcessActivity,
  type System,
} from '../../runtime/index.ts'

/** How much of a tree is shown. */
export interface TreeOptions {
  /** Levels below the top. Default 32. */
  readonly depth?: number | undefined
  /** Children per process, and processes at the top. Default 100; the rest is counted in `more`. */
  readonly childrenMax?: number | undefined
}

/** A process, or a child of a supervisor that does not run. */
export interface TreeNode {
  /** Undefined for a child that does not run. */
  readonly pid: Pid | undefined
  /** Its id in the supervisor that lists it. */
  readonly id: string | undefined
  readonly label: string
  readonly behaviour: string
  readonly names: readonly string[]
  readonly activity: ProcessActivity | 'stopped'
  readonly suspended: boolean
  /** Restarts by the supervisor that lists it. */
  readonly restarts: number
  readonly mailboxLength: number
  readonly children: readonly TreeNode[]
  /** Children that are not shown. */
  readonly more: number
}

/** All processes of a system. */
export interface ProcessTree {
  /** The system's node. */
  readonly node: string
  /** Live processes, shown or not. */
  readonly processes: number
  /** Those that belong to nobody, in start order. */
  readonly roots: readonly TreeNode[]
  /** Roots that are not shown. */
  readonly more: number
}

interface CheckedTreeOptions {
  readonly depth: number
  readonly childrenMax: number
}

const defaults: CheckedTreeOptions = Object.freeze({ depth: 32, childrenMax: 100 })
const checks: { readonly [K in keyof CheckedTreeOptions]-?: OptionCheck } = {
  depth: numberOption(0, 1000),
  childrenMax: numberOption(0, 1_000_000),
}

/** What stands below a process: a listed child, running or not, or a process it started. */
interface Place {
  readonly process: Process | undefined
  readonly listed: DebugChild | undefined
}

/** The tree of `system`. */
export function treeOf(system: System, given?: TreeOptions): ProcessTree {
  if (typeof system.processes !== 'function') throw new ArgumentError('system', 'a system', system)
  const options = resolveOptions('sys.tree', defaults, checks, given)
  const plan = new TreePlan(system)
  const shown = plan.roots.slice(0, options.childrenMax)
  return {
    node: system.node,
    processes: plan.count,
    roots: shown.map((process) =>
      plan.node({ process, listed: undefined }, options.depth, options),
    ),
    more: plan.roots.length - shown.length,
  }
}

/** Who stands below whom. */
class TreePlan {
  readonly roots: Process[] = []
  count = 0
  readonly #system: System
  readonly #below = new Map<Process, Place[]>()
  readonly #placed = new Set<Process>()

  constructor(system: System) {
    this.#system = system
    const all = [...system.processes()]
    this.count = all.length
    const listed = new Set<Process>()
    for (const process of all) this.#list(process, listed)
    for (const process of all) {
      if (listed.has(process)) continue
      const parent = process.parent === undefined ? undefined : system.process(process.parent)
      if (parent === undefined) this.roots.push(process)
      else this.#put(parent, { process, listed: undefined })
    }
    for (const root of this.roots) this.#reach(root)
    // Supervisors that list each other in a ring hang from nothing: the oldest of a ring is its top.
    for (const process of all) {
      if (this.#placed.has(process)) continue
      this.roots.push(process)
      this.#reach(process)
    }
  }

  node({ process, listed }: Place, depth: number, options: CheckedTreeOptions): TreeNode {
    const id = listed?.id
    const restarts = listed?.restarts ?? 0
    if (process === undefined) {
      const behaviour = listed?.type ?? 'worker'
      const gone = { names: [], suspended: false, mailboxLength: 0, children: [], more: 0 }
      const pid = listed?.pid
      return { pid, id, label: behaviour, behaviour, activity: 'stopped', restarts, ...gone }
    }
    const { pid, label, mailboxLength } = process
    const { names, activity, suspendedSinceMs } = factsOf(process)
    const below = this.#below.get(process) ?? []
    const shown = depth > 0 ? below.slice(0, options.childrenMax) : []
    return {
      pid,
      id,
      label,
      behaviour: debugOf(process)?.behaviour ?? 'process',
      names,
      activity,
      suspended: suspendedSinceMs !== undefined,
      restarts,
      mailboxLength,
      children: shown.map((place) => this.node(place, depth - 1, options)),
      more: below.length - shown.length,
    }
  }

  /** Puts the children that `process` lists below it, unless they are listed by another one already. */
  #list(process: Process, listed: Set<Process>): void {
    for (const child of debugOf(process)?.children?.(process) ?? []) {
      const found = child.pid === undefined ? undefined : this.#system.process(child.pid)
      if (found !== undefined) {
        if (found === process || listed.has(found)) continue
        listed.add(found)
      }
      this.#put(process, { process: found, listed: child })
    }
  }

  #put(parent: Process, place: Place): void {
    const places = this.#below.get(parent)
    if (places === undefined) this.#below.set(parent, [place])
    else places.push(place)
  }

  /** Marks everything below `root`, and takes out what was met before. */
  #reach(root: Process): void {
    const queue = [root]
    this.#placed.add(root)
    for (let process = queue.pop(); process !== undefined; process = queue.pop()) {
      const places = this.#below.get(process)
      if (places === undefined) continue
      const kept = places.filter(
        (place) => place.process === undefined || !this.#placed.has(place.process),
      )
      if (kept.length < places.length) this.#below.set(process, kept)
      for (const place of kept) {
        if (place.process === undefined) continue
        this.#placed.add(place.process)
        queue.push(place.process)
      }
    }
  }
}

/** The tree as lines for people. */
export function formatTreeOf(tree: ProcessTree): string {
  const { node, processes, roots, more } = tree
  const lines = [`system ${node}: ${processes} ${processes === 1 ? 'process' : 'processes'}`]
  formatNodes(roots, more, '', lines)
  return lines.join('\n')
}

function formatNodes(
  nodes: readonly TreeNode[],
  more: number,
  indent: string,
  lines: string[],
): void {
  nodes.forEach((node, index) => {
    const last = index === nodes.length - 1 && more === 0
    lines.push(`${indent}${last ? '└─' : '├─'} ${lineOf(node)}`)
    formatNodes(node.children, node.more, `${indent}${last ? '   ' : '│  '}`, lines)
  })
  if (more > 0) lines.push(`${indent}└─ ... ${more} more`)
}

function lineOf(node: TreeNode): string {
  const { id, label, pid, names, activity, suspended, restarts, mailboxLength } = node
  const parts = [id, label, pid === undefined ? undefined : formatPid(pid)]
  if (names.length > 0) parts.push(`name ${names.join(', ')}`)
  if (activity === 'stopped' || activity === 'busy') parts.push(activity)
  if (suspended) parts.push('suspended')
  if (restarts > 0) parts.push(`restarts ${restarts}`)
  if (mailboxLength > 0) parts.push(`mailbox ${mailboxLength}`)
  return parts.filter((part) => part !== undefined).join('  ')
}
