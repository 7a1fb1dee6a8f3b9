/**
 * `RemoteSpawn`: starts a registered behaviour on a node and gives a typed ref to it. Code never travels;
 * the other node must have registered the behaviour with `{ remote: true }`, and the realm must grant
 * `spawn`. The new process belongs to a supervisor there, not to the caller: link or monitor it.
 *
 * Differs from Erlang's `spawn/4`: it waits until `init` is done and rejects when it fails, when the
 * node is unreachable, or at `timeoutMs`; a process that is not up by then is killed.
 */
import { bareRef, isContract, type Contract, type Ref } from '../behaviours/index.ts'
import {
  ArgumentError,
  CallAbortedError,
  currentProcess,
  numberOption,
  oneOfOption,
  OptionError,
  optional,
  resolveOptions,
  signalOption,
  stringOption,
  type ClockTimer,
  type MonitorRef,
  type OptionCheck,
  type Pid,
  type System,
} from '../runtime/index.ts'
import type { BehaviorRegistry } from './behavior-registry.ts'
import type { ContractTable } from './contract-table.ts'
import { SpawnStatus } from './control.ts'
import {
  BehaviorNotFoundError,
  DistRefusedError,
  NodeNotReachableError,
  RemoteSpawnError,
  RemoteSpawnInitError,
  RemoteSpawnRegistrationError,
  RemoteSpawnTimeoutError,
  ContractVersionError,
} from './errors.ts'
import type { DistGate } from './gate.ts'
import { GlobalNameConflictError } from './names/errors.ts'
import type { GlobalRegistryFunctions } from './names/global-registry.ts'
import type { NodeDirectory, NodeTarget } from './node-directory.ts'
import type { SpawnAnswer } from './peer-link.ts'
import type { Spawner } from './spawner.ts'

/** How to spawn. */
export interface RemoteSpawnOptions {
  /** Start argument of the behaviour. Default none. */
  readonly arg?: unknown
  /**
   * `'local'` registers the process under `name` on its node, `'global'` in the whole cluster (see `dist/names`),
   * after `init`; `'none'` does not. Default: `'local'` if a name is given.
   */
  readonly registration?: 'none' | 'local' | 'global' | undefined
  /** Its name. A taken one rejects with `ERR_SPAWN_REGISTRATION`, and nothing is left of the process. */
  readonly name?: string | undefined
  /** Wait for `init` over there, in milliseconds. Default the node's `spawnTimeoutMs`, 10,000. */
  readonly timeoutMs?: number | undefined
  /** Gives up; the process is killed if it is not up by then. */
  readonly signal?: AbortSignal | undefined
}

/** How to spawn with a link or monitor. */
export interface RemoteSpawnOwnerOptions extends RemoteSpawnOptions {
  /** Who is linked or told. Default: the running process. */
  readonly owner?: Pid | undefined
}

/** The functions of `RemoteSpawn`. */
export interface RemoteSpawnFunctions {
  /**
   * Starts the server of `contract`, or the behaviour of that name, on `node`, and resolves when its `init` is done. Rejects
   * with `ERR_BEHAVIOR_NOT_FOUND`, `ERR_SPAWN_INIT`, `_TIMEOUT`, `_DENIED`, `_REGISTRATION`, and with `ERR_CALL_EXIT`, reason
   * `noconnection`, when the node cannot be reached.
   */
  spawn<P>(contract: Contract<P>, node: NodeTarget, options?: RemoteSpawnOptions): Promise<Ref<P>>
  spawn<P = unknown>(name: string, node: NodeTarget, options?: RemoteSpawnOptions): Promise<Ref<P>>
  /** As `spawn`, linked to `owner`; the owner always sees the real reason, never noproc. */
  spawnLink<P = unknown>(
    what: Contract<P> | string,
    node: NodeTarget,
    options?: RemoteSpawnOwnerOptions,
  ): Promise<Ref<P>>
  /** As `spawn`, monitored by `owner`; the DOWN has the real reason, never noproc. */
  spawnMonitor<P = unknown>(
    what: Contract<P> | string,
    node: NodeTarget,
    options?: RemoteSpawnOwnerOptions,
  ): Promise<{ readonly ref: Ref<P>; readonly monitor: MonitorRef }>
}

