/**
 * One question to many servers, as gen_server:multi_call and abcast. Every target is asked at once and has
 * the same deadline; the answer says who replied and who did not, and why. A reply that comes later goes
 * nowhere. Cases G-61, G-62, X-19.
 *
 * Differs from OTP: targets are any processes, not one name on many nodes, and those that failed come with
 * their error. A name on another node is `{ name, node }`.
 */
import {
  CallExitError,
  homeOf,
  isPid,
  objectOption,
  optional,
  requestTag,
  resolveOptions,
  type OptionCheck,
  type RemoteName,
  type System,
  type Target,
} from '../runtime/index.ts'
import { pickSystem, signalOption, timeoutOption, type ProcessTarget } from './gen.ts'

/** Whom `multiCall` asks: any process, here or elsewhere. */
export type MultiTarget = ProcessTarget | RemoteName

/** How many servers are asked. */
export interface MultiCallOptions {
  /** All of them have so long; default the system's `callTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  /** Aborted: who has not answered by then has failed. */
  readonly signal?: AbortSignal | undefined
  /** Where names are looked up. Default: the running process's system, else the default system. */
  readonly system?: System | undefined
}

/** Who answered what; both lists in the order of the targets. */
export interface MultiCallResult<T, R> {
  readonly replies: readonly (readonly [target: T, value: R])[]
  /** `ERR_CALL_TIMEOUT`, `ERR_CALL_EXIT`, ...; or what the server failed the call with. */
  readonly failed: readonly (readonly [target: T, error: unknown])[]
}

const checks: { readonly [K in keyof MultiCallOptions]-?: OptionCheck } = {
  timeoutMs: optional(timeoutOption),
  signal: optional(signalOption),
  system: optional(objectOption),
}

/** Asks all targets and waits until each of them has answered or failed. Never rejects for a target. */
export async function callMany<T extends MultiTarget>(
  targets: readonly T[],
  name: string | undefined,
  input: unknown,
  given: MultiCallOptions | undefined,
): Promise<MultiCallResult<T, unknown>> {
  const { system, ...options } = resolveOptions<MultiCallOptions>('multiCall', {}, checks, given)
  const asked = targets.map((target) => askOne(target, name, input, { ...options, system }))
  const settled = await Promise.allSettled(asked)
  const replies: (readonly [T, unknown])[] = []
  const failed: (readonly [T, unknown])[] = []
  settled.forEach((each, index) => {
    const target = targets[index] as T
    if (each.status === 'fulfilled') replies.push([target, each.value])
    else failed.push([target, each.reason])
  })
  return { replies, failed }
}

/** Tells all targets; the number of those whose message was accepted on this side. */
export function castMany(
  targets: readonly MultiTarget[],
  name: string | undefined,
  input: unknown,
  options: { readonly system?: System | undefined } = {},
): number {
  let accepted = 0
  for (const target of targets) {
    const found = locate(target, options.system)
    if (found !== undefined && found.system.cast(found.to, name, input)) accepted++
  }
  return accepted
}

/** A single question; also for requests. */
export async function askOne(
  target: MultiTarget,
  name: string | undefined,
  input: unknown,
  { system, ...options }: MultiCallOptions,
): Promise<unknown> {
  const found = locate(target, system)
  if (found === undefined) {
    const { name: server } = target as RemoteName
    throw new CallExitError({ server, request: requestTag(name, input) }, 'noconnection')
  }
  return found.system.call(found.to, name, input, options)
}

/** The system that reaches a target; undefined for a name on a node that nobody reaches. */
export function locate(
  target: MultiTarget,
  given: System | undefined,
): { readonly system: System; readonly to: Target } | undefined {
  if (typeof target === 'string') return { system: given ?? pickSystem({}), to: target }
  if (isPid(target)) return { system: homeOf(target), to: target }
  if ('pid' in target) return { system: homeOf(target.pid), to: target.pid }
  const system = given ?? pickSystem({})
  if ('via' in target) return { system, to: target }
  if (target.node === system.node) return { system, to: target.name }
  const pid = system.pidNamed(target)
  return pid === undefined ? undefined : { system, to: pid }
}
