/**
 * Readings that the archive does not have yet, as a process with a file. A reading is accepted when it is on the disk; from
 * then on it is not lost, whether the mesh is there or not, and whatever kills this program.
 */
import { defineServer, noreply, reply } from 'fovea'
import { openJournal } from './journal.ts'
import type { Journal } from './journal.ts'
import type { Reading } from './reading.ts'

/** A reading while it waits. */
export type Waiting = Omit<Reading, 'oldest'>

interface State {
  readonly journal: Journal
  readonly waiting: readonly Waiting[]
  /** Number of the last one that was accepted. */
  readonly last: number
  /** Lines in the file. */
  readonly lines: number
}

/** So many wait at most, then readings are refused: better than a full disk. A day of one each second. */
const WAITING_MAX = 86_400
/** The file is written anew when it has so many lines and less than half of them wait. */
const LINES_MAX = 10_000

/** A line of the file that is no reading: the archive has all up to that number. */
interface Upto {
  readonly upto: number
}

const isUpto = (entry: unknown): entry is Upto => 'upto' in (entry as object)

/** The process. */
export const Outbox = defineServer({
  name: 'outbox/1',
  init: async (path: string): Promise<State> => {
    const journal = await openJournal(path)
    const entries = journal.entries as readonly (Waiting | Upto)[]
    const upto = Math.max(0, ...entries.filter(isUpto).map((entry) => entry.upto))
    const readings = entries.filter((entry): entry is Waiting => !isUpto(entry))
    const waiting = readings.filter(({ number }) => number > upto)
    return { journal, waiting, last: waiting.at(-1)?.number ?? upto, lines: entries.length }
  },
  call: {
    /** Gives the number that the reading got, or 0 when there is no room. */
    accept: async (state, measured: Omit<Waiting, 'number'>) => {
      const { journal, waiting, last, lines } = state
      if (waiting.length >= WAITING_MAX) return reply(0, state)
      const reading = { number: last + 1, ...measured }
      await journal.append(reading)
      const next = { waiting: [...waiting, reading], last: reading.number, lines: lines + 1 }
      return reply(reading.number, { ...state, ...next })
    },
    waiting: (state, max: number) => reply(state.waiting.slice(0, max), state),
  },
  cast: {
    /** The archive has all up to that number. */
    delivered: async (state, upto: number) => {
      const { journal, last, lines } = state
      const waiting = state.waiting.filter(({ number }) => number > upto)
      if (waiting.length === state.waiting.length || upto > last) return noreply(state)
      if (lines < LINES_MAX || waiting.length > lines / 2) {
        await journal.append({ upto })
        return noreply({ ...state, waiting, lines: lines + 1 })
      }
      await journal.replace([{ upto }, ...waiting])
      return noreply({ ...state, waiting, lines: waiting.length + 1 })
    },
  },
  terminate: (_reason, { journal }) => journal.close(),
})
