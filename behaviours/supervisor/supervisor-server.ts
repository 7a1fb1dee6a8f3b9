/**
 * The process of a supervisor: what it does with each request, for children with ids (`Supervised`) and for
 * those of one template (`DynamicChildren`), which `strategy` decides when it starts.
 */
import { isPid, type Pid } from '../../runtime/index.ts'
import { checkChildSpec, type CheckedChildSpec, type ChildStarted } from './child-spec.ts'
import { DynamicChildren } from './dynamic-supervisor-children.ts'
import { BadReturnError } from '../server/server-errors.ts'
import {
  ChildLimitError,
  ChildNotFoundError,
  ChildRequestError,
  ChildRunningError,
} from './supervisor-errors.ts'
import { implementAs, type InitResult, type Maybe, type Server } from '../server/gen-server.ts'
import { RestartIntensity } from './restart-intensity.ts'
import { IGNORE, Ignore, reply, stop, type Stop } from '../server/results.ts'
import { processOf, type Ctx } from '../server/server-context.ts'
import {
  answer,
  refuse,
  superviseInfo,
  supervisionDoor,
  type Answer,
} from './supervised-messages.ts'
import { Supervised, type Child } from './supervised.ts'
import {
  childCounts,
  SupervisorContract,
  type ChildInfo,
  type SupervisorApi,
} from './supervisor-contract.ts'
import {
  checkInit,
  templateOf,
  type CheckedInit,
  type SupervisorInit,
  type SupervisorOptions,
} from './supervisor-options.ts'

/** What the process of a supervisor starts with. */
export interface SupervisorArg {
  readonly checked: CheckedInit
  readonly init: SupervisorOptions['init']
}

type State = Supervised | DynamicChildren

/** The server behind `Supervisor`. */
export const supervisorServer: Server<SupervisorApi, SupervisorArg> = implementAs<
  SupervisorApi,
  SupervisorArg,
  State
>(
  SupervisorContract,
  {
    init: initialize,
    call: {
      startChild: (state, input, ctx) => attempt(state, ctx, () => startChild(state, input, ctx)),
      terminateChild: (state, child, ctx) =>
        attempt(state, ctx, () => terminateChild(state, child)),
      restartChild: (state, id, ctx) => attempt(state, ctx, () => restartChild(state, id, ctx)),
      deleteChild: (state, id, ctx) => attempt(state, ctx, () => deleteChild(state, id)),
      whichChildren: (state) => reply(childrenList(state), state),
      countChildren: (state) => reply(childCounts(childrenList(state)), state),
    },
    cast: {},
    info: superviseInfo,
    terminate: (_reason, state) => state.stopAll(),
  },
  supervisionDoor('supervisor'),
)

function initialize(
  { checked, init }: SupervisorArg,
  ctx: Ctx<never, SupervisorApi>,
): Maybe<InitResult<State>> {
  if (init === undefined) return startFirst(checked, ctx)
  const given: SupervisorInit | Ignore = init()
  if (given instanceof Ignore) return IGNORE
  if (typeof given !== 'object' || given === null || given instanceof Promise) {
    return stop(new BadReturnError('init of Supervisor', given))
  }
  return startFirst(checkInit(checked, given), ctx)
}

function startFirst(init: CheckedInit, ctx: Ctx<never, SupervisorApi>): Maybe<State | Stop<never>> {
  const { strategy, autoShutdown, childrenMax, specs } = init
  const intensity = new RestartIntensity(init)
  const process = processOf(ctx)
  if (strategy === 'simple_one_for_one') {
    const template = templateOf(init)
    const rules = { intensity, childrenMax, firstArgs: template.args, autoShutdown }
    return new DynamicChildren(process, rules, template)
  }
  const state = new Supervised(process, { strategy, autoShutdown, childrenMax, intensity })
  if (specs.length > childrenMax) return stop(new ChildLimitError(state.label, childrenMax))
  return startSpecs(state, specs)
}

/** Starts the first children of `state`, or gives why the supervisor cannot start. */
export async function startSpecs(
  state: Supervised,
  specs: readonly CheckedChildSpec[],
): Promise<Supervised | Stop<never>> {
  const failed = await state.startAll(specs)
  if (failed === undefined) return state
  return stop({ shutdown: { failedToStartChild: failed.childId, reason: failed.reason } })
}

/** Runs a request; what it throws is the caller's failure and nobody else's. */
async function attempt<R>(
  state: State,
  ctx: Ctx<R>,
  fn: () => Maybe<Answer<R, State>>,
): Promise<Answer<R, State>> {
  try {
    return await fn()
  } catch (error) {
    return refuse(state, ctx as Ctx<never, never>, error)
  }
}

async function startChild(
  state: State,
  given: unknown,
  ctx: Ctx<ChildStarted>,
): Promise<Answer<ChildStarted, State>> {
  if (state instanceof DynamicChildren) {
    if (!Array.isArray(given)) {
      throw new ChildRequestError(state.label, 'startChild takes a list of arguments here')
    }
    return answer<State>(state, ctx, await state.startChild(templateFrom(state), given))
  }
  if (Array.isArray(given)) {
    throw new ChildRequestError(state.label, 'startChild takes a child specification here')
  }
  const child = state.admit(checkChildSpec(given as never, state.rules.autoShutdown))
  try {
    return answer<State>(state, ctx, await state.start(child))
  } catch (error) {
    state.children.delete(child.id)
    throw error
  }
}

function templateFrom(state: DynamicChildren): CheckedChildSpec {
  return state.template as CheckedChildSpec
}

async function terminateChild(state: State, given: string | Pid): Promise<Answer<void, State>> {
  if (state instanceof DynamicChildren) {
    if (!isPid(given)) throw byId(state)
    // One that is dead already is none of a foreign process's (U-63).
    const isForeign = !(await state.terminate(given)) && state.isAlive(given)
    if (isForeign) throw new ChildNotFoundError(state.label, String(given))
    return reply(undefined, state)
  }
  const child = state.child(given as string)
  await state.stop(child)
  if (child.restart === 'temporary') state.children.delete(child.id)
  return reply(undefined, state)
}

async function restartChild(
  state: State,
  id: string,
  ctx: Ctx<ChildStarted>,
): Promise<Answer<ChildStarted, State>> {
  const child = stoppedChild(state, id)
  return answer<State>(state, ctx, await (state as Supervised).start(child))
}

function deleteChild(state: State, id: string): Answer<void, State> {
  const child = stoppedChild(state, id)
  ;(state as Supervised).children.delete(child.id)
  return reply(undefined, state)
}

/** The child `id` if it neither runs nor is about to. */
function stoppedChild(state: State, id: string): Child {
  if (state instanceof DynamicChildren) throw byId(state)
  const child = state.child(id)
  if (child.active) throw new ChildRunningError(state.label, id, child.restarting)
  return child
}

function byId({ label }: State): ChildRequestError {
  return new ChildRequestError(
    label,
    'children of simple_one_for_one have no ids: terminateChild takes a pid, the others do not exist',
  )
}

/** Newest first, as in OTP (U-03). */
function childrenList(state: State): ChildInfo[] {
  const children: Iterable<{ readonly info: ChildInfo }> =
    state instanceof DynamicChildren ? state.values() : state.children.values()
  return Array.from(children, ({ info }) => info).reverse()
}
