/**
 * What the processes of all supervisors do alike: deal with ends of children and with their own retries,
 * stop them at the end, and answer or refuse requests. {@link Supervision} is what it needs of the children.
 */
import type { DebugChild, ExitReason, Pid } from '../../runtime/index.ts'
import type { ChildStarted } from './child-spec.ts'
import { StartIgnoredError } from '../server/server-errors.ts'
import type { Maybe } from '../server/gen-server.ts'
import type { Strategy } from './restart-strategy.ts'
import { noreply, reply, stop, type NoReply, type Reply, type Stop } from '../server/results.ts'
import type { Ctx, Info } from '../server/server-context.ts'
import type { ServerDoor } from '../server/server-debug.ts'
import type { Started } from './supervised-keeper.ts'
import { childCounts, type ChildInfo } from './supervisor-contract.ts'

/** What a supervisor does after it has dealt with something: go on, or shut down. */
export type Verdict = 'go_on' | 'shut_down'

/** A message of a supervisor to itself: the last attempt to restart this child failed. */
export class TryAgain<C = unknown> {
  readonly child: C
  constructor(child: C) {
    this.child = child
  }
}

/** The children of one supervisor process, of any strategy. */
export interface Supervision {
  /** The name of the supervisor in errors and logs. */
  readonly label: string
  /** A linked process has ended; nothing if it is not a child. */
  ended(pid: Pid, reason: ExitReason): Verdict | Promise<Verdict>
  /** A further attempt, unless the child was stopped, deleted or started in the meantime. */
  tryAgain(message: TryAgain): Verdict | Promise<Verdict>
  stopAll(): Promise<void> | undefined
  /** For `sys`: the children in start order, without a message, all with ids. */
  view(): readonly SupervisedChild[]
  readonly strategy: Strategy
  /** Restarts so far, and children that were refused because there were enough. */
  readonly restarted: number
  readonly refused: number
}

/** A child as `sys` shows it; the ids of children that have none are those of their specifications. */
export type SupervisedChild = ChildInfo & DebugChild

/** The answer to a request, or none when it was refused. */
export type Answer<R, S> = Reply<R, S> | NoReply<S>

/** What `sys` sees of a supervisor; its state is its own affair. */
export function supervisionDoor(behaviour: string): ServerDoor {
  return Object.freeze({
    behaviour,
    sealed: true,
    view: (state: Supervision) => {
      const children = state.view()
      return { ...childCounts(children), children }
    },
    children: (state: Supervision) => state.view(),
    status: (state: Supervision) => {
      const { strategy, restarted, refused } = state
      return { strategy, ...childCounts(state.view()), restarted, refused }
    },
  })
}

/** The `info` of every supervisor. */
export function superviseInfo<S extends Supervision>(
  state: S,
  info: Info,
  ctx: Ctx<never, never>,
): Maybe<NoReply<S> | Stop<S>> {
  if (info.type === 'exit') return follow(state, state.ended(info.from, info.reason))
  if (info.type === 'message' && info.message instanceof TryAgain) {
    return follow(state, state.tryAgain(info.message))
  }
  ctx.system.logger.warn({ supervisor: state.label, type: info.type }, 'message ignored')
  return noreply(state)
}

/** Turns a verdict into a result; no promise if the verdict needed none. */
function follow<S>(state: S, verdict: Verdict | Promise<Verdict>): Maybe<NoReply<S> | Stop<S>> {
  if (verdict instanceof Promise) return verdict.then((settled) => follow(state, settled))
  return verdict === 'go_on' ? noreply(state) : stop('shutdown', state)
}

/** The caller's promise rejects, the supervisor goes on. */
export function refuse<S>(state: S, ctx: Ctx<never, never>, error: unknown): NoReply<S> {
  ctx.from.fail(error)
  return noreply(state)
}

/** What a start gave, or the rejection of a server that ignored. */
export function answer<S>(
  state: S,
  ctx: Ctx<ChildStarted>,
  started: Started,
): Answer<ChildStarted, S> {
  return started instanceof StartIgnoredError
    ? refuse(state, ctx as Ctx<never, never>, started)
    : reply(started, state)
}
