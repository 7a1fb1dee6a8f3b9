/**
 * The network of a simulated world: what becomes of a message between two nodes. Knows nodes by index
 * and messages by size; holds no queue and no time. Every decision is `Chance` of (link, n-th message).
 */
import { numberOption, resolveOptions, type OptionCheck } from '../../runtime/index.ts'
import { Chance, Purpose } from './chance.ts'
import { FINITE_MS, SHARE } from './checked.ts'

/** How long a message is under way, one way. */
export type Latency =
  | { readonly type: 'constant'; readonly ms: number }
  | { readonly type: 'uniform'; readonly minMs: number; readonly maxMs: number }
  /** At least `minMs`, plus an exponential with mean `meanMs`. */
  | { readonly type: 'exponential'; readonly minMs: number; readonly meanMs: number }

/** The network before any fault. */
export interface NetworkOptions {
  /** One way; default uniform 1 to 5 ms, which makes round trips of 2 to 10 ms. */
  readonly latency?: Latency
  /** Share of datagrams that get lost; default 0. Streams repeat what is lost, and take longer. */
  readonly lossShare?: number
  /** Share of datagrams that arrive twice; default 0. */
  readonly duplicateShare?: number
  /** Share of datagrams held back by up to `reorderMs`; default 0. */
  readonly reorderShare?: number
  /** Default 50. */
  readonly reorderMs?: number
  /** Bytes per second that a node can send; default unlimited. What is more waits in line. */
  readonly bandwidthBytes?: number
}

/** What holds for some messages for a while; added and removed by faults. */
export type Condition =
  /** Nothing passes between nodes of different groups; who is in none is in one group with the others. */
  | { readonly type: 'partition'; readonly groups: readonly (readonly number[])[] }
  /** Nothing passes from `from` to `to`; the other way is open. */
  | { readonly type: 'cut'; readonly from: number; readonly to: number }
  /** More loss from, to or from and to these nodes; changes evenly from `share` to `shareEnd`. */
  | {
      readonly type: 'loss'
      readonly nodes: readonly number[] | 'all'
      readonly direction: 'in' | 'out' | 'both'
      readonly share: number
      readonly shareEnd: number
      readonly startMs: number
      readonly endMs: number
    }
  /** Everything from or to these nodes takes longer. */
  | { readonly type: 'delay'; readonly nodes: readonly number[]; readonly ms: number }

/** Marks a message that does not arrive. */
export const LOST = -1

/** First time that a stream waits before it repeats; doubles from there. */
const REPEAT_FIRST_MS = 30
const REPEATS_MAX = 10
/** Counters per sender; exact per link up to so many nodes, shared by some links beyond. */
const COUNTERS = 64

const DEFAULTS: Required<NetworkOptions> = Object.freeze({
  latency: Object.freeze({ type: 'uniform', minMs: 1, maxMs: 5 }),
  lossShare: 0,
  duplicateShare: 0,
  reorderShare: 0,
  reorderMs: 50,
  bandwidthBytes: Infinity,
})

const CHECKS: { readonly [K in keyof NetworkOptions]-?: OptionCheck } = {
  latency: { expected: 'a latency of times of at least 0', test: isLatency },
  lossShare: SHARE,
  duplicateShare: SHARE,
  reorderShare: SHARE,
  reorderMs: FINITE_MS,
  bandwidthBytes: numberOption(1, Infinity, true),
}

function isLatency(value: unknown): boolean {
  const latency = (value ?? {}) as Latency
  switch (latency.type) {
    case 'constant':
      return FINITE_MS.test(latency.ms)
    case 'uniform':
      return FINITE_MS.test(latency.minMs) && FINITE_MS.test(latency.maxMs - latency.minMs)
    case 'exponential':
      return FINITE_MS.test(latency.minMs) && FINITE_MS.test(latency.meanMs)
  }
  return false
}

type Judge = (from: number, to: number, nowMs: number) => number

/** Decides about every message. */
export class NetworkModel {
  readonly #options: Required<NetworkOptions>
  readonly #chance: Chance
  readonly #judges = new Map<Condition, Judge>()
  readonly #delays = new Map<Condition, ReadonlySet<number>>()
  #counters: Uint32Array = new Uint32Array(64 * COUNTERS)
  readonly #freeAtMs: number[] = []
  /** After {@link datagram}: how long the second copy takes, or {@link LOST}. */
  duplicateMs: number = LOST

  constructor(seed: number, options: NetworkOptions = {}) {
    this.#chance = new Chance(seed)
    this.#options = resolveOptions('NetworkModel', DEFAULTS, CHECKS, options)
  }

  /** Lets a condition hold until it is removed. */
  add(condition: Condition): void {
    if (condition.type === 'delay') this.#delays.set(condition, new Set(condition.nodes))
    else this.#judges.set(condition, judgeOf(condition))
  }
  remove(condition: Condition): void {
    this.#judges.delete(condition)
    this.#delays.delete(condition)
  }

