/**
 * The process of global names. It owns what is heard of others, and the crashes; the work is in `names-memory.ts`, which
 * outlives it. A restarted one reads all that is known and goes on; look-ups do not notice.
 */
import { contract, implement, noreply, type Contract, type Server } from '../../behaviours/index.ts'
import type { NamesMemory } from './names-memory.ts'
import type { NameSync } from './name-sync.ts'

/** What the process works with. */
export interface NamesContext {
  readonly memory: NamesMemory
  readonly sync: NameSync
}

interface NamesApi {
  call: {}
  cast: {
    /** Something threw where it was heard. */
    failed(error: unknown): void
  }
}

const NamesContract: Contract<NamesApi> = contract('fovea.names/1', {
  call: {},
  cast: { failed: true },
})

/** Listens until it ends. */
export const NamesServer: Server<NamesApi, NamesContext> = implement<
  NamesApi,
  NamesContext,
  NamesContext
>(NamesContract, {
  init: (context, { signal, self }) => {
    let isFirst = true
    const offs = [
      context.memory.topic.listen((diff) => {
        try {
          context.memory.take(diff, isFirst)
          isFirst = false
        } catch (error) {
          self.cast.failed(error)
        }
      }),
      context.sync.follow(),
    ]
    signal.addEventListener('abort', () => {
      for (const off of offs) off()
    })
    return context
  },
  call: {},
  cast: {
    failed: (_context, error) => {
      throw error
    },
  },
  info: (context) => noreply(context),
})
