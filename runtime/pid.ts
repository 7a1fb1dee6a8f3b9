/**
 * Process identifiers. A pid is a plain value `{ node, id, incarnation }` that can travel; besides
 * it knows, in private fields, the system that made or decoded it ("home") and, while its process
 * lives here, the process itself. So whoever holds a pid can use it, and a send costs no table look-up.
 *
 * Two pids of the same process may be two objects (one came over the wire): compare with
 * {@link pidEquals}, key maps with {@link pidKey}.
 */
import { ArgumentError } from './errors.ts'
import type { Branded } from './brand.ts'
import type { ProcessCell } from './process.ts'
import type { SystemCore } from './core.ts'
import type { System } from './system.ts'

/** Names one process: the node it lives on, its number there, and which start of that node. */
export interface Pid extends Branded<'pid'> {
  readonly node: string
  readonly id: number
  readonly incarnation: number
  /** As {@link formatPid}. */
  toString(): string
}

/** The only implementation of {@link Pid}; made by a system, never by a user. */
export class ProcessPid implements Pid {
  declare readonly node: string
  declare readonly id: number
  declare readonly incarnation: number
  readonly #home: SystemCore
  #cell: ProcessCell | undefined

  constructor(node: string, id: number, incarnation: number, home: SystemCore) {
    this.node = node
    this.id = id
    this.incarnation = incarnation
    this.#home = home
    this.#cell = undefined
  }

  toString(): string {
    return formatPid(this)
  }

  static is(value: unknown): value is ProcessPid {
    return typeof value === 'object' && value !== null && #home in value
  }
  static homeOf(pid: Pid): SystemCore | undefined {
    return #home in pid ? pid.#home : undefined
  }
  /** The process, if this very object was made for it and it was not buried yet. */
  static cellOf(pid: Pid): ProcessCell | undefined {
    return #cell in pid ? pid.#cell : undefined
  }
  static attach(pid: ProcessPid, cell: ProcessCell | undefined): void {
    pid.#cell = cell
  }
}

/**
 * Whether both name the same process.
 *
 * @example
 * const pid = defaultSystem().spawn((ctx) => ctx.receive(), { name: 'echo' })
 * const found = defaultSystem().whereis('echo')!
 * assert.equal(pidEquals(found, pid), true) // also if one of them came over the wire
 * defaultSystem().exit(pid, 'kill')
 */
export function pidEquals(a: Pid, b: Pid): boolean {
  return a === b || (a.id === b.id && a.node === b.node && a.incarnation === b.incarnation)
}

/**
 * A string that is equal for equal pids, for map keys.
 *
 * @example
 * const pid = defaultSystem().spawn((ctx) => ctx.receive(), { name: 'echo' })
 * const scores = new Map([[pidKey(pid), 1]])
 * assert.equal(scores.get(pidKey(defaultSystem().whereis('echo')!)), 1)
 * defaultSystem().exit(pid, 'kill')
 */
export function pidKey(pid: Pid): string {
  return `${pid.node}/${pid.incarnation}/${pid.id}`
}

/**
 * A short form for logs: the node is cut to 14 characters.
 *
 * @example
 * const pid = defaultSystem().spawn((ctx) => ctx.receive(), { name: 'echo' })
 * assert.match(formatPid(pid), /^<local-.*\.\d+\.0>$/) // <local-1f2e3d4c.7.0>
 * defaultSystem().exit(pid, 'kill')
 */
export function formatPid(pid: Pid): string {
  return `<${pid.node.slice(0, 14)}.${pid.id}.${pid.incarnation}>`
}

/**
 * Whether `value` is a pid made by a system of this program.
 *
 * @example
 * const pid = defaultSystem().spawn((ctx) => ctx.receive(), { name: 'echo' })
 * assert.equal(isPid(pid), true)
 * assert.equal(isPid({ node: 'a', id: 1, incarnation: 0 }), false) // a look-alike
 * defaultSystem().exit(pid, 'kill')
 */
export function isPid(value: unknown): value is Pid {
  return ProcessPid.is(value)
}

/**
 * The system that made or decoded `pid`. Throws `ERR_ARGUMENT` for a look-alike.
 *
 * @example
 * const pid = defaultSystem().spawn((ctx) => ctx.receive(), { name: 'echo' })
 * assert.equal(homeOf(pid), defaultSystem())
 * defaultSystem().exit(pid, 'kill')
 */
export function homeOf(pid: Pid): System {
  const home = ProcessPid.is(pid) ? ProcessPid.homeOf(pid) : undefined
  if (home === undefined) throw new ArgumentError('pid', 'a pid made by a system', pid)
  const { watch } = home.options
  return watch === undefined ? home : watch.wayTo(home)
}
