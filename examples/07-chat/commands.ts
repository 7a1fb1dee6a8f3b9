/** What can be typed, as a table: a line that begins with a slash is a command, any other is said. */
import { printable } from '../printable.ts'
import type { Chat } from './chat.ts'
import { lastOf } from './history.ts'
import { formatLine, TEXT_MAX } from './line.ts'
import { isName, NAME_RULE } from './names.ts'
import type { Screen } from './screen.ts'

/** What commands work with. */
export interface Desk {
  readonly chat: Chat
  readonly screen: Screen
  readonly quit: () => void
}

interface Command {
  /** What comes after it, for people; nothing when it is empty. */
  readonly takes: string
  readonly does: string
  readonly run: (desk: Desk, rest: string) => void | Promise<void>
}

const HISTORY_SHOWN = 20

const wanted = (text: string, takes: string): string => {
  if (text === '') throw new Error(`what is missing: ${takes}`)
  return text
}

const COMMANDS: Readonly<Record<string, Command>> = {
  join: {
    ...{ takes: 'ROOM', does: 'goes to another room' },
    run: async ({ chat }, room) => {
      if (!isName(wanted(room, 'ROOM'))) throw new Error(`no room can be called so: ${NAME_RULE}`)
      await chat.join(room)
    },
  },
  who: {
    ...{ takes: '', does: 'who is in this room' },
    run: async ({ chat, screen }) => {
      screen.print(`* here: ${(await chat.room.call.nicks()).join(', ')}`)
    },
  },
  people: {
    ...{ takes: '', does: 'who is online, and in which room' },
    run: async ({ chat, screen }) => {
      const people = [...(await chat.people.call.all())].sort((a, b) => (a.nick < b.nick ? -1 : 1))
      screen.print(`* online: ${people.map(({ nick, room }) => `${nick} (${room})`).join(', ')}`)
    },
  },
  msg: {
    ...{ takes: 'NICK TEXT', does: 'says something to one person only' },
    run: async ({ chat, screen }, rest) => {
      const [, nick = '', text = ''] = /^(\S+)\s+(.+)$/.exec(rest) ?? []
      await chat.tell(wanted(nick, 'NICK TEXT'), text)
      screen.print(`[private to ${nick}] ${printable(text)}`)
    },
  },
  history: {
    ...{ takes: '[COUNT]', does: 'what was said here' },
    run: async ({ chat, screen }, rest) => {
      const count = rest === '' ? HISTORY_SHOWN : Number(rest)
      if (!Number.isInteger(count) || count < 1) throw new Error('COUNT is a number from 1')
      const lines = lastOf(await chat.room.call.lines(), count)
      screen.print(lines.length === 0 ? '* nothing was said here' : `* the last ${lines.length}:`)
      for (const line of lines) screen.print(formatLine(line))
    },
  },
  send: {
    ...{ takes: 'FILE', does: 'shares a file with this room' },
    run: ({ chat }, path) => chat.share(wanted(path, 'FILE')),
  },
  get: {
    ...{ takes: 'NUMBER', does: 'gets a file that somebody shares' },
    // It may take its time: meanwhile one goes on talking.
    run: ({ chat, screen }, rest) => {
      chat.get(Number(wanted(rest, 'NUMBER'))).then(
        (path) => screen.print(`* got ${path}`),
        (error: Error) => screen.print(`! ${printable(error.message)}`),
      )
    },
  },
  help: { takes: '', does: 'this list', run: ({ screen }) => help(screen) },
  quit: { takes: '', does: 'leaves; so does Ctrl-C', run: ({ quit }) => quit() },
}

function help(screen: Screen): void {
  for (const [name, { takes, does }] of Object.entries(COMMANDS)) {
    screen.print(`  ${`/${name} ${takes}`.padEnd(18)} ${does}`)
  }
}

/** Does what a line says. What goes wrong is shown, and is the end of nothing. */
export async function obey(desk: Desk, typed: string): Promise<void> {
  const text = typed.trim()
  try {
    if (text.length > TEXT_MAX) throw new Error(`that is too long: ${TEXT_MAX} characters at most`)
    const [, name, rest = ''] = /^\/(\S*)\s*(.*)$/s.exec(text) ?? []
    if (name === undefined) {
      if (text !== '') desk.chat.room.cast.say({ text })
      return
    }
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
    if (command === undefined) throw new Error(`there is no /${printable(name)}; see /help`)
    await command.run(desk, rest)
  } catch (error) {
    desk.screen.print(`! ${printable((error as Error).message)}`)
  }
}
