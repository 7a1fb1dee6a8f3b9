/**
 * What a node does for supervisors of other nodes, and of its own: it starts their children, stops them when asked,
 * and stops them by itself when their supervisor has ended or its node is lost. So no child outlives its supervisor, also
 * one that traps exits, and in a network that falls apart the side without the supervisor ends its children by itself.
 *
 *     start -> an earlier run of that child ends first -> spawn -> watched until it ends
 *     supervisor ends, its node is lost -> every child of it is asked to end, and killed after its time
 *
 * Invariants:
 * - A supervisor speaks for its own children only, and a node for its own supervisors (the pid of the owner says which).
 * - Of one child of one supervisor one process runs here at most.
 * - A child with a lease starts when this node holds it, is killed when that is lost, and gives it back when it has ended;
 *   so of all nodes one at most runs it, also in a network that falls apart (G12).
 */
import { bareRef, type Ref } from '../../behaviours/index.ts'
import {
  isPid,
  pidKey,
  TIMER_DELAY_MS_MAX,
  type ExitReason,
  type Pid,
} from '../../runtime/index.ts'
import type { BehaviorEntry } from '../behavior-registry.ts'
import { BehaviorNotFoundError } from '../errors.ts'
import type { Lease, StrictLeases } from '../leases/leases.ts'
import type { DistParts } from '../parts.ts'
import type { PeerOrigin } from '../peer-services.ts'
import type { Spawned } from '../spawner.ts'
import { startFailure } from '../start-failure.ts'
import { LeaseError } from '../leases/errors.ts'
import { HostRefusedError } from './errors.ts'
import { HOST_SERVICE, measureLoad } from './node-load.ts'

/** What the host is asked to start. */
export interface HostStart {
  /** The supervisor. */
  readonly owner: Pid
  readonly childId: string
  readonly behavior: string
  readonly arg: unknown
  readonly timeoutMs: number
  /** How long the child may take to end; 0 kills, Infinity waits. */
  readonly shutdownMs: number
  /** Name of the lease that the child runs under, and how long to wait for it; undefined for none. */
  readonly lease?: { readonly name: string; readonly timeoutMs: number } | undefined
  /** Whether the child gets `{ arg, token }` instead of `arg`. */
  readonly isFenced?: boolean | undefined
}

/** A child that runs here. */
interface Hosted {
  readonly pid: Pid
  readonly childId: string
  readonly shutdownMs: number
  readonly owner: Owner
  readonly waiting: (() => void)[]
  readonly lease: Lease | undefined
  ending: boolean
}

/** A supervisor with children here. */
interface Owner {
  readonly pid: Pid
  readonly keyHex: string
  readonly children: Map<string, Hosted>
  /** Starts that are under way. */
  readonly starting: Map<string, AbortController>
  unwatch: () => void
}

/** Ended children whose reason is kept for a supervisor that was late to link to them. */
const REASONS_MAX = 1_024

/** Children of supervisors on one node. */
export class ChildHost {
  readonly #parts: DistParts
  readonly #leases: StrictLeases | undefined
  readonly #owners = new Map<string, Owner>()
  readonly #hosted = new Map<string, Hosted>()
  readonly #reasons = new Map<string, ExitReason>()
  readonly #close: () => void

