/**
 * Whole services through trouble and calm. A run: everybody starts and gets to know each other; faults and commands of
 * the schedule; calm, in which presence and offers must agree; one message of everybody to everybody and a call of each
 * provider, which must succeed; then everything is taken back, and everything must be as small as it was in the beginning.
 *
 * In a wide world there are groups, last values and calls to all providers, too.
 */
import {
  formatSchedule,
  scheduleFrom,
  shrinkSchedule,
  simulate,
} from '../../dist/simulation/index.ts'
import type {
  Schedule,
  SchedulePlan,
  SimulateOptions,
  Simulation,
} from '../../dist/simulation/index.ts'
import { asNobody, createSeededEntropy } from '../../runtime/index.ts'
import type { Claim } from './services-claim.ts'
import { lateOnes, spread } from './services-calm.ts'
import { actionsIn, COMMANDS } from './services-commands.ts'
import type { Life } from './services-life.ts'
import { leftoversOf } from './services-leftovers.ts'
import { WIDE_COMMANDS } from './services-wide-commands.ts'
import {
  GATEWAY,
  membersOf,
  outside,
  MEMBERS,
  PROCEDURES,
  SEATS,
  SERVICES,
  ServicesWorld,
} from './services-world.ts'

/** What a run did. */
export interface ServicesReport {
  readonly counts: ReadonlyMap<string, number>
  readonly traceHash: string
  readonly virtualMs: number
}

/** Until everybody knows everybody. */
const QUIET_MS = 7_000
const TROUBLE_MS = 20_000
const PLAN: Required<SchedulePlan> = {
  faults: ['crash', 'pause', 'partition', 'cut', 'conditions'],
  commands: COMMANDS,
  countMax: 40,
  withinMs: TROUBLE_MS,
  durationMsMax: 6_000,
}
const WIDE_PLAN: Required<SchedulePlan> = {
  ...PLAN,
  commands: { ...COMMANDS, ...WIDE_COMMANDS },
  countMax: 56,
}
/** The longest outage, and what was asked for before has ended. */
const CALM_MS = 30_000
const AGREE_MS_MAX = 60_000
const PROBE_MS_MAX = 15_000
/** Until every memory of the past has run out: sessions of publishers, topics of presence that nobody watches. */
const FORGET_MS = 100_000
/** In which nothing happens any more on what was stopped. */
const STOPPED_MS = 600_000
const SHRINK_RUNS_MAX = 120
const NUMBERS = 10

/** What kind of run it is. */
export interface ServicesRun {
  /** How long there is trouble. Default 20,000 ms. */
  readonly troubleMs?: number | undefined
  /** Default false. */
  readonly isWide?: boolean | undefined
}

/** What chance makes of a seed. Everything begins when everybody knows everybody. */
export function servicesScheduleOf(
  seed: number,
  { troubleMs = TROUBLE_MS, isWide = false }: ServicesRun = {},
): Schedule {
  const base = isWide ? WIDE_PLAN : PLAN
  const plan = { ...base, withinMs: troubleMs }
  const countMax = Math.ceil((base.countMax * troubleMs) / TROUBLE_MS)
  const entropy = createSeededEntropy(seed)
  const nat = (): number => Math.floor(entropy.random() * 10_000)
  const drawn = 5 + Math.floor(entropy.random() * (countMax - 4))
  // A long run is to be a busy one, an entry each five seconds.
  const count = troubleMs > TROUBLE_MS ? Math.ceil(countMax / 10) : drawn
  const entries = Array.from({ length: count }, () => Array.from({ length: NUMBERS }, nat))
  const { faults, commands } = scheduleFrom(MEMBERS, plan)(entries)
  const later = <T extends { readonly atMs: number }>(each: T): T => {
    return { ...each, atMs: each.atMs + QUIET_MS }
  }
  return { faults: faults.map(later), commands: commands.map(later) }
}

