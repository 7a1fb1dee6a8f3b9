/**
 * The room that one is in, as a process: what is said there, who is there, who is typing. When it ends, be it because one
 * goes to another room or because it crashed, all that it had on the mesh ends with it; after a crash its supervisor
 * starts it anew, and it asks the others what was said.
 */
import { randomUUID } from 'node:crypto'
import { defineServer, noreply, reply } from 'fovea'
import { catchUp } from './catch-up.ts'
import { heard, showLine } from './hearing.ts'
import type { RoomMessage } from './hearing.ts'
import { lastOf, remember } from './history.ts'
import type { Line, SharedFile } from './line.ts'
import { historyOf, inRoom, typingIn } from './names.ts'
import { nicksOf, withShared } from './room-state.ts'
import type { RoomArg, RoomState } from './room-state.ts'

/** Others are told of keys so often at most. */
const KEY_EVERY_MS = 1_000
/** Once is not enough: what is said before the others know that one listens does not come by itself. */
const ASK_AFTER_MS = [0, 1_000]
/** Of what was said before, so much is shown at once. */
const SHOWN_MAX = 10

/** The process. */
export const Room = defineServer({
  name: 'room/1',
  init: async (arg: RoomArg, ctx): Promise<RoomState> => {
    const { mesh, nick, room } = arg
    mesh.pubsub.subscribe(inRoom(room), ctx.self)
    mesh.pubsub.subscribe(typingIn(room), ctx.self, { noLocal: true })
    mesh.presence.track(inRoom(room), nick, undefined, { process: ctx.self })
    mesh.presence.watch(inRoom(room), ctx.self)
    await mesh.rpc.advertise(historyOf(room), ctx.self, { method: 'lines' })
    const nothing = { entries: new Map(), early: [], lines: [], shared: [], typing: new Map() }
    return { ...arg, ...nothing, toldMs: -Infinity, hasAsked: false }
  },
  call: {
    lines: (state) => reply(state.lines, state),
    nicks: (state) => reply(nicksOf(state), state),
    shared: (state) => reply(state.shared, state),
  },
  cast: {
    say: (state, said: { readonly text: string; readonly file?: SharedFile }) => {
      const { mesh, nick, room, screen } = state
      const line = { id: randomUUID(), atMs: mesh.system.clock.wallNow(), nick, ...said }
      mesh.pubsub
        .publish(inRoom(room), line, { delivery: 'at_least_once', timeoutMs: 10_000 })
        .catch((error: Error) => screen.print(`! not everybody has that: ${error.message}`))
      return noreply(state)
    },
    key: (state) => {
      const { mesh, room, screen, toldMs } = state
      const nowMs = mesh.system.clock.now()
      if (nowMs - toldMs < KEY_EVERY_MS) return noreply(state)
      mesh.pubsub
        .publish(typingIn(room))
        .catch((error: Error) => screen.print(`! ${error.message}`))
      return noreply({ ...state, toldMs: nowMs })
    },
    learned: (state, told: readonly Line[]) => {
      const known = new Set(state.lines.map(({ id }) => id))
      const lines = remember(state.lines, told)
      const news = lines.filter(({ id }) => !known.has(id))
      if (news.length > 0) state.screen.print('* said before:')
      const next = news.reduce(withShared, { ...state, lines })
      for (const line of lastOf(news, SHOWN_MAX)) showLine(next, line)
      return noreply(next)
    },
  },
  info: (state, info, ctx) => {
    if (info.type !== 'message') return noreply(state)
    const message = info.message as RoomMessage
    const next = heard(state, message, ctx)
    const nodes = [...next.entries.values()].map(({ node }) => node)
    const others = nodes.filter((node) => node !== state.mesh.key.hex)
    if (message.type === 'ask') {
      const self = Room.contract.at(ctx.self.pid)
      ctx.spawn(async () => self.cast.learned(await catchUp(next, others)), { link: true })
    }
    if (next.hasAsked || others.length === 0) return noreply(next)
    for (const afterMs of ASK_AFTER_MS) ctx.sendAfter(afterMs, { type: 'ask' })
    return noreply({ ...next, hasAsked: true })
  },
})
