/**
 * A chat that runs: what a person can do, and the processes that do it.
 *
 *     chat (rest_for_one)
 *     ├─ people   who is there; private messages
 *     ├─ files    what this node shares
 *     └─ room     the one that the person is in
 */
import { setTimeout } from 'node:timers/promises'
import { Supervisor } from 'fovea'
import type { SupervisorRef } from 'fovea'
import type { Mesh } from 'fovea/mesh'
import { download } from './download.ts'
import { describeFile, Files } from './files.ts'
import { PEOPLE, TELL } from './names.ts'
import { People, personOf } from './people.ts'
import type { Person } from './people.ts'
import { Room } from './room.ts'
import type { Screen } from './screen.ts'

/** For somebody of whom the news is still on its way. */
const ARRIVAL_TRIES = 20
const ARRIVAL_MS = 100

/** What a chat is started with. */
export interface ChatOptions {
  readonly mesh: Mesh
  readonly nick: string
  readonly screen: Screen
  /** Where files go that are got. */
  readonly folder: string
  /** Somebody who came earlier has the same name. */
  readonly onTaken: () => void
}

/** See the head of this file. */
export class Chat {
  readonly #options: ChatOptions
  readonly #tree: SupervisorRef

  constructor(options: ChatOptions, tree: SupervisorRef) {
    this.#options = options
    this.#tree = tree
  }

  get people(): ReturnType<typeof People.contract.at> {
    return People.contract.at(this.#pid('people'))
  }

  get room(): ReturnType<typeof Room.contract.at> {
    return Room.contract.at(this.#pid('room'))
  }

  async join(room: string): Promise<void> {
    const { system } = this.#options.mesh
    if (system.whereis('room') !== undefined) {
      await Supervisor.terminateChild(this.#tree, 'room')
      await Supervisor.deleteChild(this.#tree, 'room')
    }
    const child = Room.child({ ...this.#options, room }, { id: 'room', options: { name: 'room' } })
    await Supervisor.startChild(this.#tree, child)
    this.people.cast.moved(room)
  }

  /** Resolves when it is on that person's screen. */
  async tell(nick: string, text: string): Promise<void> {
    const person = await this.#person(nick)
    if (person === undefined) throw new Error(`nobody is called ${nick}`)
    await this.#options.mesh.rpc.call(TELL, text, { node: person.node })
  }

  /** Of somebody who has just come the news may still be on its way: a word in the room can be faster. */
  async #person(nick: string): Promise<Person | undefined> {
    for (let tries = 0; ; tries++) {
      const person = (await this.people.call.all()).find((one) => one.nick === nick)
      if (person !== undefined || tries === ARRIVAL_TRIES) return person
      await setTimeout(ARRIVAL_MS)
    }
  }

  async share(path: string): Promise<void> {
    const file = await describeFile(path)
    await Files.contract.at(this.#pid('files')).call.share({ path, file })
    this.room.cast.say({ text: `I share ${file.name}`, file })
  }

  /** Gets the file with that number; resolves with its path. */
  async get(number: number): Promise<string> {
    const line = (await this.room.call.shared())[number - 1]
    if (line?.file === undefined) throw new Error(`no file has the number ${number}`)
    const { mesh, folder } = this.#options
    return await download({ mesh, folder, file: line.file, node: line.node })
  }

  /** A key was typed. */
  key(): void {
    if (this.#options.mesh.system.whereis('room') !== undefined) this.room.cast.key()
  }

  stop(): Promise<void> {
    return Supervisor.stop(this.#tree)
  }

  #pid(name: string): NonNullable<ReturnType<Mesh['system']['whereis']>> {
    const pid = this.#options.mesh.system.whereis(name)
    if (pid === undefined) throw new Error(`the process of ${name} is being restarted; try again`)
    return pid
  }
}

/** Starts it, in no room yet. Rejects when somebody has that name. */
export async function startChat(options: ChatOptions): Promise<Chat> {
  const { mesh, nick } = options
  const taken: readonly Person[] = (await mesh.presence.get(PEOPLE, nick)).flatMap(personOf)
  if (taken.length > 0) throw new Error(`somebody is called ${nick}`)
  const { system } = mesh
  const sinceMs = system.clock.wallNow()
  const people = People.child(
    { ...options, sinceMs },
    { id: 'people', options: { name: 'people' } },
  )
  const files = Files.child(mesh, { id: 'files', options: { name: 'files' } })
  const children = [people, files]
  return new Chat(options, await Supervisor.start({ system, strategy: 'rest_for_one', children }))
}
