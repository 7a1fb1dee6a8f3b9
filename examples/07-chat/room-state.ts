/** What the process of a room knows. */
import type { Mesh, PubSubProcessMessage } from 'fovea/mesh'
import type { Line } from './line.ts'
import { isName } from './names.ts'
import type { Entries } from './present.ts'
import type { Screen } from './screen.ts'

/** What the process is started with. */
export interface RoomArg {
  readonly mesh: Mesh
  readonly nick: string
  readonly room: string
  readonly screen: Screen
}

/** See the head of this file. */
export interface RoomState extends RoomArg {
  /** Who is here. */
  readonly entries: Entries
  /** What was said before it was known who is here: it waits for the names. Undefined since then. */
  readonly early: readonly PubSubProcessMessage[] | undefined
  /** What was said, as far as it is remembered. */
  readonly lines: readonly Line[]
  /** Lines that share a file; their places here are the numbers that `/get` takes. */
  readonly shared: readonly Line[]
  /** Nodes where somebody types, and the number of the last key that was heard of. */
  readonly typing: ReadonlyMap<string, number>
  /** When the others were told of a key. */
  readonly toldMs: number
  /** Whether somebody was asked what was said before. */
  readonly hasAsked: boolean
}

/** The names of all who are here. */
export function nicksOf({ entries }: RoomState): readonly string[] {
  const nicks = [...entries.values()].map(({ key }) => key).filter(isName)
  return [...new Set(nicks)].sort()
}

/** Who speaks from a node: as it says of itself in presence, never as a message says. */
export function speaker({ entries }: RoomState, node: string): string {
  const entry = [...entries.values()].find((one) => one.node === node)
  return isName(entry?.key) ? entry.key : node.slice(0, 8)
}

/** With the file of that line, if it shares one that is not listed. */
export function withShared(state: RoomState, line: Line): RoomState {
  const { shared } = state
  if (line.file === undefined || shared.some(({ id }) => id === line.id)) return state
  return { ...state, shared: [...shared, line].slice(-SHARED_MAX) }
}

/** Files that are listed. */
const SHARED_MAX = 1_000
