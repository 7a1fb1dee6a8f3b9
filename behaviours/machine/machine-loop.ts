/**
 * The program of a machine: mailbox items become events of the xstate actor, one at a time, and its snapshot
 * decides what becomes of the process.
 *
 * | the machine | the process |
 * |---|---|
 * | is done | answers `done()` and who waited for that state, exits `normal` |
 * | fails: an action, guard or unhandled actor threw | exits with what was thrown; nothing is reported globally |
 * | is stopped from inside | exits `normal` |
 * | the process ends, however | the actor, its children and their promises are stopped |
 *
 * Invariants: xstate runs only in turns of its {@link MachineHost}; a query (`can`, `matches`, a predicate) that
 * throws fails its caller and not the machine.
 */
import {
  formatPid,
  ItemKind,
  pidEquals,
  reasonOfThrown,
  type Call,
  type ExitReason,
  type Message,
  type Pid,
  type Process,
  type Program,
  type ProgramDebug,
  type StopRequest,
} from '../../runtime/index.ts'
import { ArgumentError, isPid } from '../../runtime/index.ts'
import type { Contract } from '../server/contract.ts'
import { Starting, STOP_NAME } from '../server/gen.ts'
import { MachineCell, stateOf, type CellLimits } from './machine-cell.ts'
import { MachineEventError } from './machine-errors.ts'
import { MachineHost, type Actor, type PersistedDelay } from './machine-host.ts'
import type { MachineEventLike, MachineSnapshotLike } from './machine-types.ts'
import type { Info } from '../server/server-context.ts'
import { downInfo, refuseCall, timerInfo } from '../server/server-loop.ts'

/** One machine with its options, as the program needs it. */
export interface MachineModule extends CellLimits {
  readonly contract: Contract<unknown>
  readonly actorsMax: number
  /** Types of events that the machine knows; undefined if it takes any. */
  readonly knows: ((type: string) => boolean) | undefined
  readonly info: ((info: Info) => MachineEventLike | undefined) | undefined
  /** Makes the actor, with pending delays if it resumes. Throws what the start fails with. */
  create(process: Process, host: MachineHost, input: unknown): CreatedActor
}

/** See {@link MachineModule.create}. */
export interface CreatedActor {
  readonly actor: Actor
  readonly delays: readonly PersistedDelay[]
}

const QUERIES: Readonly<Record<string, (snapshot: MachineSnapshotLike, input: never) => unknown>> =
  {
    state: (snapshot) => stateOf(snapshot),
    getSnapshot: (snapshot) => snapshot,
    matches: (snapshot, value) => snapshot.matches(value),
  }

/** The program of every process of one machine. */
export class MachineLoop implements Program {
  readonly label: string
  readonly debug: ProgramDebug = machineDebug
  readonly #module: MachineModule

  constructor(module: MachineModule) {
    this.label = `xstate ${module.contract.name}`
    this.#module = module
  }

