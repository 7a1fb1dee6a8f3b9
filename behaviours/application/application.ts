/**
 * Applications: trees of processes with a name, that need one another, have settings, and are started and
 * stopped as one. What a program's `main` calls is `runApplication` (application-run.ts).
 *
 * Follows OTP's application module: controller and one process per application, types of start, start
 * order, `prep_stop`. Differs: a failing `ensureAllStarted` stops what it began; results are rejections.
 */
import {
  ArgumentError,
  currentProcess,
  numberOption,
  objectOption,
  oneOfOption,
  OptionError,
  optional,
  resolveOptions,
  TIMER_DELAY_MS_MAX,
  type OptionCheck,
  type Pid,
  type System,
} from '../../runtime/index.ts'
import {
  controllerOf,
  loadedApplication,
  type ApplicationInfo,
  type StartAnswer,
  type StartRequest,
} from './application-controller.ts'
import {
  definitionOf,
  type AnyApplication,
  type ApplicationRoot,
  type ApplicationSpec,
  type ApplicationType,
} from './application-definition.ts'
import { ApplicationAlreadyRunningError } from './application-errors.ts'
import { startOrder } from './application-order.ts'
import { pickSystem, signalOption, type Filled, type RequestOptions } from '../server/gen.ts'

/** How an application is started. */
export interface ApplicationStartOptions<Env extends object = object> {
  /** What its end means for the others; default `temporary`, as in OTP: it is only reported. */
  readonly type?: ApplicationType | undefined
  /**
   * Settings in place of the defaults; as after `setEnv`, they stay for later starts. One that the
   * application does not have is refused.
   */
  readonly env?: Partial<Env> | undefined
  /**
   * How long `start` of one application may take, ms; default 30,000. Then its process is killed, and its
   * tree with it. Lower fails a deployment sooner. Infinity waits for ever, as OTP does.
   */
  readonly startTimeoutMs?: number | undefined
  /** Gives up the start. */
  readonly signal?: AbortSignal | undefined
  /** Where it runs. Default: the running process's system, else the default system. */
  readonly system?: System | undefined
}

type Checked = Filled<
  ApplicationStartOptions<Readonly<Record<string, unknown>>>,
  'type' | 'env' | 'startTimeoutMs'
>

const defaults: ApplicationStartOptions = Object.freeze({
  type: 'temporary',
  env: Object.freeze({}),
  startTimeoutMs: 30_000,
})

/** Milliseconds, or no limit. */
export const durationOption: OptionCheck = {
  expected: `milliseconds from 0 to ${TIMER_DELAY_MS_MAX}, or Infinity`,
  test: (v) => v === Infinity || numberOption(0, TIMER_DELAY_MS_MAX, true).test(v),
}

const checks: { readonly [K in keyof ApplicationStartOptions]-?: OptionCheck } = {
  type: oneOfOption('permanent', 'transient', 'temporary'),
  env: objectOption,
  startTimeoutMs: durationOption,
  signal: optional(signalOption),
  system: optional(objectOption),
}

/** What starting an application and all that it needs did. */
export interface EnsuredStart<R extends ApplicationRoot> {
  /** What the application's `start` gave. */
  readonly root: R
  /** Names of those that this request started, in order. */
  readonly started: readonly string[]
}

/** The functions of {@link Application}. All but `getEnv` wait as long as it takes, as in OTP. */
export interface ApplicationFunctions {
  /**
   * Starts one application; what it needs must run. Gives what its `start` gave.
   * Waits if it is stopping. `ERR_APPLICATION_RUNNING` if it runs, `ERR_APPLICATION_NOT_RUNNING` if something it needs does not.
   */
  start<Env extends object, R extends ApplicationRoot>(
    app: ApplicationSpec<Env, R>,
    options?: ApplicationStartOptions<NoInfer<Env>>,
  ): Promise<R>
  /**
   * Starts an application after all that it needs; what runs already stays as it is. If one does not
   * start, those that this request started are stopped again, in reverse order. `env` is for `app` alone.
   */
  ensureAllStarted<Env extends object, R extends ApplicationRoot>(
    app: ApplicationSpec<Env, R>,
    options?: ApplicationStartOptions<NoInfer<Env>>,
  ): Promise<EnsuredStart<R>>
  /** Stops an application: `prepStop`, its tree, `stop`. Nobody else stops because of it. */
  stop(app: AnyApplication | string, options?: RequestOptions): Promise<void>
  /** Stops all applications, the last started first. */
  stopAll(options?: RequestOptions): Promise<void>
  /** Makes an application known by its name without starting it. */
  load(app: AnyApplication, options?: RequestOptions): Promise<void>
  /** Those that start, run or stop, in start order. */
  which(options?: RequestOptions): Promise<readonly ApplicationInfo[]>
  /** A setting as it is now. */
  getEnv<Env extends object, K extends keyof Env>(
    app: ApplicationSpec<Env, ApplicationRoot>,
    key: K,
    options?: Pick<RequestOptions, 'system'>,
  ): Env[K]
  /** Changes settings; a running application sees them through `getEnv`. */
  setEnv<Env extends object>(
    app: ApplicationSpec<Env, ApplicationRoot>,
    env: Partial<NoInfer<Env>>,
    options?: RequestOptions,
  ): Promise<void>
}

