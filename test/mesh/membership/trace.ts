/**
 * One command trace through whole mesh nodes, in whatever world: a simulated network in virtual time, or real
 * QUIC. What each observer saw of each subject comes out without its timing, so two worlds can be compared.
 */
import type { Metadata } from '../../../mesh/membership/metadata.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import type { MeshOptions } from '../../../mesh/options.ts'
import { nameOf } from './histories.ts'

/** What is done to a mesh. Each is followed by a wait until everybody has heard of it. */
export type TraceCommand =
  /** The first node starts alone, every other with the node that started first and still runs. */
  | { readonly type: 'start'; readonly node: string; readonly metadata?: Metadata }
  /** Its processes are killed: nothing is said any more. */
  | { readonly type: 'kill'; readonly node: string }
  /** Stops and says goodbye. */
  | { readonly type: 'leave'; readonly node: string }
  /** Starts again with the same data directory, after `kill` or `leave`. */
  | { readonly type: 'restart'; readonly node: string }
  | { readonly type: 'set_meta'; readonly node: string; readonly metadata: Metadata }

/** Where a trace runs. */
export interface TraceWorld {
  start(name: string, options: MeshOptions): Promise<Mesh>
  /** Where a node keeps its key and its incarnation. */
  disk(): Promise<NonNullable<MeshOptions['dataDir']>>
  /** Lets time pass while `work` needs it. */
  during<T>(work: Promise<T>): Promise<T>
  /** Lets time pass until `done`. */
  until(done: () => boolean): Promise<void>
}

/** Events by observer and subject, such as `up {"zone":"a"}`, `down`. A restarted observer is `b2`, `b3`, ... */
export type Histories = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

/** What a trace knows of a node. */
interface Actor {
  readonly name: string
  readonly disk: NonNullable<MeshOptions['dataDir']>
  mesh: Mesh
  life: number
  state: 'up' | 'down' | 'left'
  metadata: Metadata
}

/** Runs `commands` and gives what everybody saw. */
export async function runTrace(
  world: TraceWorld,
  commands: readonly TraceCommand[],
): Promise<Histories> {
  const actors = new Map<string, Actor>()
  const histories: Record<string, Record<string, string[]>> = {}
  const begin = async (name: string, disk: Actor['disk'], metadata: Metadata): Promise<void> => {
    const seed = [...actors.values()].find(({ state }) => state === 'up')
    const seeds = seed === undefined ? [] : [seed.mesh.nodeId]
    const life = (actors.get(name)?.life ?? 0) + 1
    const mesh = await world.during(world.start(name, { dataDir: disk, metadata, seeds }))
    histories[life === 1 ? name : `${name}${life}`] = record(mesh)
    actors.set(name, { name, disk, mesh, life, state: 'up', metadata })
  }
  for (const command of commands) {
    const { type, node } = command
    const actor = actors.get(node)
    if (type === 'start') await begin(node, await world.disk(), command.metadata ?? {})
    else if (actor === undefined) throw new Error(`no node ${node}`)
    else if (type === 'restart') await begin(node, actor.disk, actor.metadata)
    else if (type === 'set_meta') {
      actor.metadata = command.metadata
      actor.mesh.setMetadata(command.metadata)
    } else {
      if (type === 'kill') killTree(actor.mesh)
      actor.state = type === 'kill' ? 'down' : 'left'
      await world.during(actor.mesh.stop())
    }
    await world.until(() => agreed([...actors.values()]))
  }
  return histories
}

/** Every running node holds every other for what it is. */
function agreed(actors: readonly Actor[]): boolean {
  return actors.every(({ mesh, state }) => {
    if (state !== 'up') return true
    return actors.every((other) => {
      const member = mesh.membership.member(other.mesh.key.hex)
      if (other.mesh === mesh) return true
      // Whoever came after it was gone has not heard of it.
      if (member === undefined) return other.state !== 'up'
      const same =
        JSON.stringify(sorted(member.metadata)) === JSON.stringify(sorted(other.metadata))
      if (other.state !== 'up') return member.state === other.state
      const { generation } = member.incarnation
      return member.state === 'up' && same && generation === other.mesh.identity.incarnation
    })
  })
}

/** Suspicions depend on timing; what they led to does not. */
function record(mesh: Mesh): Record<string, string[]> {
  const seen: Record<string, string[]> = {}
  mesh.membership.subscribe(({ type, member }) => {
    if (type === 'suspect' || type === 'alive' || type === 'forgotten') return
    const words = type === 'up' || type === 'update'
    const said = words ? ` ${JSON.stringify(sorted(member.metadata))}` : ''
    ;(seen[nameOf(member.nodeId)] ??= []).push(`${type}${said}`)
  })
  return seen
}

function sorted(metadata: Metadata): Metadata {
  return Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** All its processes die at once, the detector before anybody could ask it for a goodbye. */
function killTree(mesh: Mesh): void {
  for (const { pid } of [...mesh.system.processes()].reverse()) mesh.system.exit(pid, 'kill')
}