const anything: OptionCheck = { expected: 'a value', test: () => true }

const CHECKS: { readonly [K in keyof RemoteSpawnOptions]-?: OptionCheck } = {
  arg: anything,
  registration: optional(oneOfOption('none', 'local', 'global')),
  name: optional(stringOption),
  timeoutMs: optional(numberOption(1, 2_147_483_647)),
  signal: optional(signalOption),
}

/** What `RemoteSpawn` needs of its node. */
export interface RemoteSpawnParts {
  readonly system: System
  readonly gate: DistGate
  readonly directory: NodeDirectory
  readonly contracts: ContractTable
  readonly behaviors: BehaviorRegistry
  readonly spawner: Spawner
  readonly spawnTimeoutMs: number
  /** Global names. */
  readonly names: () => GlobalRegistryFunctions
}

/** One spawn. */
interface Plan {
  readonly behaviorName: string
  readonly nodeId: string
  readonly keyHex: string | undefined
  readonly contract: Contract<unknown> | undefined
  readonly arg: unknown
  readonly name: string | undefined
  readonly globalName: string | undefined
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  readonly watched: boolean
}

/** Spawns of one node. */
export class RemoteSpawns {
  readonly #parts: RemoteSpawnParts

  constructor(parts: RemoteSpawnParts) {
    this.#parts = parts
  }

  /** The functions that users see. */
  functions(): RemoteSpawnFunctions {
    return Object.freeze({
      spawn: (what: Contract<never> | string, node: NodeTarget, options?: RemoteSpawnOptions) =>
        this.#spawn(what, node, options, false),
      spawnLink: (
        what: Contract<never> | string,
        node: NodeTarget,
        options: RemoteSpawnOwnerOptions = {},
      ) => this.#spawnLink(what, node, options),
      spawnMonitor: (
        what: Contract<never> | string,
        node: NodeTarget,
        options: RemoteSpawnOwnerOptions = {},
      ) => this.#spawnMonitor(what, node, options),
    }) as unknown as RemoteSpawnFunctions
  }

