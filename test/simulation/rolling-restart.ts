/**
 * Whole nodes of the mesh that are restarted one after the other, each as soon as all others know the one before: the
 * hardest pace that a deployment can set, because a newcomer has hardly any link when the next goodbye is said.
 */
import {
  createRealm,
  MemoryNetwork,
  simulatedSignatures,
  startMesh,
  type MemberEvent,
  type Mesh,
} from '../../mesh/index.ts'
import { SimDisk } from '../../dist/simulation/sim-disk.ts'
import { createSeededEntropy, createSimClock } from '../../runtime/index.ts'

/** Settings of one run. */
export interface RollingOptions {
  readonly seed: number
  readonly nodes: number
}

/** What was seen; nothing of it may be there but `restarts`. */
export interface RollingReport {
  readonly restarts: number
  /** Restarted nodes that did not know all, or were not known by all, in time. */
  readonly late: string[]
  /** Nodes that held one for up and did not hear its goodbye in time. */
  readonly deaf: string[]
  /** Events `down`: nobody dies in a rolling restart. */
  readonly deaths: string[]
}

/**
 * A few rounds of gossip over a network as slow as busy machines are: less than a dial takes to fail (5 s), and much less
 * than the time between two comparisons of tables (15 s).
 */
const SOON_MS = 3_000
const JITTER_MS = 40
const CALM_MS = 3_000
const STEP_MS = 5
const START_MS = 1_800_000_000_000

interface Place {
  readonly index: number
  readonly disk: SimDisk
  mesh: Mesh
  /** What its present life has seen, as `left 3.1`: node and generation. */
  seen: Set<string>
}

/** One rolling restart of all. */
export async function rollingRestart({ seed, nodes }: RollingOptions): Promise<RollingReport> {
  const clock = createSimClock({ startMs: START_MS })
  const entropy = createSeededEntropy(seed)
  const conditions = { latencyMs: 1, jitterMs: JITTER_MS, jitterKind: 'exponential' } as const
  const network = new MemoryNetwork({ clock, entropy, ...conditions })
  const signatures = simulatedSignatures({ realShare: 0 })
  const authority = signatures.keysFromSeed(entropy.bytes(32))
  const realm = createRealm('com.example.rolling', { authority, signatures })
  const report: RollingReport = { restarts: nodes, late: [], deaf: [], deaths: [] }
  const places: Place[] = []

  const start = async (index: number, disk: SimDisk, seedIndex: number): Promise<Mesh> =>
    startMesh({
      ...{ name: `n${index}`, host: hostOf(index), port: 4433, realm, clock, entropy },
      ...{ transport: network.transport(), dataDir: disk, membership: 'local' },
      seeds: seedIndex === index ? [] : [`${hostOf(seedIndex)}:4433`],
    })
  const watch = (place: Place): void => {
    place.seen = new Set()
    const { seen, index } = place
    place.mesh.membership.subscribe(({ type, member }: MemberEvent) => {
      seen.add(word(type, member.nodeId, member.incarnation.generation))
      if (type === 'down') report.deaths.push(`${member.nodeId} at n${index}`)
    })
  }
  const within = async (limitMs: number, done: () => boolean): Promise<boolean> => {
    const untilMs = clock.now() + limitMs
    while (!done() && clock.now() < untilMs) await clock.advance(STEP_MS)
    return done()
  }
  const knowsAll = ({ mesh }: Place): boolean =>
    mesh.membership.members().filter(({ state }) => state === 'up').length === nodes - 1
  const stop = async (mesh: Mesh): Promise<void> => {
    let over = false
    const stopping = mesh.stop().finally(() => (over = true))
    while (!over) await clock.advance(STEP_MS)
    return stopping
  }

  for (let index = 0; index < nodes; index++) {
    const disk = new SimDisk(`n${index}`, signatures, entropy)
    const place = { index, disk, mesh: await start(index, disk, 0), seen: new Set<string>() }
    watch(place)
    places.push(place)
  }
  if (!(await within(SOON_MS, () => places.every(knowsAll)))) report.late.push('the start')
  await clock.advance(CALM_MS)
  for (const place of places) {
    const others = places.filter((other) => other !== place)
    const { generation } = place.mesh.incarnation
    const said = (type: MemberEvent['type'], life: number): string =>
      word(type, place.mesh.nodeId, life)
    await stop(place.mesh)
    const told = others.filter(({ seen }) => seen.has(said('up', generation)))
    const heard = ({ seen }: Place): boolean => seen.has(said('left', generation))
    await within(SOON_MS, () => told.every(heard))
    for (const other of told)
      if (!heard(other)) report.deaf.push(`n${other.index} of n${place.index}`)
    place.mesh = await start(place.index, place.disk, others[0]!.index)
    watch(place)
    const knows = ({ seen }: Place): boolean => seen.has(said('up', generation + 1))
    const known = await within(2 * SOON_MS, () => others.every(knows))
    if (!known) report.late.push(`n${place.index} is not known by all`)
  }
  if (!(await within(SOON_MS, () => places.every(knowsAll)))) report.late.push('the end')
  for (const { mesh } of places) await stop(mesh)
  return report
}

function hostOf(index: number): string {
  return `10.0.0.${index + 1}`
}

function word(type: MemberEvent['type'], nodeId: string, generation: number): string {
  return `${type} ${nodeId.slice(0, nodeId.indexOf('@'))}.${generation}`
}
