/**
 * `DistributedSupervisor`: a supervisor whose children run on many nodes. OTP has none; the API is noex's, the semantics are
 * those of the local `Supervisor`, and of Horde and Swarm where nodes come and go.
 *
 *     sup (here) ── link ── child on node b        crash: started again, by strategy and intensity
 *         │ └────── link ── child on node c        node lost: started on another node
 *         └ stops ──────────────────────────────── in reverse order, everywhere
 *
 * Invariants:
 * - One path of decisions: the exit signal of a child, handled by the one process (NX-D7, NX-D8).
 * - No child outlives its supervisor: the host on its node ends it (see `child-host.ts`).
 * - In a network that falls apart the supervisor restarts what it does not reach; what runs there is ended by its own
 *   node as soon as that sees the loss. Until then both may run: what must never run twice holds a lease.
 */
import {
  contract,
  implement,
  InitializationError,
  isRef,
  noreply,
  stopProcess,
  type ChildSpec,
  type Contract,
  type Server,
} from '../../behaviours/index.ts'
import {
  ArgumentError,
  CallExitError,
  formatReason,
  isPid,
  pidKey,
  type Pid,
} from '../../runtime/index.ts'
import { InOrder } from '../in-order.ts'
import { LeaseError } from '../leases/errors.ts'
import type { StrictLeases } from '../leases/leases.ts'
import type { NodeTarget } from '../node-directory.ts'
import type { DistFeature, DistParts } from '../parts.ts'
import { ChildHost } from './child-host.ts'
import type { DistributedChildInfo } from './child.ts'
import type { DistributedChildSpec } from './child-spec.ts'
import { NoAvailableNodeError } from './errors.ts'
import type { LifecycleEvent } from './events.ts'
import { checkSupervisorOptions, type DistributedSupervisorOptions } from './options.ts'
import {
  DistributedSupervisorContract,
  distributedSupervisorServer,
  type DistributedChildCounts,
  type DistributedSupervisorRef,
  type DistributedSupervisorStats,
  type DrainResult,
} from './supervisor-server.ts'

/** A supervisor, by what `start` gave, its pid, or its name on this node. */
export type DistributedSupervisorTarget = DistributedSupervisorRef | Pid | string

/**
 * The functions of `DistributedSupervisor` for one node. Requests wait as long as it takes; a ref may be used on any node, a
 * name on its own.
 */
export interface DistributedSupervisorFunctions {
  /** Starts a supervisor here and its children where their selectors say; rejects if one of them fails. */
  start(options?: DistributedSupervisorOptions): Promise<DistributedSupervisorRef>
  /** Stops every child on every node, in reverse order, then the supervisor (NX-D9). */
  stop(target: DistributedSupervisorTarget): Promise<void>
  /** A specification for a local supervisor above. */
  child(
    options: Omit<DistributedSupervisorOptions, 'parent'>,
    child: { readonly id: string },
  ): ChildSpec<DistributedSupervisorRef>
  isRunning(target: DistributedSupervisorTarget): boolean
  /** Adds a child and starts it. Under `simple_one_for_one`: `{ arg }`, the rest is the template's. */
  startChild(
    target: DistributedSupervisorTarget,
    child: DistributedChildSpec | { readonly arg?: unknown },
  ): Promise<DistributedChildInfo>
  /** Stops a child; its specification stays, unless it is temporary. */
  terminateChild(target: DistributedSupervisorTarget, id: string): Promise<void>
  /** Starts a stopped child again. */
  restartChild(target: DistributedSupervisorTarget, id: string): Promise<DistributedChildInfo>
  /** Removes the specification of a stopped child. */
  deleteChild(target: DistributedSupervisorTarget, id: string): Promise<void>
  /** All children, in the order of their start. */
  getChildren(target: DistributedSupervisorTarget): Promise<readonly DistributedChildInfo[]>
  getChild(
    target: DistributedSupervisorTarget,
    id: string,
  ): Promise<DistributedChildInfo | undefined>
  countChildren(target: DistributedSupervisorTarget): Promise<DistributedChildCounts>
  getStats(target: DistributedSupervisorTarget): Promise<DistributedSupervisorStats>
  /** Moves its children off a node, with their state, and starts none there until `undrain`. */
  drain(target: DistributedSupervisorTarget, node: NodeTarget): Promise<DrainResult>
  undrain(target: DistributedSupervisorTarget, node: NodeTarget): Promise<void>
  /** Hears what happens to the supervisors of this node and their children; gives the way to stop. */
  onLifecycleEvent(listener: (event: LifecycleEvent) => void): () => void
}

interface KeeperApi {
  call: {}
  cast: {}
}

const KeeperContract: Contract<KeeperApi> = contract('fovea.distributed_supervisors/1', {
  call: {},
  cast: {},
})

/** Stops the supervisors of a node before the node is stopped. */
const KeeperServer: Server<KeeperApi, Supervisors> = implement<KeeperApi, Supervisors, Supervisors>(
  KeeperContract,
  {
    init: (supervisors) => supervisors,
    call: {},
    cast: {},
    info: (supervisors) => noreply(supervisors),
    terminate: (_reason, supervisors) => supervisors.stopAll(),
  },
)

/** Time for the supervisors of a node to stop. */
const STOP_MS = 5_000

/** The part of one node. */
export function createDistributedSupervisor(
  parts: DistParts,
  leases: StrictLeases | undefined,
): DistFeature<DistributedSupervisorFunctions> {
  const supervisors = new Supervisors(parts, leases !== undefined)
  const host = new ChildHost(parts, leases)
  const keeper = KeeperServer.child(supervisors, {
    id: 'distributed_supervisors',
    shutdown: STOP_MS + 1_000,
    options: { trapExit: true },
  })
  return {
    functions: supervisors.functions(),
    child: keeper as unknown as ChildSpec,
    close: () => {
      host.close()
      supervisors.close()
    },
  }
}

