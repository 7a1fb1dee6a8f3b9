/**
 * The parent of every process that was started from another node: a process that traps exits, so it
 * learns how each of them ended, and stops them all when the node stops.
 *
 *     spawn message -> Spawner.spawn -> behaviour.start(parent: spawner, linked) -> outcome
 *                                        EXIT of the child -> slot of its peer is free again
 *
 * Invariants:
 * - A spawn takes one of its peer's `peerSpawnsMax` slots from before `init` until the process has ended.
 * - A slow `init` blocks nobody: starts run beside each other, the process only keeps the books.
 * - When the spawner dies, its children die with it over their links.
 */
import {
  contract,
  implement,
  InitializationError,
  InitTimeoutError,
  noreply,
  type ChildSpec,
  type Contract,
  type Info,
  type Ref,
  type Server,
} from '../behaviours/index.ts'
import {
  AlreadyStartedError,
  LimitError,
  NameError,
  pidEquals,
  pidKey,
  type ExitReason,
  type Pid,
  type System,
} from '../runtime/index.ts'
import type { BehaviorEntry } from './behavior-registry.ts'
import { SpawnStatus } from './control.ts'

/** A process that was started for a peer. */
export interface Spawned {
  readonly pid: Pid
  /** Set when the process has ended. */
  ended: { readonly reason: ExitReason } | undefined
}

/** A spawn that failed. */
export interface FailedSpawn {
  readonly status: number
  readonly spawned?: undefined
  readonly detail: unknown
}

/** How a spawn ended. */
export type SpawnOutcome =
  { readonly status: typeof SpawnStatus.ok; readonly spawned: Spawned } | FailedSpawn

/** What to start, and for whom. */
export interface SpawnOrder {
  readonly entry: BehaviorEntry
  readonly arg: unknown
  readonly name: string | undefined
  readonly timeoutMs: number
  /** Key of the node that asked. */
  readonly owner: string
  readonly signal: AbortSignal
}

interface SpawnerApi {
  call: {}
  cast: {}
}

const SpawnerContract: Contract<SpawnerApi> = contract('fovea.spawner/1', { call: {}, cast: {} })

/** Exits that came before their start was known to have worked; more forgets the oldest. */
const EARLY_EXITS_MAX = 1024

/** Time for all processes together to stop before they are killed. */
const SHUTDOWN_MS = 5_000

/** Depth of a supervision tree that is looked through. */
const ANCESTORS_MAX = 32

/** Books of one spawner process. */
class Books {
  readonly spawner: Spawner
  readonly self: Pid
  /** The top of the node's own tree; kept, because the spawner may be dead for a moment. */
  readonly root: Pid
  readonly running = new Map<string, { readonly spawned: Spawned; readonly owner: string }>()
  readonly early = new Map<string, ExitReason>()

  constructor(spawner: Spawner, self: Pid, root: Pid) {
    this.spawner = spawner
    this.self = self
    this.root = root
  }

  /** A start has worked; its process may have ended since. */
  started(pid: Pid, owner: string): Spawned {
    const key = pidKey(pid)
    const spawned: Spawned = { pid, ended: undefined }
    if (this.early.has(key)) {
      spawned.ended = { reason: this.early.get(key) }
      this.early.delete(key)
      this.spawner.release(owner)
    } else this.running.set(key, { spawned, owner })
    return spawned
  }

  exited(pid: Pid, reason: ExitReason): void {
    const key = pidKey(pid)
    const known = this.running.get(key)
    if (known === undefined) {
      this.early.set(key, reason)
      if (this.early.size <= EARLY_EXITS_MAX) return
      for (const oldest of this.early.keys()) {
        this.early.delete(oldest)
        return
      }
      return
    }
    this.running.delete(key)
    known.spawned.ended = { reason }
    this.spawner.release(known.owner)
  }
}

const SpawnerServer: Server<SpawnerApi, Spawner> = implement<SpawnerApi, Spawner, Books>(
  SpawnerContract,
  {
    init: (spawner, ctx): Books => spawner.opened(ctx.self.pid),
    call: {},
    cast: {},
    info: (books, info: Info) => {
      if (info.type === 'exit') books.exited(info.from, info.reason)
      return noreply(books)
    },
    terminate: (_reason, books) => books.spawner.shutDown(books),
  },
)

/** Starts processes for other nodes. One per node; survives restarts of its process. */
export class Spawner {
  readonly #system: System
  readonly #spawnsMax: number
  readonly #counts = new Map<string, number>()
  /** Other parents whose children are the program's and not the node's. */
  readonly #openParents = new Set<string>()
  #books: Books | undefined = undefined

  constructor(system: System, spawnsMax: number) {
    this.#system = system
    this.#spawnsMax = spawnsMax
  }

