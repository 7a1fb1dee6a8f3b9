/**
 * Who keeps a name that two processes have, because parts of a cluster were apart or two registered at once: OTP's
 * resolvers of `global`, but deterministic where OTP draws lots, so that a test of a healed partition repeats.
 *
 * | here | OTP | what it does |
 * |---|---|---|
 * | `exit_name` | `random_exit_name` | the claim with the better right stays, the other process exits |
 * | `notify_name` | `random_notify_name` | the same, but the other process is told and lives |
 * | `notify_all_name` | `notify_all_name` | nobody keeps the name, both processes are told |
 * | a function | `resolve/3` | says who keeps it; the other process is told |
 *
 * The better right has who won more conflicts of that name, then whose registration replaced more, then who is on the
 * node with the smaller key. The node of that claim decides, with the resolver it registered with.
 */
import type { Ref } from '../../behaviours/index.ts'
import type { Pid } from '../../runtime/index.ts'
import type { Ending } from './claim.ts'

/** A process that has, or had, a name. */
export interface GlobalEntry<P = unknown> {
  readonly name: string
  readonly ref: Ref<P>
  /** Id of its node, or its key. */
  readonly nodeId: string
}

/**
 * Gives the one of the two that keeps the name, or undefined for neither. Called on the node of `own`, synchronously; what it
 * throws is logged, and `own` keeps the name. It may be called again for other claims.
 */
export type ResolveName = (
  name: string,
  own: GlobalEntry,
  other: GlobalEntry,
) => GlobalEntry | undefined

/** How a conflict is resolved. */
export type NameResolver = 'exit_name' | 'notify_name' | 'notify_all_name' | ResolveName

/** What a process gets as a message when a name that it had is another's now, or nobody's. */
export interface NameConflictMessage {
  readonly type: 'global_name_conflict'
  readonly name: string
  /** The other process. */
  readonly other: Pid
  /** Whether the other one has the name now. */
  readonly isTaken: boolean
}

/** What becomes of those that lose against a claim with that resolver. */
export function endingFor(resolver: NameResolver): Ending {
  return resolver === 'exit_name' ? 'exit' : 'notify'
}
