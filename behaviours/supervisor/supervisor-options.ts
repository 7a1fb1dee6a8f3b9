/**
 * Options of supervisors: defaults and checks, once, before anything is started (U-53 to U-55, U-62).
 */
import {
  functionOption,
  numberOption,
  objectOption,
  oneOfOption,
  optional,
  resolveOptions,
  type OptionCheck,
  type Pid,
  type System,
  type Via,
} from '../../runtime/index.ts'
import { checkChildSpecs, type CheckedChildSpec, type ChildSpec } from './child-spec.ts'
import { ChildSpecError } from './supervisor-errors.ts'
import { signalOption, type Filled, type ServerOptions } from '../server/gen.ts'
import type { AutoShutdown, Strategy } from './restart-strategy.ts'
import type { Ignore } from '../server/results.ts'

/** What a supervisor is, apart from where it runs. */
export interface SupervisorInit {
  /**
   * Who is restarted with a child that ended: it alone (`one_for_one`, default), all (`one_for_all`), or
   * it and those started after it (`rest_for_one`). `simple_one_for_one` is for any number of children of
   * one template, the only one in `children`, which `startChild` gives their arguments.
   */
  readonly strategy?: Strategy | undefined
  /**
   * Restarts allowed within `periodMs`, over all children together; one more and the supervisor gives
   * up. Default 3. Raise it with the number of children that may fail for a common cause; 0 gives up
   * at the first end that would mean a restart. A high value hides a crash loop.
   */
  readonly intensity?: number | undefined
  /** Length of the sliding window for `intensity`, in milliseconds. Default 5000. */
  readonly periodMs?: number | undefined
  /** Children to start before `start` resolves, in this order. Stopped in reverse. */
  readonly children?: readonly ChildSpec[] | undefined
  /**
   * Whether the supervisor ends itself with `'shutdown'` when significant children have ended for good:
   * `never` (default), with the first of them, or with the last.
   */
  readonly autoShutdown?: AutoShutdown | undefined
  /** Children at most, stopped ones included. Default 1,000,000; `startChild` beyond it is refused. */
  readonly childrenMax?: number | undefined
}

/** Where and how a supervisor runs. */
export interface SupervisorPlace {
  /** See `ServerOptions`. */
  readonly name?: string | Via | undefined
  /** See `ServerOptions`. */
  readonly system?: System | undefined
  /** See `ServerOptions`. */
  readonly parent?: Pid | undefined
  /** See `ServerOptions`. */
  readonly link?: boolean | undefined
  /** Gives up the start; what was started by then is stopped. */
  readonly signal?: AbortSignal | undefined
  /** See `ServerOptions`. */
  readonly mailboxMessagesMax?: number | undefined
}

/** How a supervisor is started. */
export interface SupervisorOptions extends SupervisorInit, SupervisorPlace {
  /**
   * What the supervisor is, worked out when it starts and again at each restart of it; wins over what is
   * given beside it. `IGNORE` means not to start (U-05). Synchronous: slow work belongs into a child.
   */
  readonly init?: (() => SupervisorInit | Ignore) | undefined
}

/** Checked options of a supervisor with what it starts with. */
export interface CheckedInit extends Filled<
  SupervisorInit,
  'strategy' | 'intensity' | 'periodMs' | 'children' | 'autoShutdown' | 'childrenMax'
> {
  readonly specs: readonly CheckedChildSpec[]
}

const anything: OptionCheck = { expected: 'a value', test: () => true }

/** Checks of {@link SupervisorPlace}. */
export const placeChecks: { readonly [K in keyof SupervisorPlace]-?: OptionCheck } = {
  name: optional(anything),
  system: optional(objectOption),
  parent: optional(anything),
  link: optional(anything),
  signal: optional(signalOption),
  mailboxMessagesMax: optional(anything),
}

/** Checks of what all supervisors share. */
export const limitChecks: {
  readonly [K in 'intensity' | 'periodMs' | 'childrenMax']: OptionCheck
} = {
  intensity: numberOption(0, 1_000_000),
  periodMs: numberOption(1, Infinity, true),
  childrenMax: numberOption(0, Number.MAX_SAFE_INTEGER),
}

const initDefaults: SupervisorInit = Object.freeze({
  strategy: 'one_for_one',
  intensity: 3,
  periodMs: 5000,
  children: [],
  autoShutdown: 'never',
  childrenMax: 1_000_000,
})

const initChecks: { readonly [K in keyof SupervisorInit]-?: OptionCheck } = {
  strategy: oneOfOption('one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'),
  ...limitChecks,
  children: { expected: 'a list of child specifications', test: Array.isArray },
  autoShutdown: oneOfOption('never', 'any_significant', 'all_significant'),
}

const supervisorChecks: { readonly [K in keyof SupervisorOptions]-?: OptionCheck } = {
  ...initChecks,
  ...placeChecks,
  init: optional(functionOption),
}

/** Options of a supervisor, and what it starts with unless `init` says so later. */
export function checkSupervisor(given: SupervisorOptions): {
  readonly options: Readonly<SupervisorOptions>
  readonly checked: CheckedInit
} {
  const where = 'Supervisor.start'
  const options = resolveOptions<SupervisorOptions>(where, initDefaults, supervisorChecks, given)
  return { options, checked: withSpecs(options as Omit<CheckedInit, 'specs'>) }
}

/** What `init` gave, over what was given beside it. */
export function checkInit(beside: CheckedInit, given: SupervisorInit): CheckedInit {
  const { strategy, intensity, periodMs, children, autoShutdown, childrenMax } = beside
  const defaults = { strategy, intensity, periodMs, children, autoShutdown, childrenMax }
  const options = resolveOptions<SupervisorInit>('init of Supervisor', defaults, initChecks, given)
  return withSpecs(options as Omit<CheckedInit, 'specs'>)
}

/** The checked specifications beside what they were made of. */
export function withSpecs(init: Omit<CheckedInit, 'specs'>): CheckedInit {
  const specs = checkChildSpecs(init.children, init.autoShutdown)
  return { ...init, specs }
}

/** Under simple_one_for_one there is exactly one specification, the template (U-62). */
export function templateOf({ specs }: CheckedInit): CheckedChildSpec {
  const [template] = specs
  if (specs.length === 1 && template !== undefined) return template
  throw new ChildSpecError(
    '?',
    'children',
    `'children' must hold exactly one template under simple_one_for_one, not ${specs.length}`,
  )
}

/** How the process of any supervisor is started: it traps exits and may take as long as its children. */
export function processOptions(place: SupervisorPlace): ServerOptions {
  const { name, system, parent, link, signal, mailboxMessagesMax } = place
  return {
    name,
    system,
    parent,
    link,
    signal,
    mailboxMessagesMax,
    mailboxPolicy: 'reject', // what it tells itself is a message too, and must not be let go
    trapExit: true,
    initTimeoutMs: Infinity,
  }
}
