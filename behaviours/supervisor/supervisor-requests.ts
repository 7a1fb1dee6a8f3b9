/**
 * How supervisors of every kind are asked, and how they are children of others.
 */
import type { Pid, System } from '../../runtime/index.ts'
import type { ChildSpec, Shutdown } from './child-spec.ts'
import { callTarget, type ProcessTarget, type RequestOptions } from '../server/gen.ts'
import { childSpec } from '../server/gen-server.ts'
import type { RestartType } from './restart-strategy.ts'

/** A supervisor as callers name it. */
export type SupervisorTarget = ProcessTarget

/** How a supervisor is a child of another one. */
export interface SupervisorChildOptions {
  readonly id: string
  readonly restart?: RestartType | undefined
  /** Default `'infinity'`, so that its own children keep their deadlines. */
  readonly shutdown?: Shutdown | undefined
  readonly significant?: boolean | undefined
}

/** How a request to a supervisor is made. */
export type SupervisorRequestOptions = RequestOptions

/** Asks a supervisor and waits as long as it takes, unless `timeoutMs` says otherwise. */
export function requestSupervisor<R>(
  target: SupervisorTarget,
  name: string,
  input: unknown,
  given: SupervisorRequestOptions = {},
): Promise<R> {
  return callTarget(target, name, input, { timeoutMs: Infinity, ...given }) as Promise<R>
}

/** Where a supervisor starts as the child of another one. */
export interface ChildPlace {
  readonly system: System
  readonly parent: Pid
  readonly signal: AbortSignal | undefined
}

/** The specification of a supervisor as a child. */
export function supervisorChild<R extends { readonly pid: Pid }>(
  { id, ...rest }: SupervisorChildOptions,
  start: (place: ChildPlace) => Promise<R>,
): ChildSpec<R> {
  const spec = childSpec<R>(id, rest, ({ system, parent, signal }) =>
    start({ system, parent, signal }),
  )
  return { ...spec, type: 'supervisor' }
}