  constructor(parts: DistParts, leases: StrictLeases | undefined) {
    this.#parts = parts
    this.#leases = leases
    this.#close = parts.services.open(HOST_SERVICE, {
      action: 'spawn',
      call: (origin, name, input, signal) => this.#request(origin, name, input, signal),
      cast: (origin, name, input) => this.#abandon(origin, name, input),
    })
  }

  /** Children that run here. */
  get count(): number {
    return this.#hosted.size
  }

  close(): void {
    this.#close()
    for (const { unwatch } of this.#owners.values()) unwatch()
    this.#owners.clear()
  }

  #request(origin: PeerOrigin, name: string, input: unknown, signal: AbortSignal): unknown {
    switch (name) {
      case 'start':
        return this.#start(origin, checkStart(input), signal)
      case 'stop':
        return this.#stop(origin, input)
      case 'reason':
        return isPid(input) ? (this.#reasons.get(pidKey(input)) ?? 'noproc') : 'noproc'
      case 'offers':
        return this.#entry(origin, String(input)) !== undefined
      case 'load':
        return measureLoad(this.#parts.system)
      default:
        throw new HostRefusedError(`the host of children knows no '${name}'`)
    }
  }

  /** For others only what is registered for them. */
  #entry({ keyHex }: PeerOrigin, behavior: string): BehaviorEntry | undefined {
    const { behaviors, directory } = this.#parts
    return behaviors.find(behavior, keyHex !== directory.ownKeyHex)
  }

  async #start(origin: PeerOrigin, start: HostStart, signal: AbortSignal): Promise<Ref<unknown>> {
    const { behavior: behaviorName, childId } = start
    this.#checkOwner(origin, start.owner)
    const entry = this.#entry(origin, behaviorName)
    if (entry === undefined) throw new BehaviorNotFoundError(this.#names(behaviorName))
    const owner = this.#ownerOf(origin, start.owner)
    if (owner.starting.has(childId)) {
      throw new HostRefusedError(`child '${childId}' is being started already`)
    }
    const abort = new AbortController()
    const giveUp = (): void => abort.abort('cancelled')
    owner.starting.set(childId, abort)
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      if (signal.aborted) giveUp()
      const before = owner.children.get(childId)
      if (before !== undefined) await this.#end(before)
      const { pid } = await this.#startUnder(owner, entry, start, abort.signal)
      return entry.contract === undefined ? bareRef(pid) : entry.contract.at(pid)
    } finally {
      signal.removeEventListener('abort', giveUp)
      owner.starting.delete(childId)
      this.#forgetOwner(owner)
    }
  }

  /** Under its lease, if it has one. */
  async #startUnder(
    owner: Owner,
    entry: BehaviorEntry,
    start: HostStart,
    signal: AbortSignal,
  ): Promise<Spawned> {
    if (start.lease === undefined) return this.#spawn(owner, entry, start, undefined, signal)
    const { name, timeoutMs } = start.lease
    if (this.#leases === undefined) {
      throw new LeaseError('ERR_VOTERS_REQUIRED', `'${name}': this node has no voters`)
    }
    const lease = await this.#leases.acquire(name, { timeoutMs, signal })
    // What its init does after the end of the lease would be done without it.
    const held = AbortSignal.any([signal, lease.lost])
    try {
      const spawned = await this.#spawn(owner, entry, start, lease, held)
      if (spawned.ended !== undefined) lease.release()
      return spawned
    } catch (error) {
      lease.release()
      throw error
    }
  }

  async #spawn(
    owner: Owner,
    entry: BehaviorEntry,
    { arg: given, isFenced, timeoutMs, childId, shutdownMs }: HostStart,
    lease: Lease | undefined,
    signal: AbortSignal,
  ): Promise<Spawned> {
    const arg = isFenced === true ? { arg: given, token: lease?.token } : given
    const { spawner, system } = this.#parts
    const order = { entry, arg, name: undefined, timeoutMs, owner: owner.keyHex, signal }
    const outcome = await spawner.spawn(order)
    if (outcome.spawned === undefined)
      throw startFailure(this.#names(entry.name), timeoutMs, outcome)
    const { spawned } = outcome
    const { pid } = spawned
    if (spawned.ended !== undefined) {
      this.#keepReason(pid, spawned.ended.reason)
      return spawned
    }
    const hosted: Hosted = { pid, childId, shutdownMs, owner, waiting: [], lease, ending: false }
    this.#hosted.set(pidKey(pid), hosted)
    owner.children.set(childId, hosted)
    system.watch(pid, (reason) => this.#ended(hosted, reason))
    const lost = (): void => system.exit(pid, 'kill')
    lease?.lost.addEventListener('abort', lost, { once: true })
    if (lease?.lost.aborted === true) lost()
    // Nobody reads the answer any more, so nobody would link to it.
    if (signal.aborted && this.#hosted.has(pidKey(pid))) void this.#end(hosted)
    return spawned
  }

  #names(behaviorName: string): { readonly behaviorName: string; readonly nodeId: string } {
    const { directory } = this.#parts
    return { behaviorName, nodeId: directory.nameOf(directory.ownKeyHex) }
  }

  #ended(hosted: Hosted, reason: ExitReason): void {
    const { owner, childId, pid, lease } = hosted
    this.#hosted.delete(pidKey(pid))
    lease?.release()
    if (owner.children.get(childId) === hosted) owner.children.delete(childId)
    this.#keepReason(pid, reason)
    this.#forgetOwner(owner)
    for (const tell of hosted.waiting) tell()
  }

  #keepReason(pid: Pid, reason: ExitReason): void {
    this.#reasons.set(pidKey(pid), reason)
    if (this.#reasons.size <= REASONS_MAX) return
    for (const oldest of this.#reasons.keys()) {
      this.#reasons.delete(oldest)
      return
    }
  }

  /** Answers when the child is dead; false if there was none. */
  async #stop(origin: PeerOrigin, input: unknown): Promise<boolean> {
    const hosted = isPid(input) ? this.#hosted.get(pidKey(input)) : undefined
    if (hosted === undefined) return false
    this.#checkOwner(origin, hosted.owner.pid)
    await this.#end(hosted)
    return true
  }

  /** As its parent would: asked to end, and killed when its time is over. */
  #end(hosted: Hosted): Promise<void> {
    const { system } = this.#parts
    const { pid, shutdownMs } = hosted
    return new Promise((resolve) => {
      hosted.waiting.push(resolve)
      if (hosted.ending) return
      hosted.ending = true
      const parent = system.process(pid)?.parent
      if (shutdownMs > 0 && shutdownMs !== Infinity) {
        const timer = system.clock.setTimer(shutdownMs, () => system.exit(pid, 'kill', parent))
        hosted.waiting.push(() => timer.cancel())
      }
      // One that does not trap exits is dead when this returns.
      system.exit(pid, shutdownMs === 0 ? 'kill' : 'shutdown', parent)
    })
  }

  /** A supervisor that gave up waiting for a start: whatever came of it is not wanted. */
  #abandon(origin: PeerOrigin, name: string, input: unknown): void {
    const { owner: pid, childId } = (input ?? {}) as Partial<HostStart>
    if (name !== 'abandon' || !isPid(pid) || typeof childId !== 'string') {
      throw new HostRefusedError('a message to the host of children is malformed')
    }
    this.#checkOwner(origin, pid)
    const owner = this.#owners.get(pidKey(pid))
    owner?.starting.get(childId)?.abort('cancelled')
    const hosted = owner?.children.get(childId)
    if (hosted !== undefined) void this.#end(hosted)
  }

  // --- owners ---------------------------------------------------------------------------------

  #checkOwner({ keyHex }: PeerOrigin, owner: Pid): void {
    const { system, directory } = this.#parts
    const node = keyHex === directory.ownKeyHex ? system.node : keyHex
    if (owner.node === node) return
    throw new HostRefusedError('a node speaks for its own supervisors only')
  }

  #ownerOf({ keyHex }: PeerOrigin, pid: Pid): Owner {
    const key = pidKey(pid)
    const known = this.#owners.get(key)
    if (known !== undefined) return known
    const owner: Owner = {
      ...{ pid, keyHex, children: new Map(), starting: new Map() },
      unwatch: () => {},
    }
    this.#owners.set(key, owner)
    owner.unwatch = this.#parts.system.watch(pid, () => this.#ownerGone(owner))
    return owner
  }

  /** The supervisor has ended, or its node is lost: nobody else would end its children. */
  #ownerGone(owner: Owner): void {
    const key = pidKey(owner.pid)
    if (this.#owners.get(key) === owner) this.#owners.delete(key)
    for (const abort of owner.starting.values()) abort.abort('noproc')
    for (const hosted of owner.children.values()) void this.#end(hosted)
  }

  #forgetOwner(owner: Owner): void {
    if (owner.children.size > 0 || owner.starting.size > 0) return
    const key = pidKey(owner.pid)
    if (this.#owners.get(key) === owner) this.#owners.delete(key)
    owner.unwatch()
  }
}

/** A start as a peer asked for it. */
function checkStart(input: unknown): HostStart {
  const start = (typeof input === 'object' && input !== null ? input : {}) as Partial<HostStart>
  const { owner, childId, behavior, timeoutMs, shutdownMs } = start
  if (
    isPid(owner) &&
    typeof childId === 'string' &&
    typeof behavior === 'string' &&
    isTime(timeoutMs) &&
    isTime(shutdownMs) &&
    isLease(start.lease)
  ) {
    const { arg, lease } = start
    const isFenced = start.isFenced === true
    return { owner, childId, behavior, arg, timeoutMs, shutdownMs, lease, isFenced }
  }
  throw new HostRefusedError('a start of a child is malformed')
}

function isLease(value: unknown): value is HostStart['lease'] {
  if (value === undefined) return true
  const { name, timeoutMs } = (value ?? {}) as Record<string, unknown>
  // A supervisor has the leases of children only, whoever it is.
  return typeof name === 'string' && name.startsWith('child:') && isTime(timeoutMs)
}

function isTime(value: unknown): value is number {
  return (
    typeof value === 'number' &&
    value >= 0 &&
    (value <= TIMER_DELAY_MS_MAX || value === Number.POSITIVE_INFINITY)
  )
}