/** One run; throws a `SimulationError` when a property breaks. */
export async function runServices(
  seed: number,
  schedule: Schedule,
  { troubleMs = TROUBLE_MS, isWide = false }: ServicesRun = {},
): Promise<ServicesReport> {
  const worlds = new WeakMap<Simulation, ServicesWorld>()
  const worldOf = (simulation: Simulation): ServicesWorld => {
    const world = worlds.get(simulation) ?? new ServicesWorld(simulation, isWide)
    worlds.set(simulation, world)
    return world
  }
  const starts = [...schedule.faults, ...schedule.commands].map(({ atMs }) => atMs)
  const isQuietFirst = Math.min(...starts, Infinity) >= QUIET_MS
  const options: SimulateOptions<ServicesReport['counts']> = {
    seed,
    nodes: MEMBERS,
    network: { latencyMs: 2, jitterMs: 3 },
    node: { gateway: GATEWAY, services: SERVICES },
    realSignatureShare: 0,
    // Peers at the edge are not its nodes, so it takes waits for them as foreign.
    refuseForeignAwaits: false,
    timeoutMs: 3_600_000 + troubleMs,
    ...schedule,
    setup: (node, simulation) => worldOf(simulation).memberStarted(node),
    actions: actionsIn(worldOf),
    check: (simulation) => worldOf(simulation).check(),
    run: (simulation) => live(worldOf(simulation), isQuietFirst, troubleMs),
  }
  const { value: counts, traceHash, virtualMs } = await simulate(options)
  return { counts, traceHash, virtualMs }
}

/** The smallest schedule that fails in the same way, as text for a test; undefined when the given one does not fail. */
export async function shrinkServices(
  seed: number,
  schedule: Schedule,
  run: ServicesRun = {},
): Promise<string | undefined> {
  const failure = await failureOf(seed, schedule, run)
  if (failure === undefined) return undefined
  const { schedule: smallest } = await shrinkSchedule(schedule, SHRINK_RUNS_MAX, async (each) => {
    return (await failureOf(seed, each, run))?.code === failure.code
  })
  const last = (await failureOf(seed, smallest, run)) ?? failure
  return `seed ${seed}: ${last.text}\n${formatSchedule(smallest)}`
}

async function failureOf(
  seed: number,
  schedule: Schedule,
  run: ServicesRun,
): Promise<{ readonly code: string; readonly text: string } | undefined> {
  try {
    await runServices(seed, schedule, run)
    return undefined
  } catch (error) {
    const cause = (error as Error).cause as { code?: unknown; message?: unknown } | undefined
    return { code: String(cause?.code), text: String(cause?.message ?? error) }
  }
}

async function live(
  world: ServicesWorld,
  isQuietFirst: boolean,
  troubleMs: number,
): Promise<ReadonlyMap<string, number>> {
  const { simulation } = world
  await world.startEdges()
  await simulation.sleep(QUIET_MS)
  if (isQuietFirst) world.allIsKnown()
  await simulation.sleep(troubleMs)
  simulation.heal()
  await simulation.sleep(CALM_MS)
  await agree(world)
  await probe(world)
  if (world.isWide) {
    await lateOnes(world)
    await spread(world)
  }
  world.topics.settle()
  world.calls.settle()
  await end(world)
  return countsOf(world)
}

/** Everybody runs, sees who is present, and knows who offers what. */
async function agree(world: ServicesWorld): Promise<void> {
  const { simulation } = world
  const claim: Claim = world.claims.claim
  const disagreements = (): readonly string[] => {
    const lives = world.lives()
    if (lives.length < SEATS) return [`${SEATS - lives.length} do not run`]
    return [...world.presence.disagreements(lives), ...offersMissed(lives)]
  }
  const fromMs = simulation.nowMs
  while (disagreements().length > 0 && simulation.nowMs - fromMs < AGREE_MS_MAX) {
    await simulation.sleep(500)
  }
  claim(disagreements().length === 0, 'PS14', () => disagreements().join('; '))
}

/** What somebody offers and somebody else does not know, and the other way round. */
function offersMissed(lives: readonly Life[]): readonly string[] {
  const wrong: string[] = []
  for (const { name, node, isMember } of lives) {
    // A peer knows what it asked for.
    if (!isMember) continue
    for (const procedure of PROCEDURES) {
      const known = new Set(node.rpc.providers(procedure).map((each) => each.node))
      for (const other of lives) {
        const isOffered = other.advertisements.has(procedure)
        if (isOffered === known.has(other.key)) continue
        wrong.push(
          `${name} ${isOffered ? 'does not know' : 'believes'} ${procedure} of ${other.name}`,
        )
      }
    }
  }
  return wrong
}