  async #spawnLink(
    what: Contract<never> | string,
    node: NodeTarget,
    { owner = ownPid('spawnLink'), ...options }: RemoteSpawnOwnerOptions,
  ): Promise<Ref<unknown>> {
    const ref = await this.#spawn(what, node, options, true)
    this.#owned(ref, () => this.#parts.system.link(owner, ref.pid))
    return ref
  }

  async #spawnMonitor(
    what: Contract<never> | string,
    node: NodeTarget,
    { owner = ownPid('spawnMonitor'), ...options }: RemoteSpawnOwnerOptions,
  ): Promise<{ readonly ref: Ref<unknown>; readonly monitor: MonitorRef }> {
    const ref = await this.#spawn(what, node, options, true)
    return { ref, monitor: this.#owned(ref, () => this.#parts.system.monitor(owner, ref.pid)) }
  }

  /** Nobody would know the new process if its owner cannot take it any more. */
  #owned<T>(ref: Ref<unknown>, take: () => T): T {
    try {
      return take()
    } catch (error) {
      this.#parts.system.exit(ref.pid, 'kill')
      throw error
    }
  }

  async #spawn(
    what: Contract<never> | string,
    node: NodeTarget,
    options: RemoteSpawnOptions | undefined,
    watched: boolean,
  ): Promise<Ref<unknown>> {
    const plan = this.#plan(what, node, options, watched)
    if (plan.signal?.aborted === true) throw aborted(plan)
    const { globalName } = plan
    if (globalName !== undefined && this.#parts.names().isRegistered(globalName)) {
      throw new RemoteSpawnRegistrationError(plan, globalName)
    }
    const { ownKeyHex } = this.#parts.directory
    const answer =
      plan.keyHex === ownKeyHex ? await this.#spawnHere(plan) : await this.#spawnThere(plan)
    const ref = this.#refOf(plan, answer)
    if (globalName !== undefined) await this.#nameGlobally(plan, ref, globalName)
    return ref
  }

  /** Somebody may have been faster meanwhile; nobody would know the process then. */
  async #nameGlobally(plan: Plan, ref: Ref<unknown>, name: string): Promise<void> {
    const { timeoutMs, signal } = plan
    try {
      await this.#parts.names().register(name, ref, { timeoutMs, signal })
    } catch (error) {
      this.#parts.system.exit(ref.pid, 'kill')
      const isTaken = error instanceof GlobalNameConflictError
      throw isTaken ? new RemoteSpawnRegistrationError(plan, name) : error
    }
  }

  #plan(
    what: Contract<never> | string,
    node: NodeTarget,
    given: RemoteSpawnOptions | undefined,
    watched: boolean,
  ): Plan {
    const { directory, contracts, spawnTimeoutMs } = this.#parts
    const options = resolveOptions<RemoteSpawnOptions>('RemoteSpawn.spawn', {}, CHECKS, given)
    const { arg, name, signal, registration, timeoutMs = spawnTimeoutMs } = options
    if (registration !== undefined && (registration !== 'none') !== (name !== undefined)) {
      const text = "RemoteSpawn.spawn: 'registration' and 'name' contradict each other"
      throw new OptionError('ERR_OPTION_INVALID', 'registration', text)
    }
    const contract = typeof what === 'string' ? undefined : (what as unknown as Contract<unknown>)
    if (contract !== undefined && !isContract(contract)) {
      throw new ArgumentError('what', 'a contract or the name of a behaviour', what)
    }
    if (contract !== undefined) contracts.learn(contract)
    const keyHex = directory.keyOf(node)
    return {
      behaviorName: contract?.name ?? String(what),
      nodeId: keyHex === undefined ? String(node) : directory.nameOf(keyHex),
      ...{ keyHex, contract, arg, timeoutMs, signal, watched },
      name: registration === 'global' ? undefined : name,
      globalName: registration === 'global' ? name : undefined,
    }
  }

  /** On this node; behaviours need not be registered with `{ remote: true }` for that. */
  async #spawnHere(plan: Plan): Promise<SpawnAnswer & { readonly pid?: Pid }> {
    const { behaviors, spawner, directory } = this.#parts
    const entry = behaviors.find(plan.behaviorName, false)
    if (entry === undefined) {
      return { status: SpawnStatus.notFound, detail: undefined, contract: undefined }
    }
    const { arg, name, timeoutMs, signal } = plan
    const outcome = await spawner.spawn({
      ...{ entry, arg, name, timeoutMs },
      owner: directory.ownKeyHex,
      signal: signal ?? new AbortController().signal,
    })
    if (signal?.aborted === true && outcome.spawned === undefined) throw aborted(plan)
    if (outcome.spawned === undefined) return { ...outcome, contract: undefined }
    const { pid } = outcome.spawned
    return { status: outcome.status, detail: pid.id, contract: entry.contract?.name, pid }
  }

  #spawnThere(plan: Plan): Promise<SpawnAnswer & { readonly pid?: Pid }> {
    return new Promise((resolve, reject) =>
      new SpawnWait(this.#parts, plan, resolve, reject).begin(),
    )
  }

  #refOf(plan: Plan, answer: SpawnAnswer & { readonly pid?: Pid }): Ref<unknown> {
    const { contracts } = this.#parts
    const { pid, contract: name } = answer
    if (pid === undefined) throw failure(plan, answer)
    const { contract } = plan
    if (contract === undefined)
      return name === undefined ? bareRef(pid) : contracts.refTo(pid, name)
    if (name === contract.name) return contract.at(pid)
    this.#parts.system.exit(pid, 'kill')
    throw new ContractVersionError(contract.name, name ?? 'no contract')
  }
}

