/**
 * The state of one server process: the user's state and the little that the loop keeps beside it.
 * Small on purpose, because there may be a million of them.
 */
import type { Pid, Process, TimerRef } from '../../runtime/index.ts'
import type { Ref } from './contract.ts'

/**
 * A return-timeout; compared by identity, so an old one means nothing. It stays in the cell, cancelled,
 * while the message that cancelled it is handled: a message that is refused has not been there.
 */
export class ReturnTimeout {
  readonly timeoutMs: number
  pending = true
  timer: TimerRef | undefined = undefined
  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs
  }
}

/** What `process.state` of a server holds once its `init` is done. */
export class ServerCell {
  state: unknown
  readonly ref: Ref<unknown>
  /** The process whose EXIT means terminate. */
  parent: Pid | undefined
  timeout: ReturnTimeout | undefined = undefined

  constructor(state: unknown, ref: Ref<unknown>, parent: Pid | undefined) {
    this.state = state
    this.ref = ref
    this.parent = parent
  }
}

/** Makes `parent` the process whose EXIT ends this server, for children that were started unlinked. */
export function adopt(process: Process, parent: Pid): void {
  if (process.state instanceof ServerCell) process.state.parent ??= parent
}

/** Makes refs of one kind of server. */
export interface RefMaker {
  ref(pid: Pid): Ref<unknown>
}

/** The ref of a server from inside it; before `init` is done there is no cell to keep it. */
export function selfRef(process: Process, maker: RefMaker): Ref<unknown> {
  return process.state instanceof ServerCell ? process.state.ref : maker.ref(process.pid)
}

/** The user's state of a server process; for behaviours that work on it directly. */
export function serverState(process: Process): unknown {
  return process.state instanceof ServerCell ? process.state.state : undefined
}