/** The supervisors of one node. */
class Supervisors {
  readonly #parts: DistParts
  readonly #hasVoters: boolean
  readonly #running = new Map<string, Pid>()
  readonly #listeners = new Set<(event: LifecycleEvent) => void>()
  readonly #order = new InOrder()

  constructor(parts: DistParts, hasVoters: boolean) {
    this.#parts = parts
    this.#hasVoters = hasVoters
    parts.contracts.learn(DistributedSupervisorContract)
  }

  functions(): DistributedSupervisorFunctions {
    const ask = (target: DistributedSupervisorTarget): DistributedSupervisorRef['call'] => {
      if (typeof target === 'string' && this.#parts.system.whereis(target) === undefined) {
        // As the call would, but with the name that nobody has.
        throw new CallExitError({ server: target, request: undefined }, 'noproc')
      }
      return this.#ref(target).call
    }
    const forever = { timeoutMs: Infinity }
    return Object.freeze<DistributedSupervisorFunctions>({
      start: (options) => this.#start(options),
      stop: async (target) => {
        await stopProcess(this.#ref(target).pid, 'shutdown', { system: this.#parts.system })
      },
      child: (options, { id }) => ({
        id,
        type: 'supervisor',
        start: ({ parent }) => this.#start({ ...options, parent }),
      }),
      isRunning: (target) => this.#isRunning(target),
      startChild: async (target, child) => {
        const given = 'id' in child ? { spec: child } : { arg: child.arg }
        return ask(target).startChild(given, forever)
      },
      terminateChild: async (target, id) => ask(target).terminateChild(id, forever),
      restartChild: async (target, id) => ask(target).restartChild(id, forever),
      deleteChild: async (target, id) => ask(target).deleteChild(id, forever),
      getChildren: async (target) => ask(target).getChildren(undefined, forever),
      getChild: async (target, id) => ask(target).getChild(id, forever),
      countChildren: async (target) => ask(target).countChildren(undefined, forever),
      getStats: async (target) => ask(target).getStats(undefined, forever),
      drain: async (target, node) => ask(target).drain(this.#keyOf(node), forever),
      undrain: async (target, node) => ask(target).undrain(this.#keyOf(node), forever),
      onLifecycleEvent: (listener) => {
        const own = (event: LifecycleEvent): void => listener(event)
        this.#listeners.add(own)
        return () => void this.#listeners.delete(own)
      },
    })
  }

  /** Ends all of them, each with its children. */
  async stopAll(): Promise<void> {
    const { system } = this.#parts
    const stopping = [...this.#running.values()].map(async (pid) => {
      try {
        await stopProcess(pid, 'shutdown', { system, timeoutMs: STOP_MS })
      } catch {
        system.exit(pid, 'kill') // it did not end in its time
      }
    })
    await Promise.all(stopping)
  }

  close(): void {
    for (const pid of this.#running.values()) this.#parts.system.exit(pid, 'kill')
    this.#listeners.clear()
  }

  async #start(given: DistributedSupervisorOptions | undefined): Promise<DistributedSupervisorRef> {
    const parts = this.#parts
    const { system } = parts
    const options = checkSupervisorOptions(given)
    const { name, parent } = options
    if (options.mode === 'strict' && !this.#hasVoters) {
      const text = `${name}: a strict supervisor needs the option 'voters' of the node`
      throw new LeaseError('ERR_VOTERS_REQUIRED', text)
    }
    const arg = { parts, options, tell: (event: LifecycleEvent) => this.#tell(event) }
    try {
      const ref = await distributedSupervisorServer.start(arg, {
        ...{ system, trapExit: true, initTimeoutMs: Infinity },
        ...(name === undefined ? {} : { name }),
        ...(parent === undefined ? {} : { parent, link: true }),
      })
      const key = pidKey(ref.pid)
      this.#running.set(key, ref.pid)
      system.watch(ref.pid, () => void this.#running.delete(key))
      return ref
    } catch (error) {
      throw startFailure(error)
    }
  }

  #ref(target: DistributedSupervisorTarget): DistributedSupervisorRef {
    if (isPid(target)) return DistributedSupervisorContract.at(target)
    if (typeof target !== 'string') {
      if (isRef(target)) return target
      throw new ArgumentError('target', 'a supervisor, its pid or its name', target)
    }
    const { system } = this.#parts
    // A pid that nobody has: the call says noproc.
    const nobody = system.pidFor(system.node, 0, system.incarnation)
    return DistributedSupervisorContract.at(system.whereis(target) ?? nobody)
  }

  #isRunning(target: DistributedSupervisorTarget): boolean {
    return this.#running.has(pidKey(this.#ref(target).pid))
  }

  #keyOf(node: NodeTarget): string {
    const keyHex = this.#parts.directory.keyOf(node)
    if (keyHex === undefined) throw new NoAvailableNodeError('', { node: String(node) })
    return keyHex
  }

  #tell(event: LifecycleEvent): void {
    this.#order.tell(this.#listeners, [event], (listener) => {
      try {
        listener(event)
      } catch (error) {
        const detail = formatReason(error)
        this.#parts.logger.error({ err: error, detail }, 'a lifecycle listener failed')
      }
    })
  }
}

/** Why `start` fails: what kept a child from starting, not that init did. */
function startFailure(error: unknown): unknown {
  if (!(error instanceof InitializationError)) return error
  const { reason } = error
  const isTold = typeof reason === 'object' && reason !== null && 'shutdown' in reason
  return isTold && reason.shutdown instanceof Error ? reason.shutdown : error
}
