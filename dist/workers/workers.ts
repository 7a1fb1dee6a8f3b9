/**
 * Worker nodes: the same node in threads of this process, so that one program uses all processors. Each has its own
 * key, its own processes and its own event loop; it is a member of the mesh as any other, and reached over message
 * ports (`mesh/transport/worker/README.md`).
 *
 *     workers (one_for_one)      in the system of the node that starts them
 *     ├─ shop-w1                 a process per thread: it ends with it and restarts it
 *     └─ shop-w2
 *
 * A worker that crashes is a node that is gone: `noconnection` to whoever knew its processes, at once. The one that is
 * started in its place is a new node.
 */
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { Supervisor } from '../../behaviours/index.ts'
import {
  formatReason,
  type ExitReason,
  type FoveaErrorOptions,
  type Logger,
  type System,
} from '../../runtime/index.ts'
import { formatRealm, Line, nodeKeyFromHex, Switchboard } from '../../mesh/index.ts'
import type { Door, Mesh, NodeKey } from '../../mesh/index.ts'
import type { ClusterFunctions } from '../cluster.ts'
import type { NodeId } from '../node-id.ts'
import { WorkerError } from './errors.ts'
import { resolveWorkersOptions } from './options.ts'
import type { ResolvedWorkersOptions, WorkersOptions } from './options.ts'
import { Thread } from './thread.ts'
import type { ThreadParts, ThreadReady } from './thread.ts'
import { workerChild } from './worker-server.ts'

/** A worker node as it is now. */
export interface WorkerNode {
  readonly name: string
  /** Of the node that runs or ran last. */
  readonly id: NodeId
  readonly key: NodeKey
  /** How often it was started again. */
  readonly restarts: number
}

/** Worker nodes of one start. */
export interface Workers extends AsyncDisposable {
  /** As they are now; a worker that was restarted has another key. */
  readonly nodes: readonly WorkerNode[]
  /** Why all of them ended, once they have: stopped, or given up after too many restarts. */
  readonly ended: Promise<ExitReason>
  /** Stops the nodes and ends the threads. Idempotent; nothing is left afterwards. */
  stop(): Promise<void>
}

/** What workers need of the node that starts them. */
export interface WorkersHost {
  readonly mesh: Mesh
  readonly cluster: ClusterFunctions
  readonly system: System
  readonly logger: Logger
  /** The way to the threads; undefined for a node that can have none. */
  readonly door: Door | undefined
  /** Name of the node. */
  readonly name: string
  /** Where the node is bound. */
  readonly host: string
  /** Whether it has a QUIC port. */
  readonly quic: boolean
  /** Directory of the node's key, if it has one. */
  readonly dataDir: string | undefined
  /** What the workers have from it. */
  readonly options: Readonly<Record<string, unknown>>
  /** The JavaScript file that runs in a thread. */
  readonly entry: URL
}

interface Slot {
  readonly name: string
  readonly number: number
  ready: ThreadReady | undefined
  starts: number
  thread: Thread | undefined
}

/** All workers of one node. */
export class NodeWorkers {
  readonly #host: WorkersHost
  readonly #groups = new Set<WorkerGroup>()
  /** Numbers of workers, which are in their names and data directories. */
  readonly #taken = new Set<number>()
  /** The last thread of each number. */
  readonly #last = new Map<number, Thread>()
  #insideHost: string | undefined
  #switchboard: Promise<Switchboard> | undefined
  #closed = false

  constructor(host: WorkersHost) {
    this.#host = host
  }

