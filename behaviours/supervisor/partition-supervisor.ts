/**
 * Partition supervisors, as Elixir's: the same child n times, so that n processes share the work of one. A
 * key always goes to the same partition, which is what keeps the messages about one key in order.
 *
 *     PartitionSupervisor.via('counters', 'alice') -> whereis('counters') -> its partition 2 -> that pid
 *
 * The partitions are looked up in the state of the supervisor, synchronously and without a message, so a
 * name is never older than the last restart; it is found only from the system that the supervisor is in.
 * Follows partition_supervisor.ex 1.18; cases PS-01, PS-02.
 */
import { availableParallelism } from 'node:os'
import {
  functionOption,
  homeOf,
  numberOption,
  objectOption,
  oneOfOption,
  OptionError,
  optional,
  resolveOptions,
  type ExitReason,
  type OptionCheck,
  type Pid,
  type System,
  type Via,
} from '../../runtime/index.ts'
import type { ChildSpec } from './child-spec.ts'
import { contract, type Contract, type Ref } from '../server/contract.ts'
import {
  addressOf,
  resolveTarget,
  stopProcess,
  systemOf,
  type Filled,
  type StopOptions,
} from '../server/gen.ts'
import { implementAs, type Server } from '../server/gen-server.ts'
import { partitionOf } from './partition-supervisor-key.ts'
import { RestartIntensity } from './restart-intensity.ts'
import type { Strategy } from './restart-strategy.ts'
import { reply, Stop } from '../server/results.ts'
import { serverState } from '../server/server-cell.ts'
import { processOf } from '../server/server-context.ts'
import { Supervised } from './supervised.ts'
import {
  superviseInfo,
  supervisionDoor,
  type SupervisedChild,
  type Supervision,
  type TryAgain,
  type Verdict,
} from './supervised-messages.ts'
import { childCounts, type ChildCounts, type ChildInfo } from './supervisor-contract.ts'
import { PartitionNameError } from './supervisor-errors.ts'
import {
  limitChecks,
  placeChecks,
  processOptions,
  withSpecs,
  type CheckedInit,
  type SupervisorPlace,
} from './supervisor-options.ts'
import {
  requestSupervisor,
  supervisorChild,
  type SupervisorChildOptions,
  type SupervisorRequestOptions,
  type SupervisorTarget,
} from './supervisor-requests.ts'
import { startSpecs } from './supervisor-server.ts'

/** How a PartitionSupervisor is started. */
export interface PartitionSupervisorOptions extends SupervisorPlace {
  /** Under which `PartitionSupervisor.via` finds its partitions. */
  readonly name?: string | Via | undefined
  /** The child that each partition runs, the same for all or made for each from its number. */
  readonly child: ChildSpec | ((partition: number) => ChildSpec)
  /**
   * How many, or a function that tells when it starts. Default `os.availableParallelism`. Fewer share more
   * load; a different number routes keys differently, so it must not change under running state.
   */
  readonly partitions?: number | (() => number) | undefined
  /** Makes the `args` of each partition's start function of those in `child`. */
  readonly withArguments?:
    ((args: readonly unknown[], partition: number) => readonly unknown[]) | undefined
  /** See `SupervisorOptions`; not `simple_one_for_one`. */
  readonly strategy?: Exclude<Strategy, 'simple_one_for_one'> | undefined
  /** See `SupervisorOptions`. */
  readonly intensity?: number | undefined
  /** See `SupervisorOptions`. */
  readonly periodMs?: number | undefined
}

/** A partition as `whichChildren` shows it. */
export interface PartitionInfo extends ChildInfo {
  readonly partition: number
}

/** The protocol of partition supervisors. */
export interface PartitionSupervisorApi {
  call: {
    partitions(): number
    whichChildren(): readonly PartitionInfo[]
    countChildren(): ChildCounts
  }
  cast: {}
}

/** A running partition supervisor. */
export type PartitionSupervisorRef = Ref<PartitionSupervisorApi>

/**
 * The contract of partition supervisors, for refs from pids.
 *
 * @example
 * const Counter = defineServer({ init: () => 0, call: {}, cast: {} })
 * const { pid } = await PartitionSupervisor.start({ child: Counter.child(), partitions: 2 })
 * assert.equal(await PartitionSupervisorContract.at(pid).call.partitions(), 2)
 * await PartitionSupervisor.stop(pid)
 */
export const PartitionSupervisorContract: Contract<PartitionSupervisorApi> = contract(
  'fovea.partition-supervisor/1',
  { call: { partitions: true, whichChildren: true, countChildren: true }, cast: {} },
)

