/**
 * `RemoteCall`: calls and casts to a process wherever it lives. A ref does the same by itself
 * (`ref.call.add(5)`); this adds targets by name and node, bare refs, and noex's error classes.
 *
 *     RemoteCall.call(ref, 'add', 5)                             typed by the ref's contract
 *     RemoteCall.call({ name: 'hits', node: 'b@10.0.0.2:4433', contract: CounterContract }, 'add', 5)
 *     RemoteCall.call(ref, { type: 'get' })                      noex's message shape
 */
import {
  isRef,
  type CallArgs,
  type CallsOf,
  type CastsOf,
  type Contract,
  stopProcess,
  type GenServerRef,
  type InputsOf,
  type OutputOf,
  type Ref,
  type ReplyOf,
  type StopOptions,
} from '../behaviours/index.ts'
import {
  ArgumentError,
  CallExitError,
  CallTimeoutError,
  homeOf,
  isPid,
  type CallOptions,
  type ExitReason,
  type Pid,
  type System,
} from '../runtime/index.ts'
import type { ContractTable } from './contract-table.ts'
import {
  NodeNotReachableError,
  RemoteCallTimeoutError,
  RemoteServerNotRunningError,
} from './errors.ts'
import type { DistGate } from './gate.ts'
import type { NodeDirectory, NodeTarget } from './node-directory.ts'
import { PROCESS_SERVICE } from './process-service.ts'

/** A registered name on a node. */
export interface NamedTarget<P = unknown> {
  readonly name: string
  /** Node id, node key, or its hex digits. */
  readonly node: NodeTarget
  /** What the process speaks; types the call. */
  readonly contract?: Contract<P> | undefined
}

/** Anything that can be called. */
export type AnyTarget = Pid | Ref<unknown> | GenServerRef | NamedTarget

/** `T` if its type says nothing of its messages; a typed target must not be used past its types. */
export type Untyped<T> = '__messages' extends keyof T
  ? never
  : T extends { readonly contract: Contract<infer P> }
    ? unknown extends P
      ? T
      : never
    : T extends { readonly call: infer C; readonly cast: infer K }
      ? [keyof C, keyof K] extends [never, never]
        ? T
        : never
      : T

/** A target whose type says which messages it takes. */
export type TypedTarget<P> = Ref<P> | (NamedTarget<P> & { readonly contract: Contract<P> })

/** A server in the message shape; a ref with a contract is none. */
export type MessageTarget<C, K> = GenServerRef<C, K> & { readonly call?: undefined }

/** The functions of `RemoteCall`. */
export interface RemoteCallFunctions {
  /** Calls by the contract of the target. */
  call<P, K extends keyof CallsOf<P> & string>(
    target: TypedTarget<P>,
    name: K,
    ...args: CallArgs<CallsOf<P>[K]>
  ): Promise<OutputOf<CallsOf<P>[K]>>
  /** Calls a process of which only a name or pid is known. */
  call<T extends AnyTarget>(
    target: T & Untyped<T>,
    name: string,
    input?: unknown,
    options?: CallOptions,
  ): Promise<unknown>
  /** Calls a server in the message shape. */
  call<C extends { readonly type: string }, const M extends C>(
    target: MessageTarget<C, never>,
    message: M,
    options?: CallOptions,
  ): Promise<ReplyOf<Extract<C, { readonly type: M['type'] }>>>
  call<T extends AnyTarget, const M extends object>(
    target: T & Untyped<T>,
    message: M,
    options?: CallOptions,
  ): Promise<ReplyOf<M>>
  /** Tells and does not wait; false when the message was refused on this side. Throws only for what is no target (G-36). */
  cast<P, K extends keyof CastsOf<P> & string>(
    target: TypedTarget<P>,
    name: K,
    ...args: InputsOf<CastsOf<P>[K]>
  ): boolean
  cast<T extends AnyTarget>(target: T & Untyped<T>, name: string, input?: unknown): boolean
  cast<K>(target: MessageTarget<never, K>, message: K): boolean
  cast<T extends AnyTarget>(target: T & Untyped<T>, message: object): boolean
  /** Sends a plain message (`ctx.receive`, `info`). Nobody is told when it is lost; what cannot travel is logged. */
  send(target: AnyTarget, message: unknown): void
  /** Sends an exit signal; as in Erlang to a process, not to a name. */
  exit(target: Pid | Ref<unknown> | GenServerRef, reason: ExitReason): void
  /** Asks a server to stop and waits for its end; rejects with `noproc` if it is not there. */
  stop(target: AnyTarget, reason?: ExitReason, options?: StopOptions): Promise<void>
  /** Whether that process lives, or somebody has that name: its node is asked. Rejects when it cannot be. */
  isAlive(target: AnyTarget, options?: CallOptions): Promise<boolean>
}

/** The message as the server sees it, and the options of the call. */
interface Request {
  readonly name: string | undefined
  readonly input: unknown
  readonly options: CallOptions | undefined
}

/** What `RemoteCall` needs of its node. */
export interface RemoteCallParts {
  readonly system: System
  readonly gate: DistGate
  readonly directory: NodeDirectory
  readonly contracts: ContractTable
}

/** Where a request goes. */
type Resolved =
  | { readonly pid: Pid; readonly label: Pid | string; readonly nodeId: string }
  | { readonly pid: undefined; readonly label: string; readonly nodeId: string }

/** Calls of one node. */
export class RemoteCalls {
  readonly #parts: RemoteCallParts

  constructor(parts: RemoteCallParts) {
    this.#parts = parts
  }

