/**
 * The process of a supervisor over many nodes. It is a server on the node that started it; children anywhere are linked to
 * it. While a child starts or stops it is busy and other requests wait, as with a local supervisor.
 */
import {
  contract,
  implement,
  noreply,
  processOf,
  reply,
  stop,
  type Contract,
  type Ctx,
  type Info,
  type NoReply,
  type Ref,
  type Reply,
  type Server,
  type Stop,
} from '../../behaviours/index.ts'
import { formatPid, type Pid } from '../../runtime/index.ts'
import type { DistParts } from '../parts.ts'
import type { DistributedChildInfo } from './child.ts'
import { checkDistributedSpec, type DistributedChildSpec } from './child-spec.ts'
import {
  DistributedChildren,
  RestartAgain,
  WaitingAgain,
  type SupervisorVerdict,
} from './distributed-children.ts'
import { DistributedChildRunningError, DistributedInvalidSimpleOneForOneError } from './errors.ts'
import type { LifecycleEvent } from './events.ts'
import type { CheckedSupervisorOptions } from './options.ts'

/** How many children there are. */
export interface DistributedChildCounts {
  /** All specifications. */
  readonly specs: number
  readonly active: number
  /** Running, by node id. */
  readonly byNode: Readonly<Record<string, number>>
}

/** Numbers of a supervisor. */
export interface DistributedSupervisorStats extends DistributedChildCounts {
  readonly strategy: string
  /** Restarts since its start, all children together. */
  readonly restarts: number
  /** Moves to another node since its start. */
  readonly migrations: number
  readonly waiting: number
}

/** What came of a drain. */
export interface DrainResult {
  readonly moved: readonly string[]
  /** Their selector had no other node, or they did not want to go. */
  readonly kept: readonly string[]
}

/** What a supervisor answers. */
export interface DistributedSupervisorApi {
  call: {
    startChild(child: {
      readonly spec?: DistributedChildSpec | undefined
      readonly arg?: unknown
    }): DistributedChildInfo
    terminateChild(id: string): void
    restartChild(id: string): DistributedChildInfo
    deleteChild(id: string): void
    getChildren(): readonly DistributedChildInfo[]
    getChild(id: string): DistributedChildInfo | undefined
    countChildren(): DistributedChildCounts
    getStats(): DistributedSupervisorStats
    drain(keyHex: string): DrainResult
    undrain(keyHex: string): void
  }
  cast: {}
}

/** A supervisor over many nodes. */
export type DistributedSupervisorRef = Ref<DistributedSupervisorApi>

/** The contract of every supervisor over many nodes. */
export const DistributedSupervisorContract: Contract<DistributedSupervisorApi> = contract(
  'fovea.distributed_supervisor/1',
  {
    call: {
      ...{ startChild: true, terminateChild: true, restartChild: true, deleteChild: true },
      ...{ getChildren: true, getChild: true, countChildren: true, getStats: true },
      ...{ drain: true, undrain: true },
    },
    cast: {},
  },
)

/** What the process starts with. */
export interface DistributedSupervisorArg {
  readonly parts: DistParts
  readonly options: CheckedSupervisorOptions
  readonly tell: (event: LifecycleEvent) => void
}

/** Messages of the process to itself; instances, so that nobody else can send them. */
class NodeUp {
  readonly type = 'node_up'
}
class Rebalance {
  readonly ids: readonly string[] | undefined
  constructor(ids?: readonly string[]) {
    this.ids = ids
  }
}

/** The state of the process. */
interface State {
  readonly self: Pid
  readonly arg: DistributedSupervisorArg
  readonly children: DistributedChildren
  rebalancing: boolean
  /** Ids that `simple_one_for_one` gave. */
  made: number
}

type Context = Ctx<never, DistributedSupervisorApi>

/** The server behind `DistributedSupervisor`. */
export const distributedSupervisorServer: Server<
  DistributedSupervisorApi,
  DistributedSupervisorArg
> = implement<DistributedSupervisorApi, DistributedSupervisorArg, State>(
  DistributedSupervisorContract,
  {
    init: initialize,
    call: {
      startChild: (state, given, ctx) => attempt(state, ctx, () => startChild(state, given)),
      terminateChild: (state, id, ctx) => attempt(state, ctx, () => terminateChild(state, id)),
      restartChild: (state, id, ctx) => attempt(state, ctx, () => restartChild(state, id)),
      deleteChild: (state, id, ctx) =>
        attempt(state, ctx, async () => void state.children.children.delete(stopped(state, id).id)),
      getChildren: (state) => reply(infos(state), state),
      getChild: (state, id) => reply(state.children.children.get(id)?.info, state),
      countChildren: (state) => reply(countsOf(state), state),
      getStats: (state) => reply(statsOf(state), state),
      drain: (state, keyHex, ctx) => attempt(state, ctx, () => state.children.drain(keyHex)),
      undrain: (state, keyHex) => {
        state.children.mover.drained.delete(keyHex)
        state.arg.parts.system.send(state.self, new NodeUp())
        return reply(undefined, state)
      },
    },
    cast: {},
    info,
    terminate: async (reason, { arg, children }) => {
      await children.stopAll()
      arg.tell({ type: 'supervisor_stopped', supervisorId: children.supervisorId, reason })
    },
  },
)

