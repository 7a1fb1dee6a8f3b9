/**
 * What an xstate machine is to us, as types: small interfaces that every `createMachine(...)` and
 * `setup(...).createMachine(...)` of xstate 5 fits, and what can be read from one. No type of xstate is named,
 * so a user's compiler needs xstate only where the user imports it.
 */
import type { Pid } from '../../runtime/index.ts'
import type { Server } from '../server/gen-server.ts'

/** What every event is. */
export interface MachineEventLike {
  readonly type: string
}

/** What every snapshot of a machine is. */
export interface MachineSnapshotLike {
  readonly status: 'active' | 'done' | 'error' | 'stopped'
  readonly value: unknown
  readonly context: unknown
  readonly output: unknown
  readonly error: unknown
  readonly tags: ReadonlySet<string>
  readonly matches: (value: never) => boolean
  readonly can: (event: never) => boolean
}

/** A machine of xstate 5. */
export interface MachineLike {
  readonly id: string
  getInitialSnapshot(scope: never, input?: never): MachineSnapshotLike
  transition(snapshot: never, event: never, scope: never): MachineSnapshotLike
  restoreSnapshot(snapshot: never, scope: never): MachineSnapshotLike
}

/** The snapshots of a machine. */
export type MachineSnapshot<M> = M extends {
  getInitialSnapshot(scope: never, input?: never): infer S
}
  ? S
  : never

/** The events of a machine. */
export type MachineEvent<M> = M extends {
  transition(snapshot: never, event: infer E, scope: never): unknown
}
  ? E
  : never

/** The context of a machine. */
export type MachineContext<M> = MachineSnapshot<M> extends { context: infer C } ? C : never

/** The state values of a machine: `'green'`, `{ red: 'walk' }`. */
export type MachineValue<M> = MachineSnapshot<M> extends { value: infer V } ? V : never

/** A state value or a part of one, as `matches` takes it. */
export type MachineMatch<M> =
  MachineSnapshot<M> extends { matches: (value: infer V) => boolean } ? V : never

/** The tags of a machine's states. */
export type MachineTag<M> =
  MachineSnapshot<M> extends { hasTag: (tag: infer T) => boolean } ? T : never

/** What a machine has to give in its final state. */
export type MachineOutput<M> =
  Extract<MachineSnapshot<M>, { readonly status: 'done' }> extends { output: infer O } ? O : never

/** What a machine is started with; `void` among it if it may be started with nothing. */
export type MachineInput<M> = M extends {
  getInitialSnapshot(scope: never, input?: infer I): unknown
}
  ? unknown extends I
    ? {} | null | void
    : {} extends I
      ? I | void
      : I
  : never

/** A machine's state as it can be sent anywhere: what a snapshot says, without its functions. */
export interface MachineState<M> {
  readonly status: 'active' | 'done' | 'error' | 'stopped'
  readonly value: MachineValue<M>
  /** By reference, as xstate has it. */
  readonly context: MachineContext<M>
  readonly tags: readonly MachineTag<M>[]
  /** Of a machine that is done. */
  readonly output: MachineOutput<M> | undefined
}

/** The state after an event. */
export interface MachineStep<M> extends MachineState<M> {
  /** Whether a transition was taken, also one without a target. */
  readonly changed: boolean
}

/** What a subscriber gets at every transition, as a plain message. */
export interface MachineTransition<M = MachineLike> extends MachineState<M> {
  readonly type: 'machine_transition'
  readonly machine: Pid
}

/** What callers can do with a machine. */
export interface MachineApi<M> {
  call: {
    state(): MachineState<M>
    /** xstate's own snapshot, with its functions: cannot be sent to another node. */
    getSnapshot(): MachineSnapshot<M>
    /** Gives an event to the machine and answers with the state after it, whatever else it brought about. */
    send(event: MachineEvent<M>): MachineStep<M>
    /** Whether the event would take a transition now. */
    can(event: MachineEvent<M>): boolean
    matches(value: MachineMatch<M>): boolean
    /** Answers when the machine is in a state of that value, or one that the predicate accepts; perhaps at once. */
    waitFor(until: MachineMatch<M> | ((state: MachineState<M>) => boolean)): MachineState<M>
    /** Answers with the output when the machine has reached its final state. */
    done(): MachineOutput<M>
    /** What `MachineOptions.snapshot` takes to resume from here, with the machine's own pending delays. */
    getPersistedSnapshot(): unknown
    /** Sends every transition to `to`, by default the caller, as {@link MachineTransition}. Ends with either of them. */
    subscribe(to?: Pid): void
    /** False if it was not subscribed. */
    unsubscribe(to?: Pid): boolean
  }
  cast: {
    send(event: MachineEvent<M>): void
  }
}

/** A machine that can be started as a process, called and supervised. */
export type MachineServer<M> = Server<MachineApi<M>, MachineInput<M>>
