/** What the process of a room does with what it hears: lines, keys, who comes and who goes. */
import type { Ctx } from 'fovea'
import type { PresenceEvent, PresenceMessage, PubSubProcessMessage } from 'fovea/mesh'
import { printable } from '../printable.ts'
import { remember } from './history.ts'
import { formatLine, isSaid } from './line.ts'
import type { Line } from './line.ts'
import { isName, typingIn } from './names.ts'
import { present } from './present.ts'
import { nicksOf, speaker, withShared } from './room-state.ts'
import type { RoomState } from './room-state.ts'

/** The end of somebody's typing, unless there was another key. */
interface Paused {
  readonly type: 'paused'
  readonly node: string
  readonly key: number
}

/** What comes to the process; `ask` is for itself: to ask the others what was said. */
export type RoomMessage = PubSubProcessMessage | PresenceMessage | Paused | { readonly type: 'ask' }

/** Somebody is said to type for so long after the last key that was heard of. */
const TYPING_MS = 3_000

/** Of what is said before the names are known, so much is kept; the others tell the rest. */
const EARLY_MAX = 100

/** The state after a message. */
export function heard(state: RoomState, message: RoomMessage, ctx: Ctx<never, never>): RoomState {
  switch (message.type) {
    case 'pubsub':
      return message.topic === typingIn(state.room)
        ? key(state, message, ctx)
        : said(state, message)
    case 'presence':
      return seen(state, message.event)
    case 'ask':
      return state
    case 'paused':
      return state.typing.get(message.node) === message.key ? quiet(state, message.node) : state
  }
}

function said(state: RoomState, message: PubSubProcessMessage): RoomState {
  const { payload, publisher: node } = message
  if (!isSaid(payload)) return state
  if (state.early !== undefined) {
    return { ...state, early: [...state.early, message].slice(-EARLY_MAX) }
  }
  const line = { ...payload, nick: speaker(state, node), node }
  const lines = remember(state.lines, [line])
  const next = quiet(withShared({ ...state, lines }, line), node)
  if (!state.lines.some(({ id }) => id === line.id)) showLine(next, line)
  return next
}

/** A line, and what to type to get the file that it shares. */
export function showLine({ screen, shared }: RoomState, line: Line): void {
  screen.print(formatLine(line))
  if (line.file === undefined) return
  const number = shared.findIndex(({ id }) => id === line.id) + 1
  screen.print(`* ${printable(line.file.name)}, ${line.file.bytes} bytes: /get ${number}`)
}

function key(
  state: RoomState,
  { publisher, sequence }: PubSubProcessMessage,
  ctx: Ctx<never, never>,
) {
  const pause: Paused = { type: 'paused', node: publisher, key: sequence }
  ctx.sendAfter(TYPING_MS, pause)
  const next = { ...state, typing: new Map(state.typing).set(publisher, sequence) }
  if (!state.typing.has(publisher)) showTyping(next)
  return next
}

function quiet(state: RoomState, node: string): RoomState {
  if (!state.typing.has(node)) return state
  const typing = new Map(state.typing)
  typing.delete(node)
  const next = { ...state, typing }
  showTyping(next)
  return next
}

function showTyping(state: RoomState): void {
  state.screen.typing([...state.typing.keys()].map((node) => speaker(state, node)))
}

function seen(state: RoomState, event: PresenceEvent): RoomState {
  const { entries, came, left } = present(state.entries, event)
  const own = state.mesh.key.hex
  const next = left.reduce((gone, { node }) => quiet(gone, node), { ...state, entries })
  const { screen, room } = state
  if (event.type === 'snapshot') {
    const here = nicksOf(next).filter((nick) => nick !== state.nick)
    screen.print(
      `* you are in ${room}${here.length === 0 ? ', alone' : `, with ${here.join(', ')}`}`,
    )
    const known: RoomState = { ...next, early: undefined }
    return (state.early ?? []).reduce(said, known)
  }
  const others = (all: typeof came) => all.filter(({ key, node }) => isName(key) && node !== own)
  for (const { key: nick } of others(left)) screen.print(`* ${nick} has left ${room}`)
  for (const { key: nick } of others(came)) screen.print(`* ${nick} is in ${room}`)
  return next
}