async function initialize(
  arg: DistributedSupervisorArg,
  ctx: Context,
): Promise<State | Stop<never>> {
  const { parts, options, tell } = arg
  const { system, cluster } = parts
  const process = processOf(ctx)
  const { pid: self } = process
  const supervisorId = options.name ?? formatPid(self)
  const children = new DistributedChildren({ parts, process, options, supervisorId, tell })
  const state: State = { self, arg, children, rebalancing: false, made: 0 }
  for (const spec of options.children) {
    try {
      await children.start(children.admit(spec))
    } catch (error) {
      await children.stopAll()
      return stop({ shutdown: error })
    }
    if (!process.alive) return state
  }
  const release = cluster.onNodeUp(() => system.send(self, new NodeUp()))
  system.watch(self, release)
  tell({ type: 'supervisor_started', supervisorId })
  return state
}

async function info(state: State, item: Info, ctx: Context): Promise<NoReply<State> | Stop<State>> {
  const { children, arg } = state
  if (item.type === 'exit') {
    // The node says goodbye: its links end, and nothing is to be started any more.
    if (arg.parts.cluster.getStatus() !== 'running') return noreply(state)
    return verdict(state, await children.ended(item.from, item.reason))
  }
  if (item.type !== 'message') return noreply(state)
  const { message } = item
  if (message instanceof RestartAgain) return verdict(state, await children.tryAgain(message))
  if (message instanceof NodeUp) {
    await children.waitingAgain()
    rebalanceLater(state, ctx)
  } else if (message instanceof WaitingAgain) await children.retryDue()
  else if (message instanceof Rebalance) await rebalance(state, message)
  return noreply(state)
}

function verdict(state: State, decided: SupervisorVerdict): NoReply<State> | Stop<State> {
  return decided === undefined ? noreply(state) : stop(decided.end, state)
}

/** Once, however many nodes come. */
function rebalanceLater(state: State, ctx: Context): void {
  if (state.rebalancing || state.children.movable().length === 0) return
  state.rebalancing = true
  const { rebalanceDelayMs } = state.arg.options
  state.arg.parts.system.sendAfter(rebalanceDelayMs, processOf(ctx).pid, new Rebalance())
}

/** One child at a time: signals and requests have their turn between two moves. */
async function rebalance(state: State, { ids }: Rebalance): Promise<void> {
  const { children, arg } = state
  state.rebalancing = false
  const [first, ...rest] = ids ?? children.movable()
  if (first === undefined) return
  await children.rebalance(first)
  if (rest.length > 0) arg.parts.system.send(state.self, new Rebalance(rest))
}

// --- requests ---------------------------------------------------------------------------------

/** Runs a request; what it throws is the caller's failure and nobody else's. */
async function attempt<R>(
  state: State,
  ctx: Ctx<R, DistributedSupervisorApi>,
  fn: () => Promise<R>,
): Promise<Reply<R, State> | NoReply<State>> {
  try {
    return reply(await fn(), state)
  } catch (error) {
    ctx.from.fail(error)
    return noreply(state)
  }
}

async function startChild(
  state: State,
  { spec, arg }: Parameters<DistributedSupervisorApi['call']['startChild']>[0],
): Promise<DistributedChildInfo> {
  const { children, arg: own } = state
  const { options } = own
  const { childTemplate } = options
  if ((childTemplate === undefined) !== (spec !== undefined)) {
    const needs = childTemplate === undefined ? 'a specification' : 'an argument'
    throw new DistributedInvalidSimpleOneForOneError(`startChild takes ${needs} here`)
  }
  const given = spec ?? { ...childTemplate!, id: `child-${++state.made}`, arg }
  const child = children.admit(checkDistributedSpec(given, options))
  try {
    await children.start(child)
  } catch (error) {
    children.children.delete(child.id)
    throw error
  }
  return child.info
}

async function terminateChild({ children, arg }: State, id: string): Promise<void> {
  const child = children.child(id)
  await children.stop(child)
  const isMade = arg.options.strategy === 'simple_one_for_one'
  if (child.restart === 'temporary' || isMade) children.children.delete(id)
}

async function restartChild(state: State, id: string): Promise<DistributedChildInfo> {
  const child = stopped(state, id)
  await state.children.start(child)
  return child.info
}

function stopped({ children }: State, id: string): ReturnType<DistributedChildren['child']> {
  const child = children.child(id)
  if (child.active) throw new DistributedChildRunningError(children.supervisorId, id)
  return child
}

// --- what is shown ----------------------------------------------------------------------------

/** In the order of their start. */
function infos({ children }: State): DistributedChildInfo[] {
  return Array.from(children.children.values(), ({ info }) => info)
}

function countsOf(state: State): DistributedChildCounts {
  const all = infos(state)
  const byNode: Record<string, number> = {}
  for (const { status, nodeId = '' } of all) {
    if (status === 'running') byNode[nodeId] = (byNode[nodeId] ?? 0) + 1
  }
  const active = all.filter(({ status }) => status === 'running').length
  return { specs: all.length, active, byNode }
}

function statsOf(state: State): DistributedSupervisorStats {
  const { children, arg } = state
  return {
    ...countsOf(state),
    strategy: arg.options.strategy,
    restarts: children.restarted,
    migrations: children.migrated,
    waiting: infos(state).filter(({ status }) => status === 'waiting').length,
  }
}
