/**
 * Everybody who is there, on whatever node, and what they tell each other in private. Presence is the only list of them:
 * who is killed is off it as soon as the mesh knows, and nobody has to sweep.
 */
import { defineServer, noreply, reply } from 'fovea'
import type { Mesh, PresenceEntry, PresenceMessage, TrackedPresence } from 'fovea/mesh'
import { printable } from '../printable.ts'
import { TEXT_MAX } from './line.ts'
import { isName, PEOPLE, TELL } from './names.ts'
import { present } from './present.ts'
import type { Entries } from './present.ts'
import type { Screen } from './screen.ts'

/** Somebody. */
export interface Person {
  readonly nick: string
  readonly node: string
  readonly room: string
  /** Since when; of two with one name the later one goes. */
  readonly sinceMs: number
}

/** What the process is started with. */
export interface PeopleArg {
  readonly mesh: Mesh
  readonly nick: string
  readonly screen: Screen
  readonly sinceMs: number
  /** Somebody who came earlier has the same name. */
  readonly onTaken: () => void
}

interface State extends PeopleArg {
  readonly me: TrackedPresence
  readonly entries: Entries
}

/** The process. Its entry, its watch and its procedure end with it, whatever ends it. */
export const People = defineServer({
  name: 'people/1',
  init: async (arg: PeopleArg, ctx): Promise<State> => {
    const { mesh, nick, screen, sinceMs } = arg
    const me = mesh.presence.track(PEOPLE, nick, { room: '-', sinceMs }, { process: ctx.self })
    mesh.presence.watch(PEOPLE, ctx.self)
    // Who calls is proven by the mesh; the name is looked up and not asked for.
    await mesh.rpc.advertise(TELL, async (text, { caller }) => {
      if (typeof text !== 'string' || text.length > TEXT_MAX) throw new Error('no message')
      const from = await nickOf(mesh, caller.node)
      screen.print(`[private] <${from}> ${printable(text)}`)
    })
    return { ...arg, me, entries: new Map() }
  },
  call: {
    all: (state) => reply([...state.entries.values()].flatMap(personOf), state),
  },
  cast: {
    moved: (state, room: string) => {
      state.me.update({ room, sinceMs: state.sinceMs })
      return noreply(state)
    },
  },
  info: (state, info) => {
    if (info.type !== 'message') return noreply(state)
    const { event } = info.message as PresenceMessage
    const { entries, came } = present(state.entries, event)
    if (came.flatMap(personOf).some((person) => isEarlier(person, state))) state.onTaken()
    return noreply({ ...state, entries })
  },
})

/** The name of the person on a node, or the beginning of its key. */
async function nickOf({ presence }: Mesh, node: string): Promise<string> {
  const people = (await presence.list(PEOPLE)).flatMap(personOf)
  return people.find((person) => person.node === node)?.nick ?? node.slice(0, 8)
}

/** Nobody, when what that node says of itself is none of ours. */
export function personOf({ key, node, meta }: PresenceEntry): readonly Person[] {
  const { room, sinceMs } = (meta ?? {}) as Partial<Person>
  if (!isName(key) || typeof sinceMs !== 'number') return []
  return [{ nick: key, node, room: isName(room) ? room : '-', sinceMs }]
}

/** Whether the name is taken; both decide alike. */
function isEarlier(other: Person, { nick, sinceMs, mesh }: State): boolean {
  const own = mesh.key.hex
  if (other.nick !== nick || other.node === own) return false
  return other.sinceMs < sinceMs || (other.sinceMs === sinceMs && other.node < own)
}