  /** The child of the dist supervisor. */
  child(): ChildSpec<Ref<SpawnerApi>> {
    return {
      id: 'spawner',
      shutdown: SHUTDOWN_MS + 1_000,
      start: ({ system, parent }) =>
        SpawnerServer.start(this, { system, parent, link: true, trapExit: true }),
    }
  }

  /** Processes that start or live for `owner`. */
  count(owner: string): number {
    return this.#counts.get(owner) ?? 0
  }

  /** What is below `parent` is the program's, so other nodes may talk to it; until `signal` is aborted. */
  openBelow(parent: Pid, signal: AbortSignal): void {
    const key = pidKey(parent)
    this.#openParents.add(key)
    signal.addEventListener('abort', () => this.#openParents.delete(key), { once: true })
  }

  /**
   * Whether a process is a part of the node itself: of the mesh's tree, and not below the spawner or another open
   * parent. Other nodes may not talk to those, however they learnt their numbers (H33).
   */
  isPrivate(target: Pid | string): boolean {
    const pid = typeof target === 'string' ? this.#system.whereis(target) : target
    if (pid === undefined || this.#system.process(pid) === undefined) return false
    const books = this.#books
    if (books === undefined) return true
    const path = this.#path(pid)
    const isOpen = path
      .slice(1)
      .some((pid) => pidEquals(pid, books.self) || this.#openParents.has(pidKey(pid)))
    return !isOpen && pidEquals(path.at(-1)!, books.root)
  }

  /** A process and its ancestors, as far as they live here. */
  #path(from: Pid): Pid[] {
    const path: Pid[] = []
    for (let pid: Pid | undefined = from; pid !== undefined && path.length < ANCESTORS_MAX;) {
      path.push(pid)
      pid = this.#system.process(pid)?.parent
    }
    return path
  }

  /** Starts what was ordered. Never rejects. */
  async spawn(order: SpawnOrder): Promise<SpawnOutcome> {
    const books = this.#books
    if (books === undefined || !this.#system.isAlive(books.self)) {
      return { status: SpawnStatus.refused, detail: 'ERR_SPAWNER_DOWN' }
    }
    const { entry, arg, name, timeoutMs, owner, signal } = order
    if (this.count(owner) >= this.#spawnsMax) {
      return { status: SpawnStatus.refused, detail: 'ERR_PEER_SPAWNS_MAX' }
    }
    this.#counts.set(owner, this.count(owner) + 1)
    try {
      const { pid } = await entry.start(arg, {
        system: this.#system,
        parent: books.self,
        link: true,
        initTimeoutMs: timeoutMs,
        signal,
        ...(name === undefined ? {} : { name }),
      })
      return { status: SpawnStatus.ok, spawned: books.started(pid, owner) }
    } catch (error) {
      this.release(owner)
      return failure(error, name)
    }
  }

  /** @internal A slot is free again. */
  release(owner: string): void {
    const left = this.count(owner) - 1
    if (left > 0) this.#counts.set(owner, left)
    else this.#counts.delete(owner)
  }

  /** @internal A new process keeps the books; the children of the one before are dead. */
  opened(self: Pid): Books {
    for (const { owner } of this.#books?.running.values() ?? []) this.release(owner)
    this.#books = new Books(this, self, this.#path(self).at(-1)!)
    return this.#books
  }

  /** @internal Asks every child to stop and kills what has not after a while. */
  async shutDown(books: Books): Promise<void> {
    const pids = [...books.running.values()].map(({ spawned }) => spawned.pid)
    const system = this.#system
    let killer: { cancel(): void } | undefined
    const all = pids.map(
      (pid) => new Promise<void>((resolve) => void system.watch(pid, () => resolve())),
    )
    for (const pid of pids) system.exit(pid, 'shutdown', books.self)
    if (pids.length > 0) {
      killer = system.clock.setTimer(SHUTDOWN_MS, () => {
        for (const pid of pids) system.exit(pid, 'kill', books.self)
      })
    }
    await Promise.all(all)
    killer?.cancel()
  }
}

/** What a failed start means to who asked. */
function failure(error: unknown, name: string | undefined): SpawnOutcome {
  const isTaken =
    error instanceof AlreadyStartedError ||
    (error instanceof NameError && error.code === 'ERR_NAME_TAKEN')
  if (isTaken) return { status: SpawnStatus.nameTaken, detail: name }
  if (error instanceof InitTimeoutError) return { status: SpawnStatus.timeout, detail: undefined }
  if (error instanceof LimitError) return { status: SpawnStatus.refused, detail: error.code }
  const reason = error instanceof InitializationError ? error.reason : error
  return { status: SpawnStatus.init, detail: reason }
}
