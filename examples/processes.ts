/**
 * For examples of several processes, each a node of one realm. The one that a person starts makes the realm and starts the
 * others, which are the same program with arguments; what they print is shown behind their names. They end with the first.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { startNode } from 'fovea/dist'
import type { FoveaNode, NodeOptions } from 'fovea/dist'
import { makeRealm } from './realm-file.ts'
import { untilAsked } from './stop-signal.ts'
import { TypedProgram } from './typed-program.ts'

/** What the first process has. */
export interface Stage {
  /** For files of all processes; it is gone at the end. */
  readonly folder: string
  /** The node of the first process; the others find each other through it. */
  readonly node: FoveaNode
  /** Starts another process; resolves when its node is connected with that of the first. */
  start(name: string, ...args: readonly string[]): Promise<Actor>
}

/** Another process. */
export interface Actor {
  readonly name: string
  /** Of its node. */
  readonly id: string
  readonly keyHex: string
  /** As the power fails. */
  kill(): Promise<unknown>
  /** Asks it to stop; resolves when it has. */
  stop(): Promise<unknown>
}

/** What a child process was started with. */
export interface Part {
  readonly name: string
  readonly folder: string
  readonly args: readonly string[]
  /** Options of its node. */
  readonly options: NodeOptions
}

const optionsOf = (nodeName: string, folder: string): NodeOptions => {
  const realm = join(folder, 'realm')
  return { nodeName, host: '127.0.0.1', port: 0, realm, membership: 'local' }
}

/** Plays in the first process, runs `child` in the others. */
export async function runProcesses(
  play: (stage: Stage) => Promise<void>,
  child: (part: Part) => Promise<FoveaNode>,
): Promise<void> {
  const [name, folder, seed, ...args] = process.argv.slice(2)
  if (name === undefined) return await playWithOthers(play)
  if (folder === undefined || seed === undefined) throw new Error('it is started without arguments')
  const options = { ...optionsOf(name, folder), seeds: [seed] }
  const node = await child({ name, folder, args, options })
  console.log(`* is up: ${node.id}`)
  await untilAsked()
  await node.stop()
}

async function playWithOthers(play: (stage: Stage) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fovea-example-'))
  const programs: TypedProgram[] = []
  await makeRealm(join(folder, 'realm'), 'com.example.processes')
  const node = await startNode(optionsOf('first', folder))
  const start = async (name: string, ...args: readonly string[]): Promise<Actor> => {
    const show = (line: string): void => console.log(`${name.padStart(6)} | ${line}`)
    const program = new TypedProgram(name, [name, folder, node.id, ...args], show)
    programs.push(program)
    const [, id = ''] = /: (\S+)$/.exec(await program.sees('* is up: ')) ?? []
    const { key } = await node.cluster.waitFor(id)
    return { name, id, keyHex: key.hex, kill: () => program.kill(), stop: () => program.quit() }
  }
  try {
    await play({ folder, node, start })
  } finally {
    await Promise.all(programs.map((program) => program.kill()))
    await node.stop()
    await rm(folder, { recursive: true })
  }
}
