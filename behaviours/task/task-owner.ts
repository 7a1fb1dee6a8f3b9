/**
 * To whom a task belongs. In a handler before its first `await` that is known; after one, and in callbacks of
 * others, nobody knows which process runs, and `{ owner: ctx }` says it. Without an owner a task is linked
 * to nobody and anybody may wait for it.
 */
import {
  ArgumentError,
  currentProcess,
  homeOf,
  isPid,
  type OptionCheck,
  type Pid,
  type System,
} from '../../runtime/index.ts'
import { pickSystem } from '../server/gen.ts'
import { TaskRemoteError } from './task-errors.ts'

const OWNER_EXPECTED = 'a pid, a ref or a context'

/** A process: its pid, a ref, or the `ctx` of one of its handlers. */
export type TaskOwner = Pid | { readonly pid: Pid } | { readonly self: Pid | { readonly pid: Pid } }

/** A {@link TaskOwner}, as far as can be seen before it is used. */
export const ownerOption: OptionCheck = {
  expected: OWNER_EXPECTED,
  test: (v) => typeof v === 'object' && v !== null,
}

/** For whom something is done, and where. */
export interface Owned {
  readonly system: System
  readonly owner: Pid | undefined
}

/** The owner that `options` or the running process mean, and its system. */
export function ownedBy(options: {
  readonly owner?: TaskOwner | undefined
  readonly system?: System | undefined
}): Owned {
  const { owner: given, system } = options
  if (given === undefined) {
    const running = currentProcess()
    const own = running !== undefined && (system ?? running.system) === running.system
    return { system: pickSystem(options), owner: own ? running.pid : undefined }
  }
  const owner = ownerPid(given)
  const home = homeOf(owner)
  if (owner.node !== home.node) throw new TaskRemoteError(owner)
  if (system !== undefined && system !== home) {
    throw new ArgumentError('system', 'the system of the owner', system.node)
  }
  return { system: home, owner }
}

function ownerPid(given: TaskOwner): Pid {
  if (isPid(given)) return given
  const inner = 'self' in given ? given.self : given.pid
  const pid = isPid(inner) ? inner : inner?.pid
  if (!isPid(pid)) throw new ArgumentError('owner', OWNER_EXPECTED, given)
  return pid
}
