/** What happens to children and supervisors, as it is told to who listens. noex's events. */
import type { ExitReason, Pid } from '../../runtime/index.ts'

interface Of<T extends string> {
  readonly type: T
  /** Name of the supervisor, else its pid in words. */
  readonly supervisorId: string
}

interface OfChild<T extends string> extends Of<T> {
  readonly childId: string
  readonly pid: Pid
  /** Id of the node where the child runs, or ran. */
  readonly nodeId: string
}

/** One event. */
export type LifecycleEvent =
  | Of<'supervisor_started'>
  | (Of<'supervisor_stopped'> & { readonly reason: ExitReason })
  | OfChild<'child_started'>
  | (OfChild<'child_stopped'> & { readonly reason: ExitReason })
  /** It had ended by itself, and runs again; `attempt` counts its restarts. */
  | (OfChild<'child_restarted'> & { readonly reason: ExitReason; readonly attempt: number })
  /** It runs on another node than before: because that one was lost, is drained, or a better one came. */
  | (OfChild<'child_migrated'> & {
      readonly fromNodeId: string
      readonly why: 'node_down' | 'drain' | 'rebalance'
      /** Whether its state went along. */
      readonly withState: boolean
    })
  | (Of<'node_failure_detected'> & {
      readonly nodeId: string
      readonly childIds: readonly string[]
    })
