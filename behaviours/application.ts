/**
 * Applications: trees of processes with a name, that need one another, have settings, and are started and
 * stopped as one. What a program's `main` calls is `runApplication` (application-run.ts).
 *
 * Follows OTP's application module: controller and one process per application, types of start, start
 * order, `prep_stop`. Differs: a failing `ensureAllStarted` stops what it began; results are rejections.
 */
import {
  currentProcess,
  numberOption,
  objectOption,
  oneOfOption,
  OptionError,
  optional,
  resolveOptions,
  TIMER_DELAY_MS_MAX,
  type OptionCheck,
  type System,
} from '../runtime/index.ts'
import {
  controllerOf,
  loadedApplication,
  type ApplicationInfo,
  type StartAnswer,
  type StartRequest,
} from './application-controller.ts'
import type {
  AnyApplication,
  ApplicationRoot,
  ApplicationSpec,
  ApplicationType,
} from './application-definition.ts'
import { ApplicationAlreadyRunningError } from './application-errors.ts'
import { startOrder } from './application-order.ts'
import { pickSystem, signalOption, type Filled, type RequestOptions } from './gen.ts'

/** How an application is started. */
export interface ApplicationStartOptions<Env extends object = object> {
  /** What its end means for the others; default `temporary`, as in OTP: it is only reported. */
  readonly type?: ApplicationType | undefined
  /** Settings in place of the defaults. One that the application does not have is refused. */
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
   * `ERR_APPLICATION_RUNNING` if it runs, `ERR_APPLICATION_NOT_RUNNING` if something it needs does not.
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

/** Starts one application and tells when it has ended; for those who run it to its end. */
export interface Begun {
  readonly answer: StartAnswer
  readonly started: readonly string[]
}

/** As `ensureAllStarted`, with what only this layer may see. */
export async function beginAll(
  app: AnyApplication,
  given: ApplicationStartOptions,
  where: string,
): Promise<Begun> {
  const options = check(where, given)
  const system = pickSystem(options)
  const from = currentProcess()?.pid // known now, before anything is awaited
  const order = startOrder(app, (name) => loadedApplication(system, name)?.app)
  const controller = await controllerOf(system)
  const started: string[] = []
  let answer: StartAnswer | undefined
  for (const one of order) {
    const env = one === app ? options.env : {}
    try {
      answer = await controller.call.start(requestOf(one, env, options), {
        ...FOR_EVER,
        from,
      })
      if (answer.began) started.push(one.name)
    } catch (error) {
      const runs = error instanceof ApplicationAlreadyRunningError && one !== app
      if (runs) continue
      for (const name of started.reverse()) {
        await controller.call.stop(name, FOR_EVER).catch(() => {})
      }
      throw error
    }
  }
  return { answer: answer as StartAnswer, started }
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
  try {
    const { answer, started } = await beginAll(app, given, 'Application.ensureAllStarted')
    return { root: answer.root as never, started }
  } catch (error) {
    if (!(error instanceof ApplicationAlreadyRunningError)) throw error
    const root = loadedApplication(system, app.name)?.root
    if (root === undefined) throw error
    return { root: root as never, started: [] }
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
    ask(options, (controller, rest) =>
      controller.call.stop(typeof app === 'string' ? app : app.name, rest),
    ),
  stopAll: (options) =>
    ask(options, (controller, rest) => controller.call.stopAll(undefined, rest)),
  load: (app, options) => ask(options, (controller, rest) => controller.call.load(app, rest)),
  which: (options) => ask(options, (controller, rest) => controller.call.which(undefined, rest)),
  getEnv: (app, key, options = {}) => {
    const env = loadedApplication(pickSystem(options), app.name)?.env ?? app.env
    if (!Object.hasOwn(env, key)) {
      const text = `application '${app.name}' has no setting '${String(key)}'`
      throw new OptionError('ERR_OPTION_UNKNOWN', String(key), text)
    }
    return (env as typeof app.env)[key]
  },
  setEnv: (app, env, options) =>
    ask(options, (controller, rest) => controller.call.setEnv({ app, env }, rest)),
})