  handle(process: Process, item: Message | Call): void {
    if (item.kind === ItemKind.init) {
      this.#init(process)
      return
    }
    const cell = process.state as MachineCell
    switch (item.kind) {
      case ItemKind.call:
        return this.#call(process, cell, item)
      case ItemKind.cast:
        return this.#cast(process, cell, item)
      case ItemKind.stop:
        return process.exit((item.value as StopRequest).reason)
      case ItemKind.exit:
        if (cell.parent !== undefined && pidEquals(item.from as Pid, cell.parent)) {
          return process.exit(item.value)
        }
        return this.#info(process, cell, {
          type: 'exit',
          from: item.from as Pid,
          reason: item.value,
        })
      case ItemKind.down:
        if (cell.dropSubscriber(item)) return undefined
        return this.#info(process, cell, downInfo(item))
      case ItemKind.timer:
        return this.#info(process, cell, timerInfo(item))
      default:
        if (cell.host.owns(item)) return this.#turn(process, cell, () => cell.host.deliver(item))
        return this.#info(process, cell, { type: 'message', message: item.value })
    }
  }

  /** Whatever ended it: nothing of xstate is left running. */
  onExit(process: Process, reason: ExitReason): void {
    const { state } = process
    if (state instanceof MachineCell) this.#dispose(process, state)
    else if (state instanceof Starting) state.fail(process, reason)
  }

  // --- start

  #init(process: Process): void {
    const starting = process.state as Starting
    const { contract, actorsMax } = this.#module
    const host = new MachineHost(process, actorsMax)
    let cell: MachineCell | undefined
    try {
      host.turn(() => {
        const { actor, delays } = this.#module.create(process, host, starting.arg)
        cell = new MachineCell(process, contract.at(process.pid), actor, host, this.#module)
        this.#observe(cell)
        actor.start()
        if (actor.getSnapshot().status === 'active') host.resume(delays)
      })
    } catch (thrown) {
      process.exit(reasonOfThrown(thrown))
    }
    if (cell === undefined) return
    const { failure } = host
    if (!process.alive || failure !== undefined) {
      // Still `Starting`, so that the start fails with the reason.
      this.#dispose(process, cell)
      if (failure !== undefined) process.exit(reasonOfThrown(failure.error))
      return
    }
    process.state = cell
    starting.succeed(process, cell.ref)
    this.#settle(process, cell)
  }

  #observe(cell: MachineCell): void {
    let last = cell.actor.getSnapshot()
    cell.actor.subscribe({
      next: (snapshot) => {
        if (snapshot === last) return
        last = snapshot as MachineSnapshotLike
        cell.stepped(last)
      },
      error: (error) => cell.host.fail(error),
    })
  }

  // --- messages

  #call(process: Process, cell: MachineCell, call: Call): void {
    const { name, input } = call
    const query = name !== undefined && Object.hasOwn(QUERIES, name) ? QUERIES[name] : undefined
    if (query === undefined) return this.#request(process, cell, call)
    try {
      call.reply(query(cell.actor.getSnapshot(), input as never))
    } catch (error) {
      call.fail(error)
    }
  }

  #request(process: Process, cell: MachineCell, call: Call): void {
    const { name, input } = call
    try {
      switch (name) {
        case 'send':
          return this.#send(process, cell, call)
        case 'can':
          call.reply(cell.actor.getSnapshot().can(this.#valid(input) as never))
          return
        case 'waitFor':
          return cell.wait(call, untilOf(input))
        case 'done':
          return cell.wait(call, undefined)
        case 'getPersistedSnapshot':
          call.reply(persistedOf(cell))
          return
        case 'subscribe':
          call.reply(cell.subscribe(subscriberOf(call)))
          return
        case 'unsubscribe':
          call.reply(cell.unsubscribe(subscriberOf(call)))
          return
        default:
          refuseCall(call, this.#module.contract.name, false)
      }
    } catch (error) {
      call.fail(error)
    }
  }

  #send(process: Process, cell: MachineCell, call: Call): void {
    const { actor } = cell
    const event = this.#admit(call.input)
    const before = actor.getSnapshot()
    this.#turn(
      process,
      cell,
      () => actor.send(event),
      () => {
        const snapshot = actor.getSnapshot()
        call.reply({ ...stateOf(snapshot), changed: snapshot !== before })
      },
    )
  }

  #cast(process: Process, cell: MachineCell, item: Message): void {
    if (item.name === STOP_NAME) return process.exit(item.value)
    if (item.name !== 'send') return this.#warn(process, 'cast refused', { cast: item.name })
    let event: MachineEventLike
    try {
      event = this.#admit(item.value)
    } catch (error) {
      return this.#warn(process, 'event refused', { error })
    }
    this.#turn(process, cell, () => cell.actor.send(event))
  }

  #info(process: Process, cell: MachineCell, info: Info): void {
    const { info: toEvent } = this.#module
    if (toEvent === undefined) {
      return this.#warn(process, 'message dropped: the machine has no `info`', { type: info.type })
    }
    let event: MachineEventLike | undefined
    try {
      const given = toEvent(info)
      event = given === undefined ? undefined : this.#admit(given)
    } catch (thrown) {
      return process.exit(reasonOfThrown(thrown))
    }
    if (event === undefined) return undefined
    const admitted = event
    return this.#turn(process, cell, () => cell.actor.send(admitted))
  }

  /** The event, if the machine may have it. */
  #admit(given: unknown): MachineEventLike {
    const { contract, knows } = this.#module
    const event = this.#valid(given)
    if (knows?.(event.type) === false) {
      throw new MachineEventError('ERR_MACHINE_EVENT_UNKNOWN', contract.name, event)
    }
    return event
  }

  /** The event, if it is one. */
  #valid(event: unknown): MachineEventLike {
    const type = (event as { readonly type?: unknown } | null | undefined)?.type
    if (typeof type !== 'string' || type === '' || type === '*' || type.startsWith('xstate.')) {
      throw new MachineEventError('ERR_MACHINE_EVENT_INVALID', this.#module.contract.name, event)
    }
    return event as MachineEventLike
  }

  // --- turns

  /** Lets xstate run, then looks at what came of it. `reply` is for who asked, before an end. */
  #turn(process: Process, cell: MachineCell, fn: () => void, reply?: () => void): void {
    try {
      cell.host.turn(fn)
    } catch (thrown) {
      cell.host.fail(thrown)
    }
    const { failure } = cell.host
    if (!process.alive) this.#dispose(process, cell)
    else if (failure === undefined) {
      reply?.()
      this.#settle(process, cell)
    } else process.exit(reasonOfThrown(failure.error))
  }

  #settle(process: Process, cell: MachineCell): void {
    if (cell.actor.getSnapshot().status !== 'active') process.exit('normal')
  }

  #dispose(process: Process, cell: MachineCell): void {
    cell.host.dispose((error) =>
      this.#warn(process, 'an actor failed while it was stopped', { error }),
    )
  }

  #warn(process: Process, text: string, fields: Readonly<Record<string, unknown>>): void {
    const { pid, system } = process
    system.logger.warn({ process: formatPid(pid), label: this.label, ...fields }, text)
  }
}

