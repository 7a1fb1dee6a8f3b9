/** Simulated nodes whose keys are known before they start, as those of voters have to be. */
import { ed25519Signatures, MemoryDisk, type NodeDisk } from '../../../mesh/index.ts'
import { createSeededEntropy } from '../../../runtime/index.ts'
import type { FoveaNode } from '../../../dist/index.ts'
import type { LeaseOptions } from '../../../dist/leases/options.ts'
import {
  startSimNodes,
  type SimNodes,
  type SimNodesOptions,
} from '../../../dist/simulation/index.ts'

/** A data directory in memory: the key, the number of starts, and what is stored. */
export class VoterDisk implements NodeDisk {
  readonly keyHex: string
  /** What the node has stored; hold it, or let it fail. */
  readonly stored: MemoryDisk = new MemoryDisk()
  /** False: only the key outlives a start, what is stored does not. */
  keepsStore = true
  readonly #keys: ReturnType<typeof ed25519Signatures.keysFromSeed>
  #starts = 0

  constructor(number: number) {
    this.#keys = ed25519Signatures.keysFromSeed(createSeededEntropy(1_000 + number).bytes(32))
    this.keyHex = this.#keys.nodeKey.hex
  }

  async open(): ReturnType<NodeDisk['open']> {
    this.#starts++
    this.stored.crash()
    return {
      path: `memory:${this.keyHex.slice(0, 8)}`,
      keys: this.#keys,
      incarnation: this.#starts,
      membershipPath: '',
      raise: async (incarnation) => {
        this.#starts = Math.max(this.#starts, incarnation)
      },
      readMembership: async () => undefined,
      ...(this.keepsStore ? { openStore: () => this.stored.open() } : {}),
      close: async () => {},
    }
  }
}

/** Voters, candidates, and how a voter starts again. */
export interface VoterWorld extends SimNodes {
  readonly voters: readonly FoveaNode[]
  readonly others: readonly FoveaNode[]
  readonly disks: readonly VoterDisk[]
  /** Starts voter `number` again with its disk; the one before must have been killed or stopped. */
  restart(number: number): Promise<FoveaNode>
}

/** As many linked voters and other nodes; all know the voters. */
export async function startVoters(
  counts: { readonly voters: number; readonly others: number },
  leases: LeaseOptions,
  options: SimNodesOptions = {},
): Promise<VoterWorld> {
  const world = await startSimNodes(0, options)
  const disks = Array.from({ length: counts.voters }, (_, number) => new VoterDisk(number))
  const node = { voters: disks.map(({ keyHex }) => keyHex), leases }
  const voters: FoveaNode[] = []
  for (const [number, dataDir] of disks.entries()) {
    voters.push(await world.start(`v${number}`, { ...node, dataDir }))
  }
  const others: FoveaNode[] = []
  for (let number = 0; number < counts.others; number++) {
    others.push(await world.start(`c${number}`, node))
  }
  await world.connected()
  const restart = async (number: number): Promise<FoveaNode> => {
    voters[number] = await world.start(`v${number}`, { ...node, dataDir: disks[number]! })
    return voters[number]
  }
  return Object.assign(world, { voters, others, disks, restart })
}
