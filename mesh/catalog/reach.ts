/**
 * Nodes that were found and are to be known: each is dialled, so many at once, and has some time to say what it wants
 * and offers. Whoever waits for one is told when that is over, well or not.
 */
import type { CatalogSettings } from './settings.ts'

/** Where a node is. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** What it wants done, and what it tells. */
export interface ReachSink {
  /** Make a link; `linked` or `failed` is called afterwards. */
  link(node: string, address: Address): void
  /** It is known now, or cannot be. */
  settled(node: string): void
  full(node: string): void
}

interface Reaching extends Address {
  state: 'queued' | 'dialling' | 'waiting'
  deadlineMs: number
}

/** See the head of this file. */
export class Reach {
  readonly #settings: Pick<CatalogSettings, 'linksParallel' | 'linkQueueMax' | 'syncTimeoutMs'>
  readonly #sink: ReachSink
  readonly #nodes = new Map<string, Reaching>()
  readonly #queue = new Set<string>()
  #dialling = 0

  constructor(
    settings: Pick<CatalogSettings, 'linksParallel' | 'linkQueueMax' | 'syncTimeoutMs'>,
    sink: ReachSink,
  ) {
    this.#settings = settings
    this.#sink = sink
  }

  get size(): number {
    return this.#nodes.size
  }

  /** Gets to know a node; false when there is no room. */
  reach(node: string, { host, port }: Address): boolean {
    if (this.#nodes.has(node)) return true
    if (this.#queue.size >= this.#settings.linkQueueMax) {
      this.#sink.full(node)
      return false
    }
    this.#nodes.set(node, { host, port, state: 'queued', deadlineMs: Infinity })
    this.#queue.add(node)
    this.#pump()
    return this.#nodes.has(node)
  }

  /** There is a link; its state is on the way. */
  linked(nowMs: number, node: string): void {
    const reaching = this.#nodes.get(node)
    if (reaching === undefined || reaching.state === 'waiting') return
    this.#leave(node, reaching)
    reaching.state = 'waiting'
    reaching.deadlineMs = nowMs + this.#settings.syncTimeoutMs
    this.#pump()
  }

  /** No link, or one that ended, or everything is known. */
  settle(node: string): void {
    const reaching = this.#nodes.get(node)
    if (reaching === undefined) return
    this.#leave(node, reaching)
    this.#nodes.delete(node)
    this.#sink.settled(node)
    this.#pump()
  }

  nextDeadline(): number {
    let dueMs = Infinity
    for (const { deadlineMs } of this.#nodes.values()) dueMs = Math.min(dueMs, deadlineMs)
    return dueMs
  }

  tick(nowMs: number): void {
    for (const [node, { deadlineMs }] of this.#nodes) if (deadlineMs <= nowMs) this.settle(node)
  }

  #leave(node: string, { state }: Reaching): void {
    if (state === 'dialling') this.#dialling -= 1
    this.#queue.delete(node)
  }

  #pump(): void {
    for (const node of this.#queue) {
      if (this.#dialling >= this.#settings.linksParallel) return
      this.#queue.delete(node)
      const reaching = this.#nodes.get(node)!
      reaching.state = 'dialling'
      this.#dialling += 1
      this.#sink.link(node, reaching)
    }
  }
}
