/** The program of one person: a node of the mesh, a screen, and the chat between them. */
import process from 'node:process'
import { startMesh } from 'fovea/mesh'
import type { MembershipPreset, Mesh } from 'fovea/mesh'
import { makeRealm } from '../realm-file.ts'
import { startChat } from './chat.ts'
import { obey } from './commands.ts'
import type { Desk } from './commands.ts'
import { openScreen } from './screen.ts'
import type { Hands } from './screen.ts'

/** What the command line says. */
export interface TerminalOptions {
  readonly nick: string
  readonly room: string
  /** File of the realm; made when it is not there. */
  readonly realm: string
  readonly host: string
  readonly port: number
  readonly seeds: readonly string[]
  /** Where files go that are got. */
  readonly folder: string
  readonly preset: MembershipPreset
}

/** Runs until the person leaves; gives the exit code. */
export async function runTerminal(options: TerminalOptions): Promise<number> {
  const { nick, realm, host, port, seeds, preset } = options
  await makeRealm(realm, 'com.example.chat')
  const mesh = await startMesh({ name: nick, realm, host, port, seeds, membership: preset })
  try {
    // Alone is no mistake: others may come.
    if (seeds.length > 0 && !(await joins(mesh, seeds))) return 1
    return await talk(mesh, options)
  } finally {
    await mesh.stop()
  }
}

/** Says whom it looks for, and when nobody is there. */
async function joins(mesh: Mesh, seeds: readonly string[]): Promise<boolean> {
  console.error(`* looking for ${seeds.join(', ')}`)
  try {
    await mesh.dht.joined()
    return true
  } catch {
    console.error(
      '! nobody answers there. Does it run, is that its address, and is the realm file the same?',
    )
    return false
  }
}

async function talk(mesh: Mesh, { nick, room, folder }: TerminalOptions): Promise<number> {
  let leave: (exitCode: number) => void = () => {}
  const left = new Promise<number>((resolve) => (leave = resolve))
  // One thing after the other, as typed; what is typed before all is up waits.
  let begin: (desk: Desk) => void = () => {}
  let done: Promise<unknown> = new Promise<Desk>((resolve) => (begin = resolve))
  const desk = done as Promise<Desk>
  const afterwards = (action: (desk: Desk) => void | Promise<void>): void => {
    done = done.then(async () => action(await desk))
  }
  const hands: Hands = {
    line: (text) => afterwards((at) => obey(at, text)),
    key: () => afterwards(({ chat }) => chat.key()),
    end: () => afterwards(() => leave(0)),
  }
  const screen = openScreen(process.stdin, process.stdout, hands)
  const onTaken = (): void => {
    screen.print(`! somebody was called ${nick} before you`)
    leave(1)
  }
  process.once('SIGINT', hands.end).once('SIGTERM', hands.end)
  void mesh.ended.then(() => leave(1))
  try {
    const chat = await startChat({ mesh, nick, screen, folder, onTaken })
    screen.print(`* you are ${nick}; others join you with --seed ${mesh.nodeId}; /help shows more`)
    await chat.join(room)
    begin({ chat, screen, quit: () => leave(0) })
    const exitCode = await left
    await mesh.pubsub.drain()
    await chat.stop()
    return exitCode
  } catch (error) {
    screen.print(`! ${(error as Error).message}`)
    return 1
  } finally {
    screen.close()
    process.off('SIGINT', hands.end).off('SIGTERM', hands.end)
  }
}
