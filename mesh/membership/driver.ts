/**
 * The process of the detector. It owns the detector's alarm, its handlers at the links and its crashes;
 * the work is in `detector.ts`. `MembershipView` outlives it, so subscribers notice nothing of a restart
 * but the changes that happened meanwhile.
 *
 *     start:    generation of this start of the node, empty table; links and seeds report whom they find
 *     restart:  one generation more, on disk first; the table begins with everybody who was there
 */
import type { Server } from '../../behaviours/index.ts'
import type { Clock, Logger } from '../../runtime/index.ts'
import { driverServer } from '../driver-process.ts'
import type { DriverApi, Ties } from '../driver-process.ts'
import { OnDemand, WAITING_MAX } from '../exchange/on-demand.ts'
import { Rates } from '../exchange/rates.ts'
import { Requests } from '../exchange/requests.ts'
import type { RequestsLimits } from '../exchange/requests.ts'
import type { NodeKey } from '../identity/node-key.ts'
import type { Dialer } from '../link/dialer.ts'
import type { FrameRouter } from '../link/frame-router.ts'
import { formatNodeId } from '../link/peer-info.ts'
import type { LinkPool } from '../link/pool.ts'
import type { Refusals } from '../refusals.ts'
import type { TransportAddress } from '../transport/transport.ts'
import type { Codec } from '../wire/codec.ts'
import { WireType } from '../wire/messages.ts'
import { Detector } from './detector.ts'
import { Door } from './door.ts'
import type { MembershipLog } from './event-log.ts'
import type { HoldSignal } from './hold-signal.ts'
import type { ProbeTimes } from './probe-times.ts'
import { createSharedBase } from './swim/base.ts'
import type { SwimSizes } from './swim/core.ts'
import type { SwimEvent } from './swim/machine.ts'
import type { SwimReply, SwimRequest } from './swim/message.ts'
import type { SwimSettings } from './swim/settings.ts'
import type { Statement, StatementAuthority } from './swim/statement.ts'
import type { SwimProtocol } from './swim-protocol.ts'
import type { MembershipView } from './view.ts'

/** What outlives a detector and is taken over by the next one. */
export interface DetectorMemory {
  /** Generation in use; 0 before the first start. */
  generation: number
  /** Metadata of this node, encoded. */
  meta: Uint8Array
  /** The last words of everybody who is there, by key. */
  readonly statements: Map<string, Statement>
  /** The one that runs. */
  detector: Detector | undefined
}

/** What the membership process needs. */
export interface MembershipContext {
  readonly settings: SwimSettings
  /** Dials of the detector at once. */
  readonly dialsMax: number
  readonly handshakeTimeoutMs: number
  readonly ownKey: NodeKey
  readonly name: string
  readonly address: () => TransportAddress
  readonly clock: Clock
  readonly chance: () => number
  readonly logger: Logger
  readonly pool: LinkPool
  readonly dialer: Dialer
  readonly frames: FrameRouter
  readonly refusals: Refusals
  readonly codec: Codec
  readonly protocol: SwimProtocol
  readonly authority: StatementAuthority
  readonly sizes: SwimSizes
  readonly view: MembershipView
  readonly log: MembershipLog
  readonly probeTimes: ProbeTimes
  readonly holdSignal: HoldSignal
  readonly memory: DetectorMemory
  /** Incarnation of this start of the node. */
  readonly incarnation: number
  /** Makes sure, on disk, that every later start has a higher incarnation than that. */
  readonly raiseIncarnation: (incarnation: number) => Promise<void>
}

/** Exchanges of the detector; a question that the core does not answer, such as a push, is forgotten. */
export const REQUESTS_LIMITS: RequestsLimits = Object.freeze({
  requestsMax: 64,
  requestsPerPeerMax: 64,
  perSecondMax: Infinity,
  requestsCode: 'ERR_MEMBERS_REQUESTS_MAX',
  owedMax: 4_096,
  owedPerPeerMax: 64,
  owedCode: undefined,
})

/** Requests that one peer may send within a second. */
export const REQUESTS_PER_SECOND_MAX = 32

/** Pause before a generation that could not be written is written again. */
const PERSIST_RETRY_MS = 1_000

/** Starts and serves the detector. */
export const MembershipServer: Server<DriverApi, MembershipContext> = driverServer(
  'fovea.membership/1',
  async (context: MembershipContext, ties) => {
    const { memory } = context
    const restarted = memory.generation > 0
    const generation = restarted ? memory.generation + 1 : context.incarnation
    if (restarted) await context.raiseIncarnation(generation)
    memory.generation = generation
    const running = makeDetector(context, ties)
    listen(context, running, ties.signal)
    if (restarted) remember(context, running.detector)
    return running.detector
  },
)

