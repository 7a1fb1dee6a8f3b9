/**
 * Agents: a value in a process, and functions that read and change it there. Elixir's Agent, on the server
 * loop; cases.
 *
 * Invariants:
 * - Functions run one at a time, in the order in which they came, an asynchronous one to its end.
 * - One that throws ends the agent: the value may be half changed. Who asked gets `ERR_CALL_EXIT` with the
 *   error as `reason`.
 * - Functions do not travel, so an agent of another node is refused with `ERR_AGENT_REMOTE`. A peer that sends
 *   something that is no function is refused too, without a crash.
 */
import {
  ArgumentError,
  formatPid,
  functionOption,
  homeOf,
  isPid,
  isThenable,
  objectOption,
  optional,
  resolveOptions,
  type Call,
  type ExitReason,
  type Message,
  type OptionCheck,
  type Pid,
  type System,
  type Target,
} from '../../runtime/index.ts'
import { AgentRemoteError } from './agent-errors.ts'
import type { ChildSpec } from '../supervisor/child-spec.ts'
import { bareRef, type Ref } from '../server/contract.ts'
import { BadReturnError, CallInputError } from '../server/server-errors.ts'
import {
  addressOf,
  pickSystem,
  pidOption,
  resolveTarget,
  signalOption,
  startProcess,
  stopProcess,
  timeoutOption,
  type ProcessTarget,
  type ServerOptions,
  type StopOptions,
} from '../server/gen.ts'
import { childSpec, type ChildOptions, type Maybe } from '../server/gen-server.ts'
import type { NamedCallOptions, NamedServer } from '../server/message-server.ts'
import { NoReply, noreply, Ok, reply } from '../server/results.ts'
import type { ServerContext } from '../server/server-context.ts'
import { REFUSED, refuseCall, ServerLoop, type ServerModule } from '../server/server-loop.ts'

/** A running agent, with the type of its value for the compiler. */
export interface AgentRef<in out S> {
  readonly pid: Pid
  /** For the compiler only. */
  readonly '~state'?: (state: S) => S
}

/** An agent as callers name it; by a name nothing is known of its value, so annotate the function. */
export type AgentTarget<S> = AgentRef<S> | NamedServer

/** The functions of {@link Agent}. */
export interface AgentFunctions {
  /** Starts an agent; resolves when the first value is there. */
  start<S>(init: () => Maybe<S>, options?: ServerOptions): Promise<AgentRef<S>>
  start<S>(init: S extends Function ? never : S, options?: ServerOptions): Promise<AgentRef<S>>
  /** As `start`, linked to `options.parent` or else the running process. */
  startLink<S>(init: () => Maybe<S>, options?: ServerOptions): Promise<AgentRef<S>>
  startLink<S>(init: S extends Function ? never : S, options?: ServerOptions): Promise<AgentRef<S>>
  /** A child specification; restarts begin again with `init`. */
  child<S>(init: () => Maybe<S>, options?: ChildOptions): ChildSpec<AgentRef<S>>
  child<S>(init: S extends Function ? never : S, options?: ChildOptions): ChildSpec<AgentRef<S>>
  /** What `fn` makes of the value. The value itself is not copied: treat it as immutable. */
  get<S, R>(
    agent: AgentTarget<S>,
    fn: (state: S) => R,
    options?: NamedCallOptions,
  ): Promise<Awaited<R>>
  /** Puts in what `fn` makes of the value; resolves when it is in. */
  update<S>(
    agent: AgentTarget<S>,
    fn: (state: S) => Maybe<NoInfer<S>>,
    options?: NamedCallOptions,
  ): Promise<void>
  /** Both: `fn` gives `[reply, newValue]`. */
  getAndUpdate<S, R>(
    agent: AgentTarget<S>,
    fn: (state: S) => Maybe<readonly [reply: R, state: NoInfer<S>]>,
    options?: NamedCallOptions,
  ): Promise<R>
  /** As `update`, without waiting; false when it was refused on this side. */
  cast<S>(
    agent: AgentTarget<S>,
    fn: (state: S) => Maybe<NoInfer<S>>,
    options?: CastOptions,
  ): boolean
  /** Stops the agent behind what is queued, and waits until it is dead. */
  stop(agent: ProcessTarget, reason?: ExitReason, options?: StopOptions): Promise<void>
}

type AnyFunction = (state: unknown) => unknown
type AnyTarget = { readonly pid: Pid } | NamedServer

interface CastOptions {
  /** Where a name is looked up. Default: the running process's system, else the default system. */
  readonly system?: System | undefined
}

const castChecks: { readonly [K in keyof CastOptions]-?: OptionCheck } = {
  system: optional(objectOption),
}
const callChecks: { readonly [K in keyof NamedCallOptions]-?: OptionCheck } = {
  ...castChecks,
  timeoutMs: optional(timeoutOption),
  signal: optional(signalOption),
  from: optional(pidOption),
}

