/** Options of a supervisor over many nodes: defaults and checks. */
import type { AutoShutdown, Strategy } from '../../behaviours/index.ts'
import {
  numberOption,
  objectOption,
  oneOfOption,
  OptionError,
  optional,
  resolveOptions,
  stringOption,
  type OptionCheck,
  type Pid,
} from '../../runtime/index.ts'
import {
  checkDistributedSpec,
  selectorOption,
  type CheckedDistributedSpec,
  type DistributedChildSpec,
  type DistributedChildTemplate,
} from './child-spec.ts'
import {
  DistributedChildrenMaxError,
  DistributedDuplicateChildError,
  DistributedInvalidSimpleOneForOneError,
  DistributedMissingChildTemplateError,
} from './errors.ts'
import type { NodeSelector } from './placement.ts'

/** How a supervisor over many nodes is started. */
export interface DistributedSupervisorOptions {
  /** Its process is registered under it on its node, and it names the supervisor in events and errors. */
  readonly name?: string | undefined
  /** Default `one_for_one`; as in a local supervisor, over all nodes. */
  readonly strategy?: Strategy | undefined
  /** Where children go that do not say it themselves. Default `local_first`. */
  readonly nodeSelector?: NodeSelector | undefined
  /** Started in order, stopped in reverse. */
  readonly children?: readonly DistributedChildSpec[] | undefined
  /** For `simple_one_for_one`. */
  readonly childTemplate?: DistributedChildTemplate | undefined
  /** Restarts within `periodMs`, on all nodes together; the loss of a node is one. Default 3. */
  readonly intensity?: number | undefined
  /** Default 5,000 ms. */
  readonly periodMs?: number | undefined
  /** When the end of significant children ends the supervisor. Default `never`. */
  readonly autoShutdown?: AutoShutdown | undefined
  /** Children, stopped ones included. Default 100,000, then `ERR_DSUP_CHILDREN_MAX`. */
  readonly childrenMax?: number | undefined
  /**
   * After a node has come, children of `rendezvous` that belong there are moved so much later. Default 1,000 ms.
   * Higher moves once when many nodes come, lower sooner.
   */
  readonly rebalanceDelayMs?: number | undefined
  /** How long `beginHandoff` and `endHandoff` of a child may take. Default 5,000 ms. */
  readonly handoffTimeoutMs?: number | undefined
  /**
   * `available` (the default): in a network that falls apart a child may run twice for as long as its own node takes to
   * see that. `strict`: it runs under a lease, never twice; needs `voters`, and a `name` that is the same wherever the
   * supervisor is started. After the loss of a node its children wait for the end of their leases.
   */
  readonly mode?: 'available' | 'strict' | undefined
  /** Under `strict`: how long a start waits for the lease of its child. Default 30,000 ms; above the TTL. */
  readonly leaseTimeoutMs?: number | undefined
  /** Links the supervisor to this process, and makes it its parent. Default none. */
  readonly parent?: Pid | undefined
}

/** The options with their defaults. */
export interface CheckedSupervisorOptions {
  readonly name: string | undefined
  readonly strategy: Strategy
  readonly nodeSelector: NodeSelector
  readonly children: readonly CheckedDistributedSpec[]
  readonly childTemplate: DistributedChildTemplate | undefined
  readonly intensity: number
  readonly periodMs: number
  readonly autoShutdown: AutoShutdown
  readonly childrenMax: number
  readonly rebalanceDelayMs: number
  readonly handoffTimeoutMs: number
  readonly mode: 'available' | 'strict'
  readonly leaseTimeoutMs: number
  readonly parent: Pid | undefined
}

const DEFAULTS = Object.freeze({
  strategy: 'one_for_one',
  nodeSelector: 'local_first',
  intensity: 3,
  periodMs: 5_000,
  autoShutdown: 'never',
  childrenMax: 100_000,
  rebalanceDelayMs: 1_000,
  handoffTimeoutMs: 5_000,
  mode: 'available',
  leaseTimeoutMs: 30_000,
} as const)

const CHECKS: { readonly [K in keyof DistributedSupervisorOptions]-?: OptionCheck } = {
  name: optional(stringOption),
  strategy: oneOfOption('one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'),
  nodeSelector: selectorOption,
  children: optional(objectOption),
  childTemplate: optional(objectOption),
  intensity: numberOption(0, 1_000_000),
  periodMs: numberOption(1, 2_147_483_647),
  autoShutdown: oneOfOption('never', 'any_significant', 'all_significant'),
  childrenMax: numberOption(1, 10_000_000),
  rebalanceDelayMs: numberOption(0, 2_147_483_647),
  handoffTimeoutMs: numberOption(1, 2_147_483_647),
  mode: oneOfOption('available', 'strict'),
  leaseTimeoutMs: numberOption(1, 2_147_483_647),
  parent: optional(objectOption),
}

/** Checks and completes the options. Throws. */
export function checkSupervisorOptions(
  given: DistributedSupervisorOptions | undefined,
): CheckedSupervisorOptions {
  const options = resolveOptions<DistributedSupervisorOptions>(
    'DistributedSupervisor.start',
    DEFAULTS,
    CHECKS,
    given,
  )
  const { name, strategy, childTemplate, children = [], parent } = options
  if (options.mode === 'strict' && name === undefined) {
    const text = "DistributedSupervisor.start: 'strict' needs 'name', which names the leases"
    throw new OptionError('ERR_OPTION_INVALID', 'name', text)
  }
  if (strategy === 'simple_one_for_one') {
    if (childTemplate === undefined) throw new DistributedMissingChildTemplateError()
    if (children.length > 0) {
      throw new DistributedInvalidSimpleOneForOneError("'children' come from the template")
    }
  } else if (childTemplate !== undefined) {
    throw new DistributedInvalidSimpleOneForOneError("'childTemplate' is for it alone")
  }
  const rules = { ...DEFAULTS, ...options } as unknown as CheckedSupervisorOptions
  if (childTemplate !== undefined) checkDistributedSpec({ ...childTemplate, id: 'child' }, rules)
  const specs = children.map((child) => checkDistributedSpec(child, rules))
  const label = name ?? 'the supervisor'
  if (specs.length > rules.childrenMax)
    throw new DistributedChildrenMaxError(label, rules.childrenMax)
  const ids = new Set<string>()
  for (const { id } of specs) {
    if (ids.has(id)) throw new DistributedDuplicateChildError(label, id)
    ids.add(id)
  }
  return { ...rules, name, childTemplate, children: specs, parent }
}
