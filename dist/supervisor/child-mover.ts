/**
 * The hands of a supervisor over many nodes: finds a node for a child, has it started there, has it stopped, and moves it
 * with its state. When and which is decided in `distributed-children.ts`.
 *
 * A start is asked of the node's host, which starts the process and watches over it (`child-host.ts`); then the
 * supervisor links to it. A node that refuses or is lost meanwhile is left out and the next one is chosen.
 */
import type { Process } from '../../runtime/index.ts'
import type { Ref } from '../../behaviours/index.ts'
import { isRef } from '../../behaviours/index.ts'
import type { DistParts } from '../parts.ts'
import type { DistributedChild } from './child.ts'
import {
  DistributedBehaviorNotFoundError,
  DistributedChildClaimError,
  DistributedHandoffError,
  NoAvailableNodeError,
} from './errors.ts'
import type { HostStart } from './child-host.ts'
import type { CheckedSupervisorOptions } from './options.ts'
import { HOST_SERVICE, NodeLoads } from './node-load.ts'
import { chooseNode, type CandidateNode, type NodeSelector } from './placement.ts'

/** What a child answers to `beginHandoff`. */
export type HandoffReply =
  /** The next start gets this state with `endHandoff`. */
  | { readonly resume: unknown }
  /** It is moved without state. */
  | 'restart'
  /** It is not moved. */
  | 'ignore'

/** Refusals for which another node may be better. */
const ELSEWHERE: ReadonlySet<unknown> = new Set([
  ...['ERR_BEHAVIOR_NOT_FOUND', 'ERR_PEER_DENIED', 'ERR_PEER_SPAWNS_MAX', 'ERR_SPAWNER_DOWN'],
  ...['ERR_CALL_EXIT', 'ERR_PEER_BACKLOG', 'ERR_CALL_TIMEOUT'],
  ...['ERR_VOTERS_REQUIRED', 'ERR_LEASE_NO_MAJORITY', 'ERR_LEASES_OWN_MAX'],
])

/** How much longer an answer of a host may take than what it was asked for. */
const MARGIN_MS = 2_000

/** See the head of this file. */
export class ChildMover {
  readonly #parts: DistParts
  readonly #process: Process
  readonly #options: CheckedSupervisorOptions
  readonly #loads: NodeLoads
  /** Children that run, by node. */
  readonly #counts = new Map<string, number>()
  readonly drained: Set<string> = new Set<string>()
  #lastKeyHex: string | undefined

  constructor(parts: DistParts, process: Process, options: CheckedSupervisorOptions) {
    this.#parts = parts
    this.#process = process
    this.#options = options
    this.#loads = new NodeLoads(parts.system, parts.peers)
  }

