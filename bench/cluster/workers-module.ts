/** What the worker nodes of the benchmark load: an echo, and work for a processor. */
import { contract, implement, reply, type Contract, type Server } from 'fovea'
import type { FoveaNode } from 'fovea/dist'

export interface WorkApi {
  call: { echo(value: string): string; spin(rounds: number): number }
  cast: {}
}

export const WorkContract: Contract<WorkApi> = contract('bench-work/1', {
  call: { echo: true, spin: true },
  cast: {},
})

/** Work that fits a register: no memory, no pauses. */
function spin(rounds: number): number {
  let hash = 0
  for (let i = 0; i < rounds; i++) hash = (Math.imul(hash, 31) + i) | 0
  return hash
}

export const Work: Server<WorkApi, void> = implement(WorkContract, {
  init: () => 0,
  call: {
    echo: (n, value: string) => reply(value, n),
    spin: (n, rounds: number) => reply(spin(rounds), n),
  },
  cast: {},
})

/** Called by the library in each thread. */
export function setup(node: FoveaNode): void {
  node.behaviorRegistry.register('bench-work', Work, { remote: true })
}