/** The protocol's name; it has no contract, because its messages are functions. */
const AGENT = 'fovea.agent/1'

/**
 * Shared values.
 *
 * @example
 * const scores = await Agent.start(() => new Map<string, number>())
 * await Agent.update(scores, (map) => new Map(map).set('ada', 3))
 * assert.equal(await Agent.get(scores, (map) => map.get('ada')), 3)
 * assert.equal(await Agent.getAndUpdate(scores, (map) => [map.size, new Map()]), 1)
 * await Agent.stop(scores)
 */
export const Agent: AgentFunctions = Object.freeze<AgentFunctions>({
  start,
  startLink: (init: unknown, options?: ServerOptions) => start(init, { ...options, link: true }),
  child,
  get: (agent, fn, options) => ask(agent, 'get', fn, options),
  update: (agent, fn, options) => ask(agent, 'update', fn, options),
  getAndUpdate: (agent, fn, options) => ask(agent, 'getAndUpdate', fn, options),
  cast: (agent, fn, given) => {
    const options = resolveOptions<CastOptions>('Agent.cast', {}, castChecks, given)
    const { system, target } = checked(agent, fn, options)
    return system.cast(target, 'update', fn)
  },
  stop: (agent, reason, options) => stopProcess(agent, reason, options),
})

function start<S>(init: unknown, options?: ServerOptions): Promise<AgentRef<S>> {
  return startProcess<AgentRef<S>>(agentLoop, init, options)
}

function child<S>(init: unknown, given: ChildOptions = {}): ChildSpec<AgentRef<S>> {
  const { id = 'agent', options, ...rest } = given
  return childSpec<AgentRef<S>>(id, rest, ({ system, parent }) =>
    start(init, { ...options, system, parent, link: true }),
  )
}

async function ask<R>(
  agent: AnyTarget,
  name: 'get' | 'update' | 'getAndUpdate',
  fn: unknown,
  given?: NamedCallOptions,
): Promise<R> {
  const options = resolveOptions<NamedCallOptions>(`Agent.${name}`, {}, callChecks, given)
  const { system, target } = checked(agent, fn, options)
  return system.call(target, name, fn, options) as Promise<R>
}

/** Where to send to; throws for an agent on another node. */
function checked(
  agent: AnyTarget,
  fn: unknown,
  options: CastOptions,
): { readonly system: System; readonly target: Target } {
  if (!functionOption.test(fn)) throw new ArgumentError('fn', functionOption.expected, fn)
  const target = addressOf(agent)
  const system = isPid(target) ? homeOf(target) : pickSystem(options)
  const pid = resolveTarget(target, system)
  if (pid !== undefined && pid.node !== system.node) throw new AgentRemoteError(pid)
  return { system, target }
}

class AgentModule implements ServerModule {
  readonly label: string = 'agent'
  readonly door: ServerModule['door'] = { behaviour: 'agent' }
  // As in Elixir, an agent has no use for messages.
  readonly info: ServerModule['info'] = (state) => noreply(state)
  readonly continue: undefined = undefined
  readonly terminate: undefined = undefined
  readonly shorthand: undefined = undefined

  ref(pid: Pid): Ref<unknown> {
    return bareRef(pid, AGENT)
  }

  init(init: unknown): unknown {
    return mapped(typeof init === 'function' ? (init as () => unknown)() : init, (state) => {
      return new Ok(state, undefined)
    })
  }

  call(state: unknown, call: Call): unknown {
    const { name, input } = call
    if (name !== 'get' && name !== 'update' && name !== 'getAndUpdate') {
      return refuseCall(call, AGENT, false)
    }
    if (typeof input !== 'function') {
      call.fail(new CallInputError(AGENT, name, ['a function']))
      return REFUSED
    }
    const made = (input as AnyFunction)(state)
    if (name === 'get') return mapped(made, (value) => reply(value, state))
    if (name === 'update') return mapped(made, (next) => reply(undefined, next))
    return mapped(made, (pair) => {
      if (Array.isArray(pair) && pair.length === 2) return reply(pair[0], pair[1])
      throw new BadReturnError('the function of getAndUpdate', pair)
    })
  }

  cast(state: unknown, { name, value }: Message, ctx: ServerContext): unknown {
    if (name !== 'update' || typeof value !== 'function') {
      const process = formatPid(ctx.process.pid)
      ctx.system.logger.warn({ process, label: this.label, cast: name }, 'cast refused')
      return REFUSED
    }
    return mapped((value as AnyFunction)(state), (next) => new NoReply(next, undefined))
  }
}

/** `then` of a value that may be there already; a thenable of others may know only half of it. */
function mapped(made: unknown, map: (value: unknown) => unknown): unknown {
  return isThenable(made) ? Promise.resolve(made).then(map) : map(made)
}

const agentLoop = new ServerLoop(new AgentModule())