  /** Removes all conditions. */
  clear(): void {
    this.#judges.clear()
    this.#delays.clear()
  }

  /** True when no condition shuts the way. */
  isOpen(from: number, to: number, nowMs: number): boolean {
    return this.lossShare(from, to, nowMs) < 1
  }

  /** Probability that one datagram gets lost. */
  lossShare(from: number, to: number, nowMs: number): number {
    let arrives = 1 - this.#options.lossShare
    if (this.#judges.size > 0) {
      for (const judge of this.#judges.values()) arrives *= 1 - judge(from, to, nowMs)
    }
    return 1 - arrives
  }

  /** How long a datagram is under way, or {@link LOST}. */
  datagram(from: number, to: number, nowMs: number, bytes: number): number {
    const count = this.#count(from, to)
    this.duplicateMs = LOST
    const loss = this.lossShare(from, to, nowMs)
    if (loss > 0 && this.#chance.uniform(Purpose.loss, from, to, count) < loss) return LOST
    const { duplicateShare, reorderShare, reorderMs } = this.#options
    let delayMs = this.#latency(from, to, count) + this.#sending(from, nowMs, bytes)
    if (reorderShare > 0) {
      const luck = this.#chance.uniform(Purpose.reorder, from, to, count)
      if (luck < reorderShare) delayMs += (luck / reorderShare) * reorderMs
    }
    if (duplicateShare > 0) {
      const luck = this.#chance.uniform(Purpose.duplicate, from, to, count)
      if (luck < duplicateShare) this.duplicateMs = delayMs + (luck / duplicateShare) * reorderMs
    }
    return delayMs
  }

  /** How long one leg of a stream takes, repeats included; {@link LOST} if the way is shut. */
  stream(from: number, to: number, nowMs: number, bytes: number): number {
    const count = this.#count(from, to)
    const loss = this.lossShare(from, to, nowMs)
    if (loss >= 1) return LOST
    let delayMs = this.#latency(from, to, count) + this.#sending(from, nowMs, bytes)
    let waitMs = REPEAT_FIRST_MS
    for (let attempt = 0; loss > 0; attempt++) {
      if (this.#chance.uniform(Purpose.stream + 16 * attempt, from, to, count) >= loss) break
      if (attempt >= REPEATS_MAX) return LOST
      delayMs += waitMs
      waitMs *= 2
    }
    return delayMs
  }

  #count(from: number, to: number): number {
    const at = from * COUNTERS + (to % COUNTERS)
    if (at >= this.#counters.length) {
      const grown = new Uint32Array(2 * (from + 1) * COUNTERS)
      grown.set(this.#counters)
      this.#counters = grown
    }
    return this.#counters[at]!++
  }

  #latency(from: number, to: number, count: number): number {
    const { latency } = this.#options
    let ms: number
    if (latency.type === 'constant') ms = latency.ms
    else {
      const luck = this.#chance.uniform(Purpose.latency, from, to, count)
      ms =
        latency.type === 'uniform'
          ? latency.minMs + luck * (latency.maxMs - latency.minMs)
          : latency.minMs - Math.log(1 - luck) * latency.meanMs
    }
    for (const [condition, nodes] of this.#delays) {
      if (condition.type === 'delay' && (nodes.has(from) || nodes.has(to))) ms += condition.ms
    }
    return ms
  }

  /** Waiting in line and going out. */
  #sending(from: number, nowMs: number, bytes: number): number {
    const { bandwidthBytes } = this.#options
    if (bandwidthBytes === Infinity) return 0
    const startMs = Math.max(nowMs, this.#freeAtMs[from] ?? 0)
    const endMs = startMs + (bytes * 1000) / bandwidthBytes
    this.#freeAtMs[from] = endMs
    return endMs - nowMs
  }
}

function judgeOf(condition: Exclude<Condition, { type: 'delay' }>): Judge {
  switch (condition.type) {
    case 'partition': {
      const groupOf = new Map<number, number>()
      for (const [group, nodes] of condition.groups.entries()) {
        for (const node of nodes) groupOf.set(node, group)
      }
      return (from, to) => (groupOf.get(from) === groupOf.get(to) ? 0 : 1)
    }
    case 'cut':
      return (from, to) => (from === condition.from && to === condition.to ? 1 : 0)
    case 'loss': {
      const { share, shareEnd, startMs, endMs, direction } = condition
      const nodes = condition.nodes === 'all' ? undefined : new Set(condition.nodes)
      const concerns = (from: number, to: number): boolean =>
        nodes === undefined ||
        (direction !== 'in' && nodes.has(from)) ||
        (direction !== 'out' && nodes.has(to))
      return (from, to, nowMs) => {
        if (!concerns(from, to)) return 0
        const passed = endMs > startMs ? Math.min(1, (nowMs - startMs) / (endMs - startMs)) : 1
        return share + (shareEnd - share) * passed
      }
    }
  }
}