  /** Starts a child on the node that its selector chooses, or on `preferred`. Throws why it does not run. */
  async start(child: DistributedChild, preferred?: string): Promise<void> {
    const { spec } = child
    const excluded = new Set<string>()
    let lastError: unknown
    let isUnknown = true
    for (;;) {
      const node =
        preferred !== undefined && !excluded.has(preferred)
          ? (await this.#candidates(undefined, excluded)).find((each) => each.keyHex === preferred)
          : await this.choose(child, excluded)
      if (node === undefined && preferred !== undefined && !excluded.has(preferred)) {
        excluded.add(preferred)
        continue
      }
      if (node === undefined) {
        const options = { cause: lastError }
        if (lastError !== undefined && isUnknown) {
          throw new DistributedBehaviorNotFoundError(spec.behaviorName, spec.id, options)
        }
        throw new NoAvailableNodeError(spec.id, spec.nodeSelector, options)
      }
      try {
        this.#bind(child, node, await this.#startOn(child, node.keyHex))
        return
      } catch (error) {
        const { code } = error as { readonly code?: unknown }
        if (code === 'ERR_CALL_TIMEOUT') this.#abandon(child, node.keyHex)
        if (code === 'ERR_LEASE_HELD') throw new DistributedChildClaimError(spec.id, error)
        if (!ELSEWHERE.has(code)) throw error
        isUnknown &&= code === 'ERR_BEHAVIOR_NOT_FOUND'
        lastError = error
        excluded.add(node.keyHex)
      }
    }
  }

  /** The node that the selector of a child wants. */
  async choose(
    { spec }: DistributedChild,
    excluded: ReadonlySet<string> = new Set(),
  ): Promise<CandidateNode | undefined> {
    const { entropy } = this.#parts.system
    const nodes = await this.#candidates(spec.nodeSelector, excluded)
    const chance = spec.nodeSelector === 'random' ? entropy.random() : 0
    const facts = { lastKeyHex: this.#lastKeyHex, chance }
    const node = chooseNode(spec.nodeSelector, nodes, spec.id, facts)
    if (spec.nodeSelector === 'round_robin' && node !== undefined) this.#lastKeyHex = node.keyHex
    return node
  }

  /** The same among nodes that would start it: whoever is moved stays where it is if there is none. */
  async chooseOffering(child: DistributedChild): Promise<CandidateNode | undefined> {
    const excluded = new Set<string>()
    for (;;) {
      const node = await this.choose(child, excluded)
      if (node === undefined || (await this.offers(node.keyHex, child))) return node
      excluded.add(node.keyHex)
    }
  }

  /** Whether that node would start the child; false if it does not answer. */
  async offers(keyHex: string, { spec }: DistributedChild): Promise<boolean> {
    const { peers } = this.#parts
    const options = { timeoutMs: MARGIN_MS }
    try {
      const answer = await peers.call(keyHex, HOST_SERVICE, 'offers', spec.behaviorName, options)
      return answer === true
    } catch {
      return false // a node that does not answer is none to move to
    }
  }

  /** Stops a child; when this is done it is dead, or its node is lost and ends it by itself. */
  async stop(child: DistributedChild): Promise<void> {
    const { peers, system } = this.#parts
    const { pid, keyHex, spec } = child
    if (pid === undefined || keyHex === undefined) return
    this.unbind(child)
    system.unlink(this.#process.pid, pid)
    const timeoutMs = spec.shutdownMs + MARGIN_MS
    try {
      await peers.call(keyHex, HOST_SERVICE, 'stop', pid, { timeoutMs })
    } catch {
      // The link is lost: the host sees that too, and ends what belongs to this supervisor. If not, this does.
      system.exit(pid, 'kill', this.#process.pid)
    }
  }

  /** Why a child ended that was dead before it was linked. */
  async reasonOf(keyHex: string, child: DistributedChild['pid']): Promise<unknown> {
    const options = { timeoutMs: MARGIN_MS }
    try {
      return await this.#parts.peers.call(keyHex, HOST_SERVICE, 'reason', child, options)
    } catch {
      return 'noconnection'
    }
  }

  /** The child has no process any more. */
  unbind(child: DistributedChild): void {
    const { keyHex } = child
    if (child.ref === undefined || keyHex === undefined) return
    child.ref = undefined
    const count = (this.#counts.get(keyHex) ?? 0) - 1
    if (count > 0) this.#counts.set(keyHex, count)
    else this.#counts.delete(keyHex)
  }

  // --- state that goes along ------------------------------------------------------------------

  /** Asks a child for its state before it is moved. Throws a {@link DistributedHandoffError}. */
  async beginHandoff({ ref, id }: DistributedChild): Promise<HandoffReply> {
    const { remoteCall } = this.#parts
    const options = { timeoutMs: this.#options.handoffTimeoutMs }
    try {
      if (ref === undefined) return 'ignore'
      const answer = await remoteCall.call(ref.pid, 'beginHandoff', undefined, options)
      if (answer === 'restart' || answer === 'ignore') return answer
      if (typeof answer === 'object' && answer !== null && 'resume' in answer) return answer
    } catch (error) {
      throw new DistributedHandoffError(id, 'did not give its state', error)
    }
    throw new DistributedHandoffError(id, 'did not answer as beginHandoff does', undefined)
  }

  /** Gives the state to the child that runs now. Throws a {@link DistributedHandoffError}. */
  async endHandoff({ ref, id }: DistributedChild, state: unknown): Promise<void> {
    const { remoteCall } = this.#parts
    const options = { timeoutMs: this.#options.handoffTimeoutMs }
    try {
      if (ref !== undefined) await remoteCall.call(ref.pid, 'endHandoff', state, options)
    } catch (error) {
      throw new DistributedHandoffError(id, 'did not take its state', error)
    }
  }

  // --- nodes ----------------------------------------------------------------------------------

  async #candidates(
    selector: NodeSelector | undefined,
    excluded: ReadonlySet<string>,
  ): Promise<readonly CandidateNode[]> {
    const { cluster, directory } = this.#parts
    const { ownKeyHex } = directory
    const others = cluster.getConnectedNodes().map(({ key }) => key.hex)
    const keys = [ownKeyHex, ...others].filter(
      (keyHex) => !excluded.has(keyHex) && !this.drained.has(keyHex),
    )
    const loads = selector === 'least_loaded' ? await this.#loads.of(keys) : undefined
    return keys.sort().map((keyHex) => ({
      id: directory.nameOf(keyHex),
      keyHex,
      isLocal: keyHex === ownKeyHex,
      children: this.#counts.get(keyHex) ?? 0,
      load: loads?.get(keyHex),
    }))
  }

  async #startOn({ spec }: DistributedChild, keyHex: string): Promise<Ref<unknown>> {
    const { peers, contracts } = this.#parts
    const { id: childId, behavior, behaviorName, arg, startTimeoutMs, shutdownMs, fenced } = spec
    if (typeof behavior !== 'string') contracts.learn(behavior)
    const owner = this.#process.pid
    const { mode, name, leaseTimeoutMs } = this.#options
    const isStrict = mode === 'strict'
    const start: HostStart = {
      ...{ owner, childId, behavior: behaviorName, arg, timeoutMs: startTimeoutMs, shutdownMs },
      ...(isStrict && { lease: { name: `child:${name}/${childId}`, timeoutMs: leaseTimeoutMs } }),
      isFenced: isStrict && fenced,
    }
    const timeoutMs = startTimeoutMs + MARGIN_MS + (isStrict ? leaseTimeoutMs : 0)
    const ref = await peers.call(keyHex, HOST_SERVICE, 'start', start, { timeoutMs })
    if (!isRef(ref)) throw new TypeError(`${keyHex} answered a start without a process`)
    return ref
  }

  /** The answer is late: whatever comes of the start must not run unseen. */
  #abandon({ id: childId }: DistributedChild, keyHex: string): void {
    const { pid: owner } = this.#process
    this.#parts.peers.cast(keyHex, HOST_SERVICE, 'abandon', { owner, childId })
  }

  #bind(child: DistributedChild, node: CandidateNode, ref: Ref<unknown>): void {
    child.ref = ref
    child.keyHex = node.keyHex
    child.nodeId = node.id
    child.pending = undefined
    this.#counts.set(node.keyHex, (this.#counts.get(node.keyHex) ?? 0) + 1)
    this.#loads.started(node.keyHex)
    if (this.#process.alive) this.#parts.system.link(this.#process.pid, ref.pid)
  }
}
