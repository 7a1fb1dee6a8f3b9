/**
 * Says in the DHT which names this node has, and keeps it so: what is asked for and what was told are compared, and
 * the difference is told, again after growing pauses where that fails. The DHT itself repeats what it was told.
 */
import type { Clock, Entropy } from '../../runtime/index.ts'
import type { Dht } from '../../mesh/index.ts'
import { clusterKey, encodeNames, nameKey } from './dht-nodes.ts'
import type { NodeWord } from './node-book.ts'
import { retryPauses } from './poll.ts'
import { pause } from './wait.ts'

/** What the registrar needs. */
export interface DhtRegistrarContext {
  readonly dht: Dht
  readonly clock: Clock
  readonly entropy: Entropy
  readonly signal: AbortSignal
  /** What is asked for. */
  own(): readonly NodeWord[]
  /** Which life of this node it is, as members know it; the detector begins another one when it crashes. */
  generation(): number
  failed(error: unknown): void
}

/** What was told, by key: the life and the names in it. It outlives a process, as what the DHT repeats does. */
export type DhtTold = Map<string, string>

/** How often it is looked whether this node has begun another life. */
const LOOK_MS = 30_000

/** See the head of this file. */
export class DhtRegistrar {
  readonly #context: DhtRegistrarContext
  readonly #told: DhtTold
  #changed: AbortController = new AbortController()

  constructor(context: DhtRegistrarContext, told: DhtTold) {
    this.#context = context
    this.#told = told
  }

  /** Something else is asked for. */
  changed(): void {
    this.#changed.abort()
  }

  /** Works until the signal is aborted. */
  async run(): Promise<void> {
    const { signal, clock, entropy, failed } = this.#context
    const pauses = retryPauses()
    while (!signal.aborted) {
      this.#changed = new AbortController()
      const woken = AbortSignal.any([signal, this.#changed.signal])
      let waitMs = LOOK_MS
      try {
        await this.#tell()
        pauses.reset()
      } catch (error) {
        if (signal.aborted) return
        failed(error)
        waitMs = pauses.nextMs(entropy.random())
      }
      await pause(clock, waitMs, woken)
    }
  }

  async #tell(): Promise<void> {
    const { dht, signal } = this.#context
    const asked = this.#asked()
    for (const key of [...this.#told.keys()].filter((one) => !asked.has(one))) {
      await dht.withdraw(key)
      this.#told.delete(key)
    }
    const generation = this.#context.generation()
    for (const [key, names] of asked) {
      const text = `${generation} ${names.join(' ')}`
      if (this.#told.get(key) === text) continue
      await dht.provide(key, encodeNames(dht, names, generation), { signal })
      this.#told.set(key, text)
    }
  }

  #asked(): Map<string, string[]> {
    const asked = new Map<string, string[]>()
    const add = (key: string, name: string): void => {
      asked.set(key, [...(asked.get(key) ?? []), name])
    }
    for (const { cluster, name } of this.#context.own()) {
      add(clusterKey(cluster), name)
      add(nameKey(cluster, name), name)
    }
    return asked
  }
}
