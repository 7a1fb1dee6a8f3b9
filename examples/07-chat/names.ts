/** What things of the chat are called on the mesh. Names of people and rooms are segments of topics, so they are plain. */

const NAME = /^[a-z0-9][a-z0-9_-]{0,23}$/

/** Whether somebody, or a room, may be called so. */
export const isName = (name: unknown): name is string => typeof name === 'string' && NAME.test(name)

/** How names look, for who typed another one. */
export const NAME_RULE = 'names are 1 to 24 of a-z, 0-9, - and _'

/** Presence of everybody who runs the chat; what goes with it says in which room. */
export const PEOPLE = 'chat.people'

/** Procedure: a private message. Offered by everybody; a call names the node of the one it is for. */
export const TELL = 'chat.tell'

/** Procedure: a stream of the pieces of a file. Offered and called as above. */
export const FILE = 'chat.file'

/** Topic of what is said in a room, and of who is in it. */
export const inRoom = (room: string): string => `chat.rooms.${room}`

/** Topic of who is typing. */
export const typingIn = (room: string): string => `chat.rooms.${room}.typing`

/** Procedure: what was said before. */
export const historyOf = (room: string): string => `chat.rooms.${room}.history`
