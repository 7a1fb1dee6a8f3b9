/**
 * How loaded a node is, by measurement at the moment it is asked (NX-D21): its processes, those that wait for their turn,
 * and how late its event loop is. Asking costs one message and one turn; answers are kept for a moment, so that many
 * starts in a row ask once.
 */
import type { System } from '../../runtime/index.ts'
import type { PeerClient } from '../peer-services.ts'
import type { NodeLoad } from './placement.ts'

/** Service that answers; see `child-host.ts`. */
export const HOST_SERVICE = '$children'

/** Answers are as good as new for so long. */
const FRESH_MS = 500

/** A node that does not answer in this time is loaded, or gone. */
const ASK_TIMEOUT_MS = 500

/** A timer that is due now comes this much late. */
export function measureLoad(system: System): Promise<NodeLoad> {
  const { processes, runQueue } = system.stats()
  const askedMs = system.clock.now()
  return new Promise((resolve) => {
    system.clock.nextTurn(() => {
      resolve({ processes, runQueue, lagMs: Math.max(0, system.clock.now() - askedMs) })
    })
  })
}

/** Loads of other nodes, as one supervisor knows them. */
export class NodeLoads {
  readonly #system: System
  readonly #peers: PeerClient
  readonly #known = new Map<string, { readonly load: NodeLoad; readonly atMs: number }>()

  constructor(system: System, peers: PeerClient) {
    this.#system = system
    this.#peers = peers
  }

  /** Asks those whose answer is old. */
  async of(keys: readonly string[]): Promise<ReadonlyMap<string, NodeLoad>> {
    const nowMs = this.#system.clock.now()
    for (const [keyHex, { atMs }] of this.#known) {
      if (nowMs - atMs >= FRESH_MS || !keys.includes(keyHex)) this.#known.delete(keyHex)
    }
    const asked = keys.filter((keyHex) => !this.#known.has(keyHex))
    await Promise.all(asked.map((keyHex) => this.#ask(keyHex)))
    return new Map([...this.#known].map(([keyHex, { load }]) => [keyHex, load]))
  }

  /** A child was started there since it was asked. */
  started(keyHex: string): void {
    const known = this.#known.get(keyHex)
    if (known === undefined) return
    const { load, atMs } = known
    this.#known.set(keyHex, { atMs, load: { ...load, processes: load.processes + 1 } })
  }

  async #ask(keyHex: string): Promise<void> {
    const timeoutMs = ASK_TIMEOUT_MS
    try {
      const answer = await this.#peers.call(keyHex, HOST_SERVICE, 'load', null, { timeoutMs })
      const load = loadOf(answer)
      if (load !== undefined) this.#known.set(keyHex, { load, atMs: this.#system.clock.now() })
    } catch {
      // Who does not say is chosen last; why it does not is found out when something is started there.
    }
  }
}

function loadOf(answer: unknown): NodeLoad | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined
  const { processes, runQueue, lagMs } = answer as Record<string, unknown>
  return isAmount(processes) && isAmount(runQueue) && isAmount(lagMs)
    ? { processes, runQueue, lagMs }
    : undefined
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
