/**
 * One question to many servers, as gen_server:multi_call and abcast. Every target is asked at once and has
 * the same deadline; the answer says who replied and who did not, and why. A reply that comes later goes
 * nowhere. Cases G-61, G-62, X-19.
 *
 * Differs from OTP: targets are any processes, not one name on many nodes, and those that failed come with
 * their error. A name on another node is `{ name, node }`.
 */
import {
  ArgumentError,
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
} from '../../runtime/index.ts'
import { addressOf, pickSystem, signalOption, timeoutOption, type ProcessTarget } from './gen.ts'

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

/** How many servers are told, or one is asked for a later response. */
export interface SendOptions {
  /** See {@link MultiCallOptions}. */
  readonly system?: System | undefined
}

/** For {@link SendOptions}. */
export const sendChecks: { readonly [K in keyof SendOptions]-?: OptionCheck } = {
  system: optional(objectOption),
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
  checkTargets(targets)
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
  given: SendOptions | undefined,
): number {
  checkTargets(targets)
  const { system } = resolveOptions<SendOptions>('abcast', {}, sendChecks, given)
  // All of them are looked at before one of them is told.
  const found = targets.map((target) => locate(target, system))
  let accepted = 0
  for (const each of found) if (each?.system.cast(each.to, name, input) === true) accepted++
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
  if (!isRemoteName(target)) {
    const to = addressOf(target)
    return { system: isPid(to) ? homeOf(to) : (given ?? pickSystem({})), to }
  }
  const system = given ?? pickSystem({})
  if (target.node === system.node) return { system, to: target.name }
  const pid = system.pidNamed(target)
  return pid === undefined ? undefined : { system, to: pid }
}

function isRemoteName(target: MultiTarget): target is RemoteName {
  if (typeof target !== 'object' || target === null || isPid(target)) return false
  const { name, node } = target as Partial<RemoteName>
  return typeof name === 'string' && typeof node === 'string'
}

function checkTargets(targets: readonly MultiTarget[]): void {
  if (!Array.isArray(targets)) throw new ArgumentError('targets', 'a list of targets', targets)
}