/** The functions of {@link PartitionSupervisor}. Requests wait as long as it takes. */
export interface PartitionSupervisorFunctions {
  start(options: PartitionSupervisorOptions): Promise<PartitionSupervisorRef>
  /** As `start`, linked to `options.parent` or else the running process. */
  startLink(options: PartitionSupervisorOptions): Promise<PartitionSupervisorRef>
  /** A child specification of a partition supervisor, for a supervisor above it. */
  child(
    options: Omit<PartitionSupervisorOptions, 'system' | 'parent' | 'link'>,
    child: SupervisorChildOptions,
  ): ChildSpec<PartitionSupervisorRef>
  stop(target: SupervisorTarget, reason?: ExitReason, options?: StopOptions): Promise<void>
  /**
   * The partition of `key` as a name, for `{ via }` targets. Whole numbers go by remainder, other values by
   * their hash. It means nobody while that partition is being restarted.
   */
  via(target: SupervisorTarget, key: unknown, options?: PartitionViaOptions): Via
  /** The process that `via` means now. */
  whereis(target: SupervisorTarget, key: unknown, options?: PartitionViaOptions): Pid | undefined
  /** How many partitions there are. */
  partitions(target: SupervisorTarget, options?: SupervisorRequestOptions): Promise<number>
  /** All partitions, in order. */
  whichChildren(
    target: SupervisorTarget,
    options?: SupervisorRequestOptions,
  ): Promise<readonly PartitionInfo[]>
  countChildren(target: SupervisorTarget, options?: SupervisorRequestOptions): Promise<ChildCounts>
}

/** Where a partition is looked up. */
export interface PartitionViaOptions {
  /** Where a name is looked up. Default: the running process's system, else the default system. */
  readonly system?: System | undefined
}

/**
 * Partition supervisors.
 *
 * @example
 * const Counter = defineServer({
 *   init: () => 0,
 *   call: { add: (n, by: number) => reply(n + by, n + by) },
 *   cast: {},
 * })
 * const counters = await PartitionSupervisor.start({
 *   name: 'counters',
 *   child: Counter.child(),
 *   partitions: 4,
 * })
 * const alice = { via: PartitionSupervisor.via('counters', 'alice') }
 * assert.equal(await defaultSystem().call(alice, 'add', 5), 5)
 * assert.equal(await defaultSystem().call(alice, 'add', 5), 10)
 * await PartitionSupervisor.stop(counters)
 */
export const PartitionSupervisor: PartitionSupervisorFunctions =
  Object.freeze<PartitionSupervisorFunctions>({
    start,
    startLink: (options) => start({ ...options, link: true }),
    child: (options, child) =>
      supervisorChild(child, (place) => start({ ...options, ...place, link: true })),
    stop: (target, reason, options) => stopProcess(target, reason, options),
    via: (target, key, options = {}) => new PartitionVia(target, key, options),
    whereis: (target, key, options = {}) => whereis(target, key, options),
    partitions: (target, options) => requestSupervisor(target, 'partitions', undefined, options),
    whichChildren: (target, options) =>
      requestSupervisor(target, 'whichChildren', undefined, options),
    countChildren: (target, options) =>
      requestSupervisor(target, 'countChildren', undefined, options),
  })

// --- the process

const PARTITIONS_MAX = 1_000_000

const defaults: Omit<PartitionSupervisorOptions, 'child'> = Object.freeze({
  partitions: availableParallelism,
  strategy: 'one_for_one',
  intensity: 3,
  periodMs: 5000,
})

const partitionsNumber: OptionCheck = numberOption(1, PARTITIONS_MAX)

const checks: { readonly [K in keyof PartitionSupervisorOptions]-?: OptionCheck } = {
  ...placeChecks,
  child: {
    expected: 'a child specification, or a function that makes one',
    test: (v) => typeof v === 'function' || objectOption.test(v),
  },
  partitions: {
    expected: `${partitionsNumber.expected}, or a function that gives one`,
    test: (v) => typeof v === 'function' || partitionsNumber.test(v),
  },
  withArguments: optional(functionOption),
  strategy: oneOfOption('one_for_one', 'one_for_all', 'rest_for_one'),
  intensity: limitChecks.intensity,
  periodMs: limitChecks.periodMs,
}

/** The children and how many there were at first: a temporary one may be gone for good. */
class Partitions implements Supervision {
  readonly count: number
  readonly supervised: Supervised

