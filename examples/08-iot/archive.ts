/**
 * Keeps every reading once, in a file. A reading is acknowledged when it is on the disk. What comes again is known by its
 * number; what comes too early, because one before it is missing, is left for its device to publish again.
 */
import { defineServer, reply } from 'fovea'
import type { Mesh, PubSubMessage } from 'fovea/mesh'
import { openJournal } from './journal.ts'
import type { Journal } from './journal.ts'
import { isReading, UPTO } from './reading.ts'
import type { Reading } from './reading.ts'

/** A line of the file. */
export interface Kept extends Omit<Reading, 'oldest'> {
  /** Key of the device, proven by the mesh. */
  readonly device: string
}

/** What the process is started with. */
export interface ArchiveArg {
  readonly mesh: Mesh
  readonly path: string
  readonly onKept: (kept: Kept) => void
}

interface State extends ArchiveArg {
  readonly journal: Journal
  readonly upto: ReadonlyMap<string, number>
}

/** The process. */
export const Archive = defineServer({
  name: 'archive/1',
  init: async (arg: ArchiveArg, ctx): Promise<State> => {
    const journal = await openJournal(arg.path)
    const kept = journal.entries as readonly Kept[]
    const upto = new Map(kept.map(({ device, number }) => [device, number]))
    const self = Archive.contract.at(ctx.self.pid)
    const keep = ({ payload, publisher }: PubSubMessage): unknown =>
      isReading(payload) ? self.call.keep({ device: publisher, reading: payload }) : undefined
    arg.mesh.pubsub.subscribe('site.**', keep, { owner: ctx.self.pid })
    await arg.mesh.rpc.advertise(UPTO, (_input, { caller }) => self.call.upto(caller.node))
    return { ...arg, journal, upto }
  },
  call: {
    keep: async (state, { device, reading }: { device: string; reading: Reading }) => {
      const { oldest, ...measured } = reading
      const known = state.upto.get(device) ?? 0
      if (measured.number !== Math.max(known + 1, oldest)) return reply(undefined, state)
      const kept = { device, ...measured }
      await state.journal.append(kept)
      state.onKept(kept)
      return reply(undefined, { ...state, upto: new Map(state.upto).set(device, kept.number) })
    },
    upto: (state, device: string) => reply(state.upto.get(device) ?? 0, state),
  },
  cast: {},
  terminate: (_reason, { journal }) => journal.close(),
})