  /** Resolves when every worker is connected; rejects with the first failure, and then none is left. */
  async start(given: WorkersOptions): Promise<Workers> {
    const options = resolveWorkersOptions(given)
    const { door } = this.#host
    if (this.#closed || door === undefined || !isMainThread) throw unavailable()
    this.#switchboard ??= this.#open(door)
    const switchboard = await this.#switchboard
    // The node may have been stopped meanwhile.
    if (this.#closed) throw unavailable()
    const insideHost = (this.#insideHost ??= discardAddress(this.#host.system.entropy.bytes(6)))
    const slots = Array.from({ length: options.count }, () => this.#slot())
    const group = new WorkerGroup({ host: this.#host, switchboard, insideHost, options, slots })
    this.#groups.add(group)
    void group.ended.then(() => {
      this.#groups.delete(group)
      for (const { number, thread } of slots) {
        this.#taken.delete(number)
        if (thread !== undefined) this.#last.set(number, thread)
      }
    })
    try {
      await group.start()
    } catch (cause) {
      throw this.#closed ? unavailable({ cause }) : cause
    }
    if (!this.#closed) return group
    await group.stop()
    throw unavailable()
  }

  /** The node is about to stop: ends every thread and closes the way to them. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#groups].map((group) => group.stop()))
    // Whoever started workers was told when it could not be opened.
    const switchboard = await this.#switchboard?.catch(() => undefined)
    if (switchboard === undefined) return
    await this.#host.door?.detach()
    switchboard.close()
  }

  async #open(door: Door): Promise<Switchboard> {
    const switchboard = new Switchboard([this.#host.mesh.address.host])
    try {
      await door.attach(new Line(switchboard.connect()))
    } catch (error) {
      this.#switchboard = undefined
      await door.detach()
      switchboard.close()
      throw error
    }
    return switchboard
  }

  #slot(): Slot {
    let number = 1
    while (this.#taken.has(number)) number++
    this.#taken.add(number)
    const name = `${this.#host.name}-w${number}`
    return { name, number, ready: undefined, starts: 0, thread: this.#last.get(number) }
  }
}

interface GroupParts {
  readonly host: WorkersHost
  readonly switchboard: Switchboard
  readonly insideHost: string
  readonly options: ResolvedWorkersOptions
  readonly slots: readonly Slot[]
}

/** The workers of one start, under one supervisor. */
class WorkerGroup implements Workers {
  readonly ended: Promise<ExitReason>
  readonly #parts: GroupParts
  /** Aborted when all of them have ended, or are about to. */
  readonly #over = new AbortController()
  #settleEnded!: (reason: ExitReason) => void
  #supervisor: ReturnType<typeof Supervisor.start> | undefined
  #stopped: Promise<void> | undefined

  constructor(parts: GroupParts) {
    this.#parts = parts
    this.ended = new Promise((resolve) => (this.#settleEnded = resolve))
    void this.ended.then(() => this.#over.abort())
  }

  get nodes(): readonly WorkerNode[] {
    return this.#parts.slots.flatMap(({ name, ready, starts }) => {
      if (ready === undefined) return []
      const { id, keyHex } = ready
      return [{ name, id: id as NodeId, key: nodeKeyFromHex(keyHex), restarts: starts - 1 }]
    })
  }

  async start(): Promise<void> {
    const { host, options, slots } = this.#parts
    const { intensity, periodMs, stopTimeoutMs } = options
    const { system, logger } = host
    const children = slots.map((slot) =>
      workerChild(slot.name, { stopTimeoutMs, startThread: (ended) => this.#thread(slot, ended) }),
    )
    const limits = { strategy: 'one_for_one', intensity, periodMs } as const
    let supervisor: Awaited<ReturnType<typeof Supervisor.start>>
    try {
      this.#supervisor = Supervisor.start({ ...limits, children, system })
      supervisor = await this.#supervisor
    } catch (cause) {
      this.#settleEnded(cause)
      const text = `workers did not start: ${textOf(cause)}`
      throw new WorkerError('ERR_WORKER_START', '', text, { cause })
    }
    system.watch(supervisor.pid, (reason) => {
      if (this.#stopped === undefined) {
        logger.error({ reason: formatReason(reason) }, 'workers were given up')
      }
      this.#settleEnded(reason)
    })
    try {
      await Promise.all(slots.map((slot) => this.#connected(slot)))
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(): Promise<void> {
    this.#over.abort()
    // It may be starting them; whoever waits for that is told when it fails.
    const supervisor = await this.#supervisor?.catch(() => undefined)
    if (supervisor === undefined) return
    const { slots, options } = this.#parts
    // All at once; the supervisor, which goes one by one, then finds them stopped.
    const stops = slots.map(async ({ thread }) => thread?.stop(options.stopTimeoutMs))
    if (this.#parts.host.system.isAlive(supervisor.pid)) await Supervisor.stop(supervisor)
    await this.ended
    await Promise.all(stops)
    // One that was started meanwhile, by a process that was killed and could not wait for it.
    await Promise.all(slots.map(async ({ thread }) => thread?.stop(options.stopTimeoutMs)))
  }

  /** The first life of a worker has come so far that calls reach it. */
  async #connected(slot: Slot): Promise<void> {
    const { host, options } = this.#parts
    const { startTimeoutMs } = options
    const { keyHex } = await slot.thread!.ready
    try {
      const { signal } = this.#over
      await host.cluster.waitFor(nodeKeyFromHex(keyHex), { timeoutMs: startTimeoutMs, signal })
    } catch (cause) {
      if (this.#over.signal.aborted) {
        const text = 'was stopped before it was connected'
        throw new WorkerError('ERR_WORKER_START', slot.name, text, { cause })
      }
      const text = `was not connected within ${startTimeoutMs} ms`
      throw new WorkerError('ERR_WORKER_START_TIMEOUT', slot.name, text, { cause })
    }
  }

  #thread(slot: Slot, ended: (error: WorkerError) => void): Thread {
    const { host, options, switchboard, insideHost } = this.#parts
    const { module, data, execArgv, startTimeoutMs } = options
    const { mesh, logger, entry, dataDir } = host
    const quic = options.quic ?? host.quic
    const { address } = mesh
    const takesOver = slot.thread?.hasEnded ?? false
    slot.starts++
    const line = switchboard.connect()
    const parts: ThreadParts = {
      ...{ entry, execArgv, startTimeoutMs, logger, clock: host.system.clock, onEnded: ended },
      start: {
        ...{ module, data, name: slot.name, insideHost, line },
        realm: JSON.parse(formatRealm(mesh.realm)) as object,
        outside: quic ? { host: host.host, advertiseHost: address.host } : undefined,
        takesOver,
        dataDir: dataDir === undefined ? undefined : join(dataDir, 'workers', String(slot.number)),
        seed: mesh.nodeId,
        options: { ...host.options, ...options.options },
      },
    }
    let thread: Thread
    try {
      thread = new Thread(parts)
    } catch (error) {
      // What it was to be given cannot pass to a thread: the line has nobody at its other end.
      line.close()
      throw error
    }
    slot.thread = thread
    thread.ready.then(
      (ready) => {
        if (slot.thread === thread) slot.ready = ready
      },
      () => {},
    )
    return thread
  }
}

/**
 * An address that only this process knows, for nodes without a QUIC port: of the block that routers throw away
 * (RFC 6666), so that nobody outside is reached by mistake.
 */
function discardAddress(random: Uint8Array): string {
  const groups = [0, 2, 4].map((at) => ((random[at]! << 8) | random[at + 1]! | 0x1000).toString(16))
  return `100::${groups.join(':')}`
}

function unavailable(options: FoveaErrorOptions = {}): WorkerError {
  const text = 'workers are started by a running node of the main thread'
  return new WorkerError('ERR_WORKERS_UNAVAILABLE', '', text, options)
}

function textOf(value: unknown): string {
  return value instanceof Error ? value.message : String(value)
}
