/**
 * Whom a context can call: a target of the runtime, or a ref of the layer above, of which the runtime knows
 * no more than its pid and the names it offers. The names, inputs and replies of a ref flow through.
 */
import { ProcessPid } from './pid.ts'
import type { CallOptions } from './call.ts'
import type { Pid } from './pid.ts'
import type { System, Target } from './system.ts'

/** A ref that can be called. */
export interface Callable {
  readonly pid: Pid
  readonly call: object
}

/** A ref that can be cast to. */
export interface Castable {
  readonly pid: Pid
  readonly cast: object
}

/** The arguments of one call or cast of a ref. */
export type ArgumentsOf<F> = F extends (...args: infer A) => unknown ? A : never

/** What one call of a ref gives. */
export type ReturnOf<F> = F extends (...args: never) => infer R ? R : never

/** Calls and casts in the name of a process, also after an `await`. */
export interface Caller {
  /** Calls by target and name; `undefined` for a message without a name. */
  call(
    to: Target,
    name: string | undefined,
    input?: unknown,
    options?: CallOptions,
  ): Promise<unknown>
  /** As `ref.call[name](...)`, but this process is known to be the caller: call cycles are found. */
  call<R extends Callable, K extends keyof R['call'] & string>(
    ref: R,
    name: K,
    ...args: ArgumentsOf<R['call'][K]>
  ): ReturnOf<R['call'][K]>
  cast(to: Target, name: string | undefined, input?: unknown): boolean
  /** As `ref.cast[name](...)`. */
  cast<R extends Castable, K extends keyof R['cast'] & string>(
    ref: R,
    name: K,
    ...args: ArgumentsOf<R['cast'][K]>
  ): boolean
}

const isRef = (to: Target | { readonly pid: Pid }): to is { readonly pid: Pid } =>
  typeof to === 'object' && to !== null && 'pid' in to

/** A call by `from`. */
export function callAs(
  system: System,
  from: Pid,
  to: Target | Callable,
  name: string | undefined,
  input: unknown,
  options: CallOptions | undefined,
): Promise<unknown> {
  const target = isRef(to) ? to.pid : to
  return homeOf(target, system).call(target, name, input, { ...options, from })
}

/** A cast by a process of `system`. */
export function castAs(
  system: System,
  to: Target | Castable,
  name: string | undefined,
  input: unknown,
): boolean {
  const target = isRef(to) ? to.pid : to
  return homeOf(target, system).cast(target, name, input)
}

/** The system that reaches `target`: its own for a pid, as refs do it. */
function homeOf(target: Target, system: System): System {
  const home = ProcessPid.is(target) ? ProcessPid.homeOf(target) : undefined
  if (home === undefined) return system
  const { watch } = home.options
  return watch === undefined ? home : watch.wayTo(home)
}