  /** The functions that users see. */
  functions(): RemoteCallFunctions {
    return Object.freeze({
      call: (target: AnyTarget, ...rest: readonly unknown[]) => this.#call(target, rest),
      cast: (target: AnyTarget, ...rest: readonly unknown[]) => this.#cast(target, rest),
      send: (target: AnyTarget, message: unknown) => this.#send(target, message),
      exit: (target: Pid | Ref<unknown>, reason: ExitReason) => this.#exit(target, reason),
      stop: (target: AnyTarget, reason?: ExitReason, options?: StopOptions) =>
        this.#stop(target, reason, options),
      isAlive: (target: AnyTarget, options?: CallOptions) => this.#isAlive(target, options),
    }) as unknown as RemoteCallFunctions
  }

  async #call(target: AnyTarget, rest: readonly unknown[]): Promise<unknown> {
    const { name, input, options } = requestOf(rest)
    const mismatch = isRef(target) ? this.#mismatch(target) : undefined
    if (mismatch !== undefined) throw mismatch
    const resolved = this.#resolve(target)
    const { pid, label, nodeId } = resolved
    if (pid === undefined) {
      throw new NodeNotReachableError({ server: label, request: name }, nodeId)
    }
    try {
      return await homeOf(pid).call(pid, name, input, options)
    } catch (error) {
      throw translated(error, resolved)
    }
  }

  #cast(target: AnyTarget, rest: readonly unknown[]): boolean {
    const { name, input } = requestOf(rest)
    if (isRef(target) && this.#mismatch(target) !== undefined) return false
    const { pid } = this.#resolve(target)
    return pid !== undefined && homeOf(pid).cast(pid, name, input)
  }

  #send(target: AnyTarget, message: unknown): void {
    const { pid } = this.#resolve(target)
    if (pid !== undefined) homeOf(pid).send(pid, message)
  }

  #exit(target: Pid | Ref<unknown>, reason: ExitReason): void {
    const { pid, label } = this.#resolve(target)
    if (pid === undefined || typeof label === 'string') {
      throw new ArgumentError('target', 'a pid or a ref', target)
    }
    homeOf(pid).exit(pid, reason)
  }

  async #stop(
    target: AnyTarget,
    reason: ExitReason | undefined,
    options: StopOptions | undefined,
  ): Promise<void> {
    const { pid, label, nodeId } = this.#resolve(target)
    if (pid !== undefined) return stopProcess(pid, reason, options)
    throw new NodeNotReachableError({ server: label, request: 'stop' }, nodeId)
  }

  async #isAlive(target: AnyTarget, options: CallOptions = {}): Promise<boolean> {
    const { system, directory } = this.#parts
    const resolved = this.#resolve(target)
    const { pid, label, nodeId } = resolved
    if (pid === undefined) {
      throw new NodeNotReachableError({ server: label, request: 'isAlive' }, nodeId)
    }
    if (pid.node === system.node) return system.isAlive(pid)
    const service = { name: PROCESS_SERVICE, node: this.#keyOf(pid) }
    if (service.node === directory.ownKeyHex) return false
    return (await this.#call(service, ['is_alive', label, options])) === true
  }

  #mismatch(ref: Ref<unknown>): Error | undefined {
    return ref.contract === undefined ? undefined : this.#parts.contracts.mismatch(ref.contract)
  }

  #resolve(target: AnyTarget): Resolved {
    const { directory } = this.#parts
    if (isPid(target)) {
      return { pid: target, label: target, nodeId: directory.nameOf(this.#keyOf(target)) }
    }
    if (typeof target === 'object' && target !== null) {
      if ('pid' in target && isPid(target.pid)) return this.#resolve(target.pid)
      if ('name' in target && typeof target.name === 'string') return this.#named(target)
    }
    throw new ArgumentError('target', 'a pid, a ref or { name, node }', target)
  }

  #keyOf(pid: Pid): string {
    const { system, directory } = this.#parts
    return pid.node === system.node ? directory.ownKeyHex : pid.node
  }

  #named({ name, node }: NamedTarget): Resolved {
    const { system, gate, directory } = this.#parts
    const keyHex = directory.keyOf(node)
    if (keyHex === undefined) return { pid: undefined, label: name, nodeId: String(node) }
    const nodeId = directory.nameOf(keyHex)
    if (keyHex !== directory.ownKeyHex) {
      return { pid: gate.namedPid(keyHex, name), label: name, nodeId }
    }
    // A pid that nobody has: the runtime answers noproc.
    const pid = system.whereis(name) ?? system.pidFor(system.node, 0, system.incarnation)
    return { pid, label: name, nodeId }
  }
}

/** `(name, input, options)`, or `(message, options)` in the message shape. */
function requestOf(rest: readonly unknown[]): Request {
  const [first, second, third] = rest
  return typeof first === 'string'
    ? { name: first, input: second, options: third as CallOptions | undefined }
    : { name: undefined, input: first, options: second as CallOptions | undefined }
}

/** The same failure in noex's class, with the name the caller used instead of a stand-in's pid. */
function translated(error: unknown, { label, nodeId }: Resolved): unknown {
  if (error instanceof CallTimeoutError) {
    const { request, timeoutMs } = error
    return new RemoteCallTimeoutError({ server: label, request }, timeoutMs, nodeId)
  }
  if (!(error instanceof CallExitError)) return error
  const call = { server: label, request: error.request }
  if (error.reason === 'noproc') return new RemoteServerNotRunningError(call, nodeId)
  if (error.reason === 'noconnection') return new NodeNotReachableError(call, nodeId)
  return typeof label === 'string' ? new CallExitError(call, error.reason) : error
}