/** A detector with what its door needs. */
interface Running {
  readonly detector: Detector
  readonly requests: Requests<SwimRequest, SwimReply>
}

function makeDetector(context: MembershipContext, ties: Ties): Running {
  const { settings, clock, chance, memory, ownKey, name, pool, refusals, protocol } = context
  const { probeIntervalMs } = settings
  const onDemand = new OnDemand({
    ...{ pool, refusals, clock, dialer: context.dialer, dialsMax: context.dialsMax },
    dialTimeoutMs: Math.min(context.handshakeTimeoutMs, 2 * probeIntervalMs),
    // A probe that waits for its turn is over, and one that fails is what probes are for.
    ...{ queueMax: 0, deadMs: 0, waitingMax: WAITING_MAX },
    codes: { dialsMax: 'ERR_MEMBERS_DIALS_MAX', backlog: 'ERR_MEMBERS_BACKLOG' },
  })
  const firstNumber = Math.floor(chance() * 0x1_0000_0000)
  const requests = new Requests({
    ...{ protocol, onDemand, refusals, clock, firstNumber },
    limits: REQUESTS_LIMITS,
  })
  const statements = [...memory.statements.values()]
  const detector: Detector = new Detector({
    core: {
      self: {
        ...{ id: ownKey.hex, name, meta: memory.meta, generation: memory.generation },
        ...context.address(),
      },
      ...{ settings, authority: context.authority, sizes: context.sizes },
      seed: Math.floor(chance() * 0x1_0000_0000),
      nowMs: clock.now(),
      isLinked: (id) => pool.link(id) !== undefined,
      ...(statements.length === 0 ? {} : { base: createSharedBase(statements) }),
    },
    ...{ clock, chance, ownKey, pool, refusals, protocol, onDemand, codec: context.codec },
    ...{ view: context.view, log: context.log, probeTimes: context.probeTimes },
    requests,
    persist: (generation) => void persist(context, detector, generation, ties.signal),
    noted: (event) => note(memory, event),
    worked: ties.worked,
    failed: ties.failed,
  })
  return { detector, requests }
}

/** Begins with whoever was there, and asks them what has happened since. */
function remember(
  { memory, log, clock, ownKey, name, address }: MembershipContext,
  detector: Detector,
): void {
  const contacts = Array.from(memory.statements.values(), ({ id, host, port }) => ({
    id,
    host,
    port,
  }))
  log.add({
    ...{
      atMs: clock.now(),
      type: 'restarted',
      id: ownKey.hex,
      nodeId: formatNodeId(name, address()),
    },
    incarnation: { generation: memory.generation, counter: 0 },
    ...{ accuser: undefined, from: undefined },
  })
  if (contacts.length > 0) detector.input({ type: 'join', contacts })
}

/** Keeps the words of whoever is there. */
function note({ statements }: DetectorMemory, { type, member }: SwimEvent): void {
  if (type === 'conflict') return
  if (type === 'down' || type === 'left' || type === 'forgotten') statements.delete(member.id)
  else statements.set(member.id, member.statement)
}

/** Writes until it is written: without it this node has nothing to say. */
async function persist(
  context: MembershipContext,
  detector: Detector,
  generation: number,
  signal: AbortSignal,
): Promise<void> {
  const { clock, refusals, memory } = context
  try {
    await context.raiseIncarnation(generation)
  } catch (error) {
    if (signal.aborted) return
    refusals.count('ERR_MEMBERS_PERSIST', { generation, err: error }, { level: 'error' })
    const timer = clock.setTimer(
      PERSIST_RETRY_MS,
      () => void persist(context, detector, generation, signal),
    )
    signal.addEventListener('abort', () => timer.cancel(), { once: true })
    return
  }
  memory.generation = Math.max(memory.generation, generation)
  if (!signal.aborted) detector.input({ type: 'persisted', generation })
}

/** Until the process dies, however it dies. */
function listen(
  context: MembershipContext,
  { detector, requests }: Running,
  signal: AbortSignal,
): void {
  const { pool, frames, memory, clock } = context
  const rates = new Rates(clock, REQUESTS_PER_SECOND_MAX)
  const door = new Door({ ...context, detector, requests, rates })
  const { swimPing, swimSync } = WireType
  const release = [
    pool.onLink((event) => {
      if (event.type === 'down') door.forget(event.link.peer.key.hex)
      detector.link(event)
    }),
    frames.handle(swimPing, swimSync, (link, type, payload) => door.frame(link, type, payload)),
    pool.foretell(({ peer }) => detector.nextProbe(peer.key.hex)),
  ]
  memory.detector = detector
  signal.addEventListener('abort', () => {
    for (const off of release) off()
    if (memory.detector === detector) memory.detector = undefined
    detector.close()
  })
  detector.begin()
}
