/** Work that goes on while something is killed: publishes with acknowledgement and calls, all accounted for. */
import type { Mesh } from '../../../mesh/mesh.ts'
import type { Peer } from '../../../mesh/peer/peer.ts'
import type { EdgeCluster } from './edge-cluster.ts'

/** How a load went. */
export interface LoadResult {
  readonly published: number
  /** What each listener got, sorted. */
  readonly got: readonly (readonly number[])[]
  /** Codes of publishes and calls that failed. */
  readonly failed: readonly string[]
}

const STEP_MS = 20

/** A publisher and caller, listeners, and one who serves. */
export class EdgeLoad {
  readonly #cluster: EdgeCluster
  readonly #from: Mesh | Peer
  readonly #got: number[][] = []
  readonly #work: Promise<unknown>[] = []
  readonly #failed: string[] = []
  #count = 0

  constructor(cluster: EdgeCluster, from: Mesh | Peer) {
    this.#cluster = cluster
    this.#from = from
  }

  /** `server` serves what is called, `listeners` want what is published. */
  async begin(server: Mesh | Peer, listeners: readonly (Mesh | Peer)[]): Promise<void> {
    await this.#cluster.during(server.rpc.advertise('load.echo', (x) => x, { idempotent: true }))
    for (const node of listeners) {
      const got: number[] = []
      this.#got.push(got)
      node.pubsub.subscribe('load.*', ({ payload }) => void got.push(payload as number))
    }
    await this.#cluster.clock.advance(2_000)
  }

  /** Works for so long. */
  async run(ms: number): Promise<void> {
    for (let spent = 0; spent < ms; spent += STEP_MS) {
      const n = this.#count++
      const options = { delivery: 'at_least_once', timeoutMs: 120_000 } as const
      this.#note(this.#from.pubsub.publish('load.x', n, options))
      this.#note(this.#from.rpc.call('load.echo', n, { idempotent: true, timeoutMs: 20_000 }))
      await this.#cluster.clock.advance(STEP_MS)
    }
  }

  /** Waits for all of it. */
  async end(): Promise<LoadResult> {
    await this.#cluster.during(Promise.all(this.#work))
    await this.#cluster.clock.advance(1_000)
    const got = this.#got.map((each) => [...each].sort((left, right) => left - right))
    return { published: this.#count, got, failed: this.#failed }
  }

  #note(work: Promise<unknown>): void {
    const settled = work.catch((error: unknown) => {
      this.#failed.push(String((error as { code?: unknown }).code ?? error))
    })
    this.#work.push(settled)
  }
}

/** 0 to `count` - 1. */
export function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i)
}
