/**
 * Which process an operation of `sys` means. All of them are for processes of this program only: what `sys`
 * shows and changes does not travel.
 */
import {
  CallExitError,
  homeOf,
  objectOption,
  optional,
  type OptionCheck,
  type Process,
  type System,
} from '../../runtime/index.ts'
import {
  resolveTarget,
  signalOption,
  systemOf,
  timeoutOption,
  type ProcessTarget,
} from '../server/gen.ts'
import { SysRemoteError } from './sys-errors.ts'

/** Where a name is looked up. */
export interface SysOptions {
  /** Default: the running process's system, else the default system. */
  readonly system?: System | undefined
}

/** How long an operation waits for its process. */
export interface SysRequestOptions extends SysOptions {
  /** Rejects with `ERR_CALL_TIMEOUT` after this; default the system's `callTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  /** Rejects with `ERR_CALL_ABORTED` when aborted. */
  readonly signal?: AbortSignal | undefined
}

/** Checks of {@link SysOptions}. */
export const sysChecks: { readonly [K in keyof SysOptions]-?: OptionCheck } = {
  system: optional(objectOption),
}

/** Checks of {@link SysRequestOptions}. */
export const sysRequestChecks: { readonly [K in keyof SysRequestOptions]-?: OptionCheck } = {
  ...sysChecks,
  timeoutMs: optional(timeoutOption),
  signal: optional(signalOption),
}

/** The live local process of `target`; throws `ERR_CALL_EXIT` (noproc) or `ERR_SYS_REMOTE`. */
export function processAt(target: ProcessTarget, operation: string, options: SysOptions): Process {
  const pid = resolveTarget(target, options.system ?? systemOf(target))
  const home = pid === undefined ? undefined : homeOf(pid)
  const process = pid === undefined ? undefined : home?.process(pid)
  if (process !== undefined) return process
  if (pid !== undefined && pid.node !== home?.node) throw new SysRemoteError(operation, pid)
  const server = pid ?? (typeof target === 'string' ? target : labelOf(target))
  throw new CallExitError({ server, request: operation }, 'noproc')
}

function labelOf(target: object): string {
  return 'via' in target ? (target as { readonly via: { readonly label: string } }).via.label : '?'
}