  constructor(supervised: Supervised, count: number) {
    this.supervised = supervised
    this.count = count
  }
  get label(): string {
    return this.supervised.label
  }
  get strategy(): Strategy {
    return this.supervised.strategy
  }
  get restarted(): number {
    return this.supervised.restarted
  }
  get refused(): number {
    return this.supervised.refused
  }
  ended(pid: Pid, reason: ExitReason): Verdict | Promise<Verdict> {
    return this.supervised.ended(pid, reason)
  }
  tryAgain(message: TryAgain): Verdict | Promise<Verdict> {
    return this.supervised.tryAgain(message)
  }
  stopAll(): Promise<void> {
    return this.supervised.stopAll()
  }
  view(): readonly SupervisedChild[] {
    return this.supervised.view()
  }
  pidOf(key: unknown): Pid | undefined {
    return this.supervised.children.get(String(partitionOf(key, this.count)))?.pid
  }
  list(): PartitionInfo[] {
    return Array.from(this.supervised.children.values(), ({ id, info }) => {
      return { ...info, partition: Number(id) }
    })
  }
}

const server: Server<PartitionSupervisorApi, CheckedInit> = implementAs<
  PartitionSupervisorApi,
  CheckedInit,
  Partitions
>(
  PartitionSupervisorContract,
  {
    init: async (init, ctx) => {
      const { strategy, autoShutdown, childrenMax, specs } = init
      const intensity = new RestartIntensity(init)
      const rules = { strategy, autoShutdown, childrenMax, intensity }
      const started = await startSpecs(new Supervised(processOf(ctx), rules), specs)
      return started instanceof Stop ? started : new Partitions(started, specs.length)
    },
    call: {
      partitions: (state) => reply(state.count, state),
      whichChildren: (state) => reply(state.list(), state),
      countChildren: (state) => reply(childCounts(state.list()), state),
    },
    cast: {},
    info: superviseInfo,
    terminate: (_reason, state) => state.stopAll(),
  },
  supervisionDoor('partition_supervisor'),
)

async function start(given: PartitionSupervisorOptions): Promise<PartitionSupervisorRef> {
  const where = 'PartitionSupervisor.start'
  const options = resolveOptions<Partial<PartitionSupervisorOptions>>(
    where,
    defaults,
    checks,
    given,
  )
  const { child } = options
  if (child === undefined) {
    const { expected } = checks.child
    throw new OptionError(
      'ERR_OPTION_INVALID',
      'child',
      `${where}: option 'child' must be ${expected}`,
    )
  }
  const init = partitionInit({ ...options, child } as Checked, countPartitions(where, options))
  return server.start(init, processOptions(options))
}

type Checked = Filled<PartitionSupervisorOptions, 'strategy' | 'intensity' | 'periodMs'>

function countPartitions(
  where: string,
  { partitions }: Partial<PartitionSupervisorOptions>,
): number {
  const count = typeof partitions === 'function' ? partitions() : partitions
  if (partitionsNumber.test(count)) return count as number
  throw new OptionError(
    'ERR_OPTION_INVALID',
    'partitions',
    `${where}: option 'partitions' must give ${partitionsNumber.expected}, gave ${String(count)}`,
  )
}

/** One specification per partition, with its number as id. */
function partitionInit(options: Checked, count: number): CheckedInit {
  const { child, strategy, intensity, periodMs, withArguments } = options
  const children = Array.from({ length: count }, (_, partition) => {
    const given = typeof child === 'function' ? child(partition) : child
    const spec = { ...given, id: String(partition) }
    return withArguments === undefined
      ? spec
      : { ...spec, args: withArguments(spec.args ?? [], partition) }
  })
  return withSpecs({
    strategy,
    intensity,
    periodMs,
    children,
    autoShutdown: 'never',
    childrenMax: count,
  })
}

// --- names

/** One partition as a name: it can be looked up, not taken. */
class PartitionVia implements Via {
  readonly label: string
  readonly #target: SupervisorTarget
  readonly #key: unknown
  readonly #options: PartitionViaOptions

  constructor(target: SupervisorTarget, key: unknown, options: PartitionViaOptions) {
    partitionOf(key, 1) // what is no key is refused here and not at the first message
    this.label = `partition of ${nameOf(target)}`
    this.#target = target
    this.#key = key
    this.#options = options
  }
  whereisName(): Pid | undefined {
    return whereis(this.#target, this.#key, this.#options)
  }
  registerName(): boolean {
    throw new PartitionNameError(this.label)
  }
  unregisterName(): void {
    throw new PartitionNameError(this.label)
  }
}

function whereis(
  target: SupervisorTarget,
  key: unknown,
  options: PartitionViaOptions,
): Pid | undefined {
  const pid = resolveTarget(target, options.system ?? systemOf(target))
  const process = pid === undefined ? undefined : homeOf(pid).process(pid)
  const state = process === undefined ? undefined : serverState(process)
  return state instanceof Partitions ? state.pidOf(key) : undefined
}

function nameOf(target: SupervisorTarget): string {
  const to = addressOf(target)
  return typeof to === 'object' && 'via' in to ? to.via.label : String(to)
}
