/**
 * `RemoteMonitor`: a callback when a process ends or its node is lost, for code outside processes. A
 * process uses `ctx.monitor(ref)` and gets DOWN in its mailbox; both work for local and remote alike.
 *
 * The callback runs once, with the exit reason as OTP has it (`'normal'`, `'noproc'`, `'noconnection'`,
 * the server's own); noex wraps reasons in `{ type }`. After a lost connection a monitor is spent: it does
 * not come back when the node does.
 */
import type { GenServerRef, Ref } from '../behaviours/index.ts'
import { ArgumentError, isPid, type ExitReason, type Pid, type System } from '../runtime/index.ts'
import type { DistGate } from './gate.ts'
import type { NodeDirectory } from './node-directory.ts'
import type { NamedTarget } from './remote-call.ts'

/** What can be monitored. */
export type MonitorableTarget = Pid | Ref<never> | Ref<unknown> | GenServerRef | NamedTarget

/** How to monitor. */
export interface RemoteMonitorOptions {
  /** Stops monitoring when aborted. */
  readonly signal?: AbortSignal | undefined
}

/** A monitor. */
export interface RemoteMonitoring<T> {
  /** What is monitored. */
  readonly ref: T
  /** Stops it; the callback is not called any more. Idempotent. */
  unsubscribe(): void
}

/** The functions of `RemoteMonitor`. */
export interface RemoteMonitorFunctions {
  /** Calls `callback` once, never from inside `monitor`. */
  monitor<T extends MonitorableTarget>(
    target: T,
    callback: (ref: T, reason: ExitReason) => void,
    options?: RemoteMonitorOptions,
  ): RemoteMonitoring<T>
}

/** What `RemoteMonitor` needs of its node. */
export interface RemoteMonitorParts {
  readonly system: System
  readonly gate: DistGate
  readonly directory: NodeDirectory
}

/** The functions for one node. */
export function remoteMonitorFunctions(parts: RemoteMonitorParts): RemoteMonitorFunctions {
  return Object.freeze({
    monitor<T extends MonitorableTarget>(
      target: T,
      callback: (ref: T, reason: ExitReason) => void,
      options: RemoteMonitorOptions = {},
    ): RemoteMonitoring<T> {
      const { signal } = options
      if (typeof callback !== 'function')
        throw new ArgumentError('callback', 'a function', callback)
      let over = signal?.aborted === true
      let stop: () => void = () => {}
      const unsubscribe = (): void => {
        over = true
        signal?.removeEventListener('abort', unsubscribe)
        stop()
      }
      const fire = (reason: ExitReason): void => {
        if (over) return
        over = true
        signal?.removeEventListener('abort', unsubscribe)
        callback(target, reason)
      }
      if (!over) {
        stop = watch(parts, target, fire)
        signal?.addEventListener('abort', unsubscribe, { once: true })
      }
      return Object.freeze({ ref: target, unsubscribe })
    },
  })
}

/** Calls `fire` at the end of `target`; gives the way to stop. */
function watch(
  { system, gate, directory }: RemoteMonitorParts,
  target: MonitorableTarget,
  fire: (reason: ExitReason) => void,
): () => void {
  if (isPid(target)) return system.watch(target, fire)
  const isObject = typeof target === 'object' && target !== null
  if (isObject && 'pid' in target && isPid(target.pid)) return system.watch(target.pid, fire)
  if (!isObject || !('name' in target) || typeof target.name !== 'string') {
    throw new ArgumentError('target', 'a pid, a ref or { name, node }', target)
  }
  const keyHex = directory.keyOf(target.node)
  const found =
    keyHex === undefined
      ? undefined
      : keyHex === directory.ownKeyHex
        ? system.whereis(target.name)
        : gate.namedPid(keyHex, target.name)
  if (found !== undefined) return system.watch(found, fire)
  const reason = keyHex === undefined ? 'noconnection' : 'noproc'
  system.clock.microtask(() => fire(reason))
  return () => {}
}
