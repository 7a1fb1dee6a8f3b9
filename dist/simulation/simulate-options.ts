/** Options of `simulate`: their defaults and checks, and what each dial does. */
import {
  ArgumentError,
  booleanOption,
  functionOption,
  numberOption,
  objectOption,
  optional,
  resolveOptions,
  type Logger,
  type OptionCheck,
} from '../../runtime/index.ts'
import type { MemoryNetworkOptions, RealmPolicy } from '../../mesh/index.ts'
import { checkCommand, checkFault, type Command, type Fault } from './fault.ts'
import type { SimNode, SimulatedNodeOptions } from './sim-node.ts'
import type { Simulation } from './simulation.ts'

/** What a node does when it has started, also again: starts the servers of the program. */
export type NodeSetup = (node: SimNode, simulation: Simulation) => unknown

/** How a simulation is made. */
export interface SimulateOptions<R = unknown> {
  /** Everything drawn by chance comes from it. Default 1. Another seed is another run. */
  readonly seed?: number
  /**
   * How many nodes, named `n1`, `n2`, ..., or what each of them does when it has started. A setup is a process of
   * its node: `Counter.start(0, { name: 'counter' })` in it starts the server there.
   */
  readonly nodes: number | readonly NodeSetup[]
  /** What every node does when it has started, if `nodes` is a number. */
  readonly setup?: NodeSetup
  /** The test: runs when the nodes have found each other; the simulation ends with it. */
  readonly run?: (simulation: Simulation) => R | Promise<R>
  /**
   * Called after every single change (a message handled, a packet arrived, a timer fired, a fault) and at the
   * end; throws when something is not as it must be. It is called often: keep it fast, and change nothing in it.
   */
  readonly check?: (simulation: Simulation) => void
  /** What goes wrong, and when. Default nothing. */
  readonly faults?: readonly Fault[]
  /** What the program is asked to do, and when; `actions` says how. Default nothing. */
  readonly commands?: readonly Command[]
  /** What the commands do. Each is a process of its own; a throw ends the simulation. */
  readonly actions?: Readonly<Record<string, (simulation: Simulation, args: never) => unknown>>
  /** Latency, loss and limits of the network. Default: a perfect local network of 1 ms. */
  readonly network?: Omit<
    Partial<MemoryNetworkOptions>,
    'clock' | 'entropy' | 'seed' | 'onArrival' | 'conditions'
  >
  /** Options of every node. */
  readonly node?: SimulatedNodeOptions
  /** Policy of the realm of all nodes. Default: every member may do everything. */
  readonly policy?: RealmPolicy
  /** Whether the nodes are told about each other, and `run` waits until they have met. Default true. */
  readonly join?: boolean
  /** Virtual time that passes at least, also when `run` is done before. Milliseconds, default 0. */
  readonly durationMs?: number
  /** Virtual time after which a run has failed. Milliseconds, default 600,000. */
  readonly timeoutMs?: number
  /** Turns that one instant may take; default 100,000; then `ERR_SETTLE_TURNS_MAX`. */
  readonly settleTurnsMax?: number
  /** Share of signatures made and checked with real keys, 0 to 1. Default 0.01; 0 is a little faster. */
  readonly realSignatureShare?: number
  /**
   * Whether a handler that awaits something foreign ends the run. Default true. With false it stays suspended
   * while virtual time goes on, and no seed repeats the run.
   */
  readonly refuseForeignAwaits?: boolean
  /** Logger of every node, made from its name. Default: silent. */
  readonly logger?: (nodeName: string) => Logger
}

/** {@link SimulateOptions} with everything decided. */
export interface ResolvedSimulateOptions extends Omit<
  Required<SimulateOptions>,
  'nodes' | 'setup' | 'check' | 'policy' | 'logger' | 'actions'
> {
  readonly names: readonly string[]
  readonly setups: readonly (NodeSetup | undefined)[]
  readonly check: SimulateOptions['check']
  readonly policy: RealmPolicy | undefined
  readonly logger: ((nodeName: string) => Logger) | undefined
  readonly actions: Readonly<Record<string, (simulation: Simulation, args: never) => unknown>>
}

const NODES_MAX = 10_000

type Checked = { [K in keyof SimulateOptions]-?: SimulateOptions[K] | undefined }

const DEFAULTS: Checked = Object.freeze({
  seed: 1,
  nodes: 1,
  setup: undefined,
  run: (): void => {},
  check: undefined,
  faults: Object.freeze([]),
  commands: Object.freeze([]),
  actions: Object.freeze({}),
  network: Object.freeze({}),
  node: Object.freeze({}),
  policy: undefined,
  join: true,
  durationMs: 0,
  timeoutMs: 600_000,
  settleTurnsMax: 100_000,
  realSignatureShare: 0.01,
  refuseForeignAwaits: true,
  logger: undefined,
})

const nodesOption: OptionCheck = {
  expected: `a number from 1 to ${NODES_MAX}, or a list of setup functions`,
  test: (value) =>
    Array.isArray(value)
      ? value.length > 0 && value.length <= NODES_MAX && value.every(functionOption.test)
      : numberOption(1, NODES_MAX).test(value),
}
const listOption: OptionCheck = { expected: 'a list', test: Array.isArray }
const milliseconds: OptionCheck = numberOption(0, 2 ** 40, true)

const CHECKS: { readonly [K in keyof Checked]: OptionCheck } = {
  seed: numberOption(-(2 ** 53), 2 ** 53),
  nodes: nodesOption,
  setup: optional(functionOption),
  run: functionOption,
  check: optional(functionOption),
  faults: listOption,
  commands: listOption,
  actions: objectOption,
  network: objectOption,
  node: objectOption,
  policy: optional(objectOption),
  join: booleanOption,
  durationMs: milliseconds,
  timeoutMs: milliseconds,
  settleTurnsMax: numberOption(1, 2 ** 40),
  realSignatureShare: numberOption(0, 1, true),
  refuseForeignAwaits: booleanOption,
  logger: optional(functionOption),
}

/** Defaults and checks. */
export function resolveSimulateOptions(given: SimulateOptions): ResolvedSimulateOptions {
  const merged = resolveOptions<Checked>('simulate', DEFAULTS, CHECKS, given)
  const { nodes, setup, faults = [], commands = [], actions = {}, ...rest } = merged
  if (Array.isArray(nodes) && setup !== undefined) {
    throw new ArgumentError('setup', "nothing when 'nodes' is a list of setups", setup)
  }
  const setups: (NodeSetup | undefined)[] =
    typeof nodes === 'number'
      ? Array.from({ length: nodes }, () => setup)
      : [...(nodes as readonly NodeSetup[])]
  for (const fault of faults) checkFault(fault)
  for (const command of commands) checkCommand(command, Object.keys(actions))
  const names = setups.map((_, index) => `n${index + 1}`)
  return Object.freeze({
    ...rest,
    faults,
    commands,
    actions,
    setups,
    names,
  }) as ResolvedSimulateOptions
}
