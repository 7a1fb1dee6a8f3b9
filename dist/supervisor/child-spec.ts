/** What a child of a supervisor over many nodes is: given, and checked. */
import type { AutoShutdown, Contract, RestartType, Shutdown } from '../../behaviours/index.ts'
import {
  ArgumentError,
  booleanOption,
  numberOption,
  oneOfOption,
  OptionError,
  optional,
  resolveOptions,
  stringOption,
  type OptionCheck,
} from '../../runtime/index.ts'
import type { NodeSelector } from './placement.ts'

/** One child. */
export interface DistributedChildSpec {
  /** Unique within its supervisor. */
  readonly id: string
  /** A contract, or the name under which nodes registered a behaviour with `{ remote: true }`. */
  readonly behavior: Contract<never> | string
  /** Start argument of every start. Default none. It must be able to travel. */
  readonly arg?: unknown
  /** Default `permanent`; as in a local supervisor. */
  readonly restart?: RestartType | undefined
  /** Default that of the supervisor. */
  readonly nodeSelector?: NodeSelector | undefined
  /** How long it may take to end. Default 5,000 ms; `brutal_kill` asks nothing. */
  readonly shutdown?: Shutdown | undefined
  /** Its end may end the supervisor, see `autoShutdown`. Not for permanent children. Default false. */
  readonly significant?: boolean | undefined
  /**
   * Whether its state goes with it when it is moved: its server answers the call `beginHandoff` and takes the
   * call `endHandoff`. Default false.
   */
  readonly handoff?: boolean | undefined
  /**
   * Under `mode: 'strict'`: the start argument is `{ arg, token }`, with the fencing token of its lease. Default
   * false.
   */
  readonly fenced?: boolean | undefined
  /** Wait for its init. Default 10,000 ms, then the start has failed. */
  readonly startTimeoutMs?: number | undefined
}

/** A template of `simple_one_for_one`: ids and arguments come with each child. */
export type DistributedChildTemplate = Omit<DistributedChildSpec, 'id' | 'arg'>

/** A specification with its defaults. */
export interface CheckedDistributedSpec {
  readonly id: string
  readonly behavior: Contract<never> | string
  readonly behaviorName: string
  readonly arg: unknown
  readonly restart: RestartType
  readonly nodeSelector: NodeSelector
  /** Milliseconds; 0 kills, Infinity waits. */
  readonly shutdownMs: number
  readonly significant: boolean
  readonly handoff: boolean
  readonly fenced: boolean
  readonly startTimeoutMs: number
}

/** A {@link NodeSelector}. */
export const selectorOption: OptionCheck = {
  expected:
    "'local_first', 'round_robin', 'random', 'least_children', 'least_loaded', 'rendezvous', { node } or a function",
  test: (v) =>
    typeof v === 'function' ||
    SELECTORS.has(v) ||
    (typeof v === 'object' && v !== null && typeof (v as { node?: unknown }).node === 'string'),
}

const SELECTORS: ReadonlySet<unknown> = new Set([
  ...['local_first', 'round_robin', 'random', 'least_children', 'least_loaded', 'rendezvous'],
])

const anything: OptionCheck = { expected: 'a value', test: () => true }
const behaviorOption: OptionCheck = {
  expected: 'a contract or the name of a behaviour',
  test: (v) => nameOf(v) !== undefined,
}
const shutdownOption: OptionCheck = {
  expected: "milliseconds, 'brutal_kill' or 'infinity'",
  test: (v) => v === 'brutal_kill' || v === 'infinity' || numberOption(0, 2_147_483_647).test(v),
}

const CHECKS: { readonly [K in keyof DistributedChildSpec]-?: OptionCheck } = {
  id: stringOption,
  behavior: behaviorOption,
  arg: anything,
  restart: optional(oneOfOption('permanent', 'transient', 'temporary')),
  nodeSelector: optional(selectorOption),
  shutdown: optional(shutdownOption),
  significant: optional(booleanOption),
  handoff: optional(booleanOption),
  fenced: optional(booleanOption),
  startTimeoutMs: optional(numberOption(1, 2_147_483_647)),
}

const SHUTDOWN_MS = 5_000
const START_TIMEOUT_MS = 10_000

/** Checks one specification. Throws an `OptionError` or `ArgumentError`. */
export function checkDistributedSpec(
  given: DistributedChildSpec,
  rules: { readonly nodeSelector: NodeSelector; readonly autoShutdown: AutoShutdown },
): CheckedDistributedSpec {
  const spec = resolveOptions<Partial<DistributedChildSpec>>('a child', {}, CHECKS, given)
  const { id, behavior, arg, restart = 'permanent', shutdown = SHUTDOWN_MS } = spec
  const behaviorName = nameOf(behavior)
  if (id === undefined || behavior === undefined || behaviorName === undefined) {
    throw new ArgumentError('child', 'a specification with id and behavior', given)
  }
  const significant = spec.significant ?? false
  if (significant && (restart === 'permanent' || rules.autoShutdown === 'never')) {
    const text = `child '${id}': 'significant' is for transient and temporary children of a supervisor with autoShutdown`
    throw new OptionError('ERR_OPTION_INVALID', 'significant', text)
  }
  return {
    ...{ id, behavior, behaviorName, arg, restart, significant },
    nodeSelector: spec.nodeSelector ?? rules.nodeSelector,
    shutdownMs: shutdown === 'brutal_kill' ? 0 : shutdown === 'infinity' ? Infinity : shutdown,
    handoff: spec.handoff ?? false,
    fenced: spec.fenced ?? false,
    startTimeoutMs: spec.startTimeoutMs ?? START_TIMEOUT_MS,
  }
}

function nameOf(behavior: unknown): string | undefined {
  if (typeof behavior === 'string') return behavior === '' ? undefined : behavior
  const name = (behavior as { readonly name?: unknown } | null | undefined)?.name
  return typeof name === 'string' && name !== '' ? name : undefined
}
