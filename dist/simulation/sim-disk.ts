/**
 * The disk of a simulated node: its key, its incarnation, and files that the node's program writes. It outlives
 * a crash unless it is lost, and it is the data directory of its node.
 */
import { MemoryDisk } from '../../mesh/index.ts'
import type { DataDir, NodeDisk, NodeKey, Signatures } from '../../mesh/index.ts'
import type { Entropy } from '../../runtime/index.ts'

type NodeKeys = DataDir['keys']

/** See the file header. */
export class SimDisk implements NodeDisk {
  readonly #name: string
  readonly #signatures: Signatures
  readonly #entropy: Entropy
  readonly #files = new Map<string, unknown>()
  /** What the node's DHT keeps. */
  readonly #records = new MemoryDisk()
  #keys: NodeKeys
  #incarnation = 0

  constructor(name: string, signatures: Signatures, entropy: Entropy) {
    this.#name = name
    this.#signatures = signatures
    this.#entropy = entropy
    this.#keys = signatures.keysFromSeed(entropy.bytes(32))
  }

  /** Of the node that has this disk. */
  get nodeKey(): NodeKey {
    return this.#keys.nodeKey
  }

  /** Of the next start. */
  get nextIncarnation(): number {
    return this.#incarnation + 1
  }

  /** A copy of what was written under `name`; undefined if nothing was. */
  read(name: string): unknown {
    return structuredClone(this.#files.get(name))
  }

  /** Writes a copy of `value`, durably. */
  write(name: string, value: unknown): void {
    this.#files.set(name, structuredClone(value))
  }

  /** Everything is gone: whoever starts with this disk is a new node. */
  lose(): void {
    this.#files.clear()
    this.#records.lose()
    this.#keys = this.#signatures.keysFromSeed(this.#entropy.bytes(32))
    this.#incarnation = 0
  }

  async open(): Promise<DataDir> {
    this.#incarnation++
    // Whoever had it open before is dead: a node that stopped in order has closed it.
    this.#records.crash()
    return {
      path: `simulated:${this.#name}`,
      keys: this.#keys,
      incarnation: this.#incarnation,
      membershipPath: `simulated:${this.#name}/membership.json`,
      raise: async (incarnation) => {
        this.#incarnation = Math.max(this.#incarnation, incarnation)
      },
      readMembership: async () => undefined,
      openStore: () => this.#records.open(),
      close: async () => {},
    }
  }
}