/** A spawn on another node that waits: for a link, its answer, its deadline or its signal. */
class SpawnWait {
  readonly #parts: RemoteSpawnParts
  readonly #plan: Plan
  readonly #resolve: (answer: SpawnAnswer & { readonly pid?: Pid }) => void
  readonly #reject: (error: unknown) => void
  #timer: ClockTimer | undefined
  #cancel: () => void = () => {}
  #over = false

  constructor(
    parts: RemoteSpawnParts,
    plan: Plan,
    resolve: (answer: SpawnAnswer & { readonly pid?: Pid }) => void,
    reject: (error: unknown) => void,
  ) {
    this.#parts = parts
    this.#plan = plan
    this.#resolve = resolve
    this.#reject = reject
  }

  begin(): void {
    const { gate, system } = this.#parts
    const { keyHex, signal, timeoutMs } = this.#plan
    const lost = (): void => this.#end(() => this.#reject(unreachable(this.#plan)))
    this.#timer = system.clock.setTimer(timeoutMs, () => {
      this.#end(() => this.#reject(new RemoteSpawnTimeoutError(this.#plan, timeoutMs)))
    })
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    const waits =
      keyHex !== undefined &&
      gate.whenLinked(
        keyHex,
        (peer) => {
          if (this.#over) return
          const { behaviorName: behavior, arg, name, watched } = this.#plan
          const request = { behavior, arg, name, timeoutMs, watched }
          try {
            const id = peer.spawn(request, (answer) => {
              this.#cancel = () => {}
              if (answer === undefined) return lost()
              const isUp = answer.status === SpawnStatus.ok
              const process = isUp ? Number(answer.detail) : 0
              const pid = system.pidFor(peer.keyHex, process, peer.incarnation)
              this.#end(() => this.#resolve(isUp ? { ...answer, pid } : answer))
            })
            this.#cancel = () => peer.cancelSpawn(id)
          } catch (error) {
            this.#end(() => this.#reject(error))
          }
        },
        lost,
      )
    if (!waits) lost()
  }

  readonly #onAbort = (): void => this.#end(() => this.#reject(aborted(this.#plan)))

  #end(settle: () => void): void {
    if (this.#over) return
    this.#over = true
    this.#timer?.cancel()
    this.#plan.signal?.removeEventListener('abort', this.#onAbort)
    this.#cancel()
    settle()
  }
}

const unreachable = (plan: Plan): NodeNotReachableError =>
  new NodeNotReachableError({ server: plan.behaviorName, request: 'spawn' }, plan.nodeId)

const aborted = (plan: Plan): CallAbortedError =>
  new CallAbortedError({ server: plan.behaviorName, request: 'spawn' }, plan.signal?.reason)

function failure(plan: Plan, { status, detail }: SpawnAnswer): Error {
  switch (status) {
    case SpawnStatus.notFound:
      return new BehaviorNotFoundError(plan)
    case SpawnStatus.denied:
      return new RemoteSpawnError('ERR_SPAWN_DENIED', plan, 'is not granted to this node')
    case SpawnStatus.timeout:
      return new RemoteSpawnTimeoutError(plan, plan.timeoutMs)
    case SpawnStatus.nameTaken:
      return new RemoteSpawnRegistrationError(plan, plan.name ?? '')
    case SpawnStatus.refused:
      return refusal(plan, detail)
    default:
      return new RemoteSpawnInitError(plan, detail)
  }
}

function refusal(plan: Plan, detail: unknown): DistRefusedError {
  const code =
    typeof detail === 'string' && /^ERR_[A-Z_]{1,60}$/.test(detail) ? detail : 'ERR_REMOTE'
  return new DistRefusedError(code, `${plan.nodeId} refused to spawn: ${code}`)
}

function ownPid(where: string): Pid {
  const pid = currentProcess()?.pid
  if (pid !== undefined) return pid
  const text = `RemoteSpawn.${where}: pass 'owner', or call it synchronously inside a process`
  throw new OptionError('ERR_OPTION_INVALID', 'owner', text)
}