/** An application that was started with all it needs; for those who run it to its end. */
export interface Begun {
  readonly answer: StartAnswer
  /** The process that knows the applications; its end is theirs. */
  readonly controller: Pid
}

/** As `ensureAllStarted`, without undoing what it did: `started` tells who runs by then. */
export async function beginAll(
  app: AnyApplication,
  given: ApplicationStartOptions,
  where: string,
  started: string[],
): Promise<Begun> {
  const options = check(where, given)
  const system = pickSystem(options)
  const from = currentProcess()?.pid // known now, before anything is awaited
  definitionOf(app)
  const order = startOrder(app, (name) => loadedApplication(system, name)?.app)
  const controller = await controllerOf(system)
  let answer: StartAnswer | undefined
  for (const one of order) {
    const request = requestOf(one, one === app ? options.env : {}, options)
    try {
      answer = await controller.call.start(request, { ...FOR_EVER, from })
      if (answer.began) started.push(one.name)
    } catch (error) {
      if (one === app || !(error instanceof ApplicationAlreadyRunningError)) throw error
    }
  }
  return { answer: answer as StartAnswer, controller: controller.pid }
}

const FOR_EVER = Object.freeze({ timeoutMs: Infinity })

function check(where: string, given: ApplicationStartOptions): Checked {
  return resolveOptions(where, defaults, checks, given) as Checked
}

function requestOf(
  app: AnyApplication,
  env: Readonly<Record<string, unknown>>,
  { type, startTimeoutMs, signal }: Checked,
): StartRequest {
  return { app, type, env, startTimeoutMs, signal }
}

async function start(app: AnyApplication, given: ApplicationStartOptions): Promise<never> {
  const options = check('Application.start', given)
  const from = currentProcess()?.pid
  const controller = await controllerOf(pickSystem(options))
  const request = requestOf(app, options.env, options)
  const { root } = await controller.call.start(request, { ...FOR_EVER, from })
  return root as never
}

async function ensureAllStarted(
  app: AnyApplication,
  given: ApplicationStartOptions,
): Promise<EnsuredStart<never>> {
  const system = pickSystem(given)
  const started: string[] = []
  try {
    const { answer } = await beginAll(app, given, 'Application.ensureAllStarted', started)
    return { root: answer.root as never, started }
  } catch (error) {
    if (error instanceof ApplicationAlreadyRunningError) {
      const root = loadedApplication(system, app.name)?.root
      if (root !== undefined) return { root: root as never, started }
    }
    for (const name of started.reverse()) {
      await Application.stop(name, { system }).catch(() => {})
    }
    throw error
  }
}

/** Asks the controller, in the system that the options or the running process mean. */
async function ask<T>(
  given: RequestOptions | undefined,
  request: (
    controller: Awaited<ReturnType<typeof controllerOf>>,
    options: RequestOptions,
  ) => Promise<T>,
): Promise<T> {
  const { system, ...options } = given ?? {}
  const from = currentProcess()?.pid // known now, before anything is awaited
  const controller = await controllerOf(pickSystem({ system }))
  return await request(controller, { ...FOR_EVER, from, ...options })
}

/**
 * Applications.
 *
 * @example
 * const Store = defineApplication({ name: 'store', start: () => Supervisor.startLink() })
 * const Web = defineApplication({
 *   name: 'web',
 *   applications: [Store],
 *   env: { port: 8080 },
 *   start: () => Supervisor.startLink(),
 * })
 * const { started } = await Application.ensureAllStarted(Web, { env: { port: 9090 } })
 * assert.deepEqual(started, ['store', 'web'])
 * assert.equal(Application.getEnv(Web, 'port'), 9090)
 * await Application.stopAll()
 * assert.deepEqual(await Application.which(), [])
 * await defaultSystem().stop() // the process that knows the applications ends with the system
 */
export const Application: ApplicationFunctions = Object.freeze<ApplicationFunctions>({
  start: (app, options = {}) => start(app, options),
  ensureAllStarted: (app, options = {}) => ensureAllStarted(app, options),
  stop: (app, options) =>
    ask(options, (controller, rest) => {
      const name = typeof app === 'string' ? app : definitionOf(app).name
      return controller.call.stop(name, rest)
    }),
  stopAll: (options) =>
    ask(options, (controller, rest) => controller.call.stopAll(undefined, rest)),
  load: (app, options) => ask(options, (controller, rest) => controller.call.load(app, rest)),
  which: (options) => ask(options, (controller, rest) => controller.call.which(undefined, rest)),
  getEnv: (app, key, options = {}) => {
    definitionOf(app)
    const loaded = loadedApplication(pickSystem(options), app.name)
    const env = loaded?.app === app ? loaded.env : app.env
    if (!Object.hasOwn(env, key)) {
      const text = `application '${app.name}' has no setting '${String(key)}'`
      throw new OptionError('ERR_OPTION_UNKNOWN', String(key), text)
    }
    return (env as typeof app.env)[key]
  },
  setEnv: (app, env, options) =>
    ask(options, (controller, rest) => {
      if (!objectOption.test(env)) throw new ArgumentError('env', 'an object of settings', env)
      return controller.call.setEnv({ app, env }, rest)
    }),
})