/** Everybody reaches everybody. */
async function probe(world: ServicesWorld): Promise<void> {
  const { simulation } = world
  const claim: Claim = world.claims.claim
  world.allIsKnown()
  const done = new Set<string>()
  const all: string[] = []
  const failed: string[] = []
  const expectDone = (what: string, work: Promise<unknown>): void => {
    all.push(what)
    world.watch(
      work.then(
        () => done.add(what),
        (error: unknown) => {
          failed.push(`${what}: ${String(error)}`)
        },
      ),
    )
  }
  const lives = world.lives()
  const ask = (life: Life): void => {
    for (const topic of ['news.a', 'other', ...(world.isWide ? ['jobs.a'] : [])]) {
      const what = `publish of ${life.name} to ${topic}`
      expectDone(what, world.topics.publish(life, topic, { qos: 1 }))
    }
    const { rpc } = life.node
    const call = (procedure: string, to: string, node?: string): void => {
      const task = world.calls.probe(life, procedure)
      const what = `call ${all.length} of ${life.name} to ${procedure} of ${to}`
      expectDone(what, rpc.call(procedure, task, { node, timeoutMs: PROBE_MS_MAX }))
    }
    for (const other of lives) {
      for (const procedure of other.advertisements.keys()) {
        // A peer knows of another one only what it has asked for.
        if (life.isMember || other.isMember) call(procedure, other.name, other.key)
        else call(procedure, 'anybody')
      }
    }
  }
  for (const life of lives) asNobody(() => ask(life))
  const fromMs = simulation.nowMs
  while (done.size + failed.length < all.length && simulation.nowMs - fromMs <= PROBE_MS_MAX) {
    await simulation.sleep(200)
  }
  const missing = (): string =>
    (failed.length > 0 ? failed : all.filter((what) => !done.has(what))).join('; ')
  claim(done.size === all.length, 'MG10', () => `in calm not done: ${missing()}`)
}

/** Everything is taken back, and nothing is left; then everybody stops, and nothing happens any more. */
async function end(world: ServicesWorld): Promise<void> {
  const { simulation } = world
  const claim: Claim = world.claims.claim
  for (const life of world.lives()) {
    for (const { end: over } of life.subscriptions) over()
    for (const { unadvertise } of life.advertisements.values()) unadvertise()
    for (const entry of life.tracked.values()) entry.untrack()
    for (const watch of life.watches) watch.close()
  }
  await simulation.sleep(FORGET_MS)
  for (const life of world.lives()) {
    const left = leftoversOf(life.node)
    claim(left.length === 0, 'ML6', () => `${life.name} keeps ${left.join(', ')}`)
  }
  const members = membersOf(world.lives())
  for (const { seat } of world.edges) await outside(() => world.closeEdge(seat))
  await outside(() =>
    Promise.all(simulation.nodes.map(({ node }) => node.stop().then(() => node.system.stop()))),
  )
  claim(members.length === MEMBERS, 'ML6', () => 'a member is missing')
  const fired = (): number =>
    world.edges.reduce((sum, each) => sum + each.timersFired, simulation.eventsOf('timer'))
  const before = fired()
  await simulation.sleep(STOPPED_MS)
  claim(fired() === before, 'ML6', () => `${fired() - before} timers ran after all stopped`)
}

function countsOf(world: ServicesWorld): ReadonlyMap<string, number> {
  const counts = new Map(world.counts)
  const add = (what: string, times: number): void =>
    void counts.set(what, (counts.get(what) ?? 0) + times)
  for (const [outcome, times] of world.topics.outcomes()) add(`publish ${outcome}`, times)
  for (const [outcome, times] of world.calls.outcomes()) add(outcome, times)
  add('delivered', world.topics.delivered)
  add('certain', world.topics.certain)
  add('shared', world.topics.shared)
  add('late', world.topics.late)
  add('joins', world.presence.joins)
  add('leaves', world.presence.leaves)
  return counts
}