function untilOf(input: unknown): (snapshot: MachineSnapshotLike) => boolean {
  if (typeof input === 'function') {
    return (snapshot) => (input as (state: unknown) => unknown)(stateOf(snapshot)) === true
  }
  if (typeof input !== 'string' && (typeof input !== 'object' || input === null)) {
    throw new ArgumentError('until', 'a state value or a predicate', input)
  }
  return (snapshot) => snapshot.matches(input as never)
}

function subscriberOf({ input, from }: Call): Pid {
  const pid = input ?? from
  if (!isPid(pid)) throw new ArgumentError('to', 'a pid, where the caller is not known', input)
  return pid
}

/** The key under which the machine's own delays are persisted; xstate does not look at it. */
export const DELAYS_KEY = 'delays'

function persistedOf(cell: MachineCell): object {
  const persisted = cell.actor.getPersistedSnapshot() as object
  return { ...persisted, [DELAYS_KEY]: cell.host.persist() }
}

/** The door of `sys`: the state is xstate's snapshot, and only events change it. */
const machineDebug: ProgramDebug = Object.freeze({
  behaviour: 'xstate',
  getState: ({ state }: Process) =>
    state instanceof MachineCell ? state.actor.getSnapshot() : undefined,
  replaceState: (process: Process): never => {
    throw new ArgumentError('process', 'one whose state can be replaced', process.label)
  },
  status: ({ state }: Process) => {
    if (!(state instanceof MachineCell)) return { initializing: true }
    const { value, status } = state.actor.getSnapshot()
    const { actors, delays } = state.host
    return { value, status, actors, delays, waiters: state.waiters, subscribers: state.subscribers }
  },
  parent: (process: Process) =>
    process.state instanceof MachineCell ? process.state.parent : process.parent,
})
