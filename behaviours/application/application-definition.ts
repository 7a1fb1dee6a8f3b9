/**
 * What an application is: a name, the applications it needs, its environment, and how its tree of
 * processes is started and stopped. Follows the `application` behaviour and the `.app` file of OTP.
 *
 * Differs: what `start` gives is the application's state too (OTP gives `{ok, Pid, State}`), so it may carry
 * more than a pid; a dependency is the definition itself, or a name that is loaded.
 */
import {
  ArgumentError,
  functionOption,
  objectOption,
  resolveOptions,
  type OptionCheck,
  type Pid,
  type System,
} from '../../runtime/index.ts'
import { HandlerMissingError } from '../server/server-errors.ts'
import type { Maybe } from '../server/gen-server.ts'

/** What becomes of the others when an application ends by itself. */
export type ApplicationType =
  /** Its end, whatever the reason, ends all applications and the system. */
  | 'permanent'
  /** The same, unless the reason is `'normal'`. */
  | 'transient'
  /** It is reported. */
  | 'temporary'

/** What `start` gets. */
export interface ApplicationCtx<Env> {
  readonly system: System
  /** The application's own process; what `start` gives is linked to it. */
  readonly parent: Pid
  readonly name: string
  readonly type: ApplicationType
  /** The environment as it is at the start: defaults, what was set, what `start` was given. */
  readonly env: Readonly<Env>
  /** Aborted when the application has ended, or its start is given up. */
  readonly signal: AbortSignal
}

/** What `start` gives: the root supervisor's ref, or anything else with a pid. */
export type ApplicationRoot = { readonly pid: Pid }

/** An application as it is written. */
export interface ApplicationDefinition<Env extends object, R extends ApplicationRoot> {
  /** Unique in a system. */
  readonly name: string
  /** What must run before it: definitions, or names of loaded ones. */
  readonly applications?: readonly (AnyApplication | string)[]
  /** Its settings and their defaults; others are refused. */
  readonly env?: Env
  /** Starts the tree. Gives its root, and with it whatever `prepStop` and `stop` need. */
  readonly start: (ctx: ApplicationCtx<Env>) => Maybe<R>
  /** Before the tree is stopped: take no more work, let the work in hand end. Not if the tree ended itself. */
  readonly prepStop?: (root: R) => Maybe<void>
  /** After the tree has ended, for whatever reason. */
  readonly stop?: (root: R) => Maybe<void>
}

/** An application that can be started; made by {@link defineApplication}. */
export interface ApplicationSpec<Env extends object, R extends ApplicationRoot> {
  readonly name: string
  readonly applications: readonly (AnyApplication | string)[]
  readonly env: Readonly<Env>
  readonly '~root'?: R
}

/** Any application. */
export type AnyApplication = ApplicationSpec<object, ApplicationRoot>

type AnyDefinition = ApplicationDefinition<object, ApplicationRoot>

class DefinedApplication implements AnyApplication {
  readonly name: string
  readonly applications: readonly (AnyApplication | string)[]
  readonly env: Readonly<object>
  readonly definition: AnyDefinition

  constructor(definition: AnyDefinition) {
    this.name = definition.name
    this.applications = Object.freeze([...(definition.applications ?? [])])
    this.env = Object.freeze({ ...definition.env })
    this.definition = definition
  }
}

const checks: {
  readonly [K in keyof ApplicationDefinition<object, ApplicationRoot>]-?: OptionCheck
} = {
  name: { expected: 'a string', test: () => true },
  applications: {
    expected: 'a list of applications, or of names of loaded ones',
    test: (v) => Array.isArray(v),
  },
  env: objectOption,
  start: functionOption,
  prepStop: functionOption,
  stop: functionOption,
}

/**
 * Defines an application.
 *
 * @example
 * const Counter = defineServer({
 *   init: (start: number) => start,
 *   call: { next: (n) => reply(n, n + 1) },
 *   cast: {},
 * })
 * const Counting = defineApplication({
 *   name: 'counting',
 *   env: { first: 1 },
 *   start: ({ env }) =>
 *     Supervisor.startLink({
 *       children: [Counter.child(env.first, { id: 'counter', options: { name: 'counter' } })],
 *     }),
 * })
 * await Application.start(Counting, { env: { first: 5 } })
 * assert.equal(Application.getEnv(Counting, 'first'), 5)
 * await Application.stop(Counting)
 * await defaultSystem().stop()
 */
export function defineApplication<
  Env extends object = {},
  R extends ApplicationRoot = ApplicationRoot,
>(definition: ApplicationDefinition<Env, R>): ApplicationSpec<Env, R> {
  const {
    name,
    start,
    applications = [],
  } = resolveOptions<Partial<typeof definition>>('defineApplication', {}, checks, definition)
  if (typeof name !== 'string' || name === '') {
    throw new ArgumentError('name', 'a string that is not empty', name)
  }
  if (start === undefined) throw new HandlerMissingError(name, 'start')
  for (const one of applications) {
    if (typeof one !== 'string') definitionOf(one)
  }
  return new DefinedApplication(definition as unknown as AnyDefinition) as ApplicationSpec<Env, R>
}

/** What `app` was defined with. */
export function definitionOf(app: AnyApplication): AnyDefinition {
  if (app instanceof DefinedApplication) return app.definition
  throw new ArgumentError('application', 'what defineApplication gives', app)
}
