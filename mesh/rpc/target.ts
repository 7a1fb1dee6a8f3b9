/** What an advertisement serves calls with: the function that was given, or one that calls the process that was given. */
import { isRef } from '../../behaviours/index.ts'
import { isPid } from '../../runtime/index.ts'
import type { Pid, System } from '../../runtime/index.ts'
import { RpcError } from './errors.ts'
import type { CallContext, RpcHandler, RpcRequest } from './rpc.ts'

/** A handler, and the process that it needs. */
export interface ResolvedTarget {
  readonly handler: RpcHandler
  readonly pid: Pid | undefined
}

/** Throws `ERR_RPC_PROCEDURE_INVALID` for what cannot serve calls. */
export function resolveTarget(
  system: System,
  target: unknown,
  method: string | undefined,
): ResolvedTarget {
  if (typeof target === 'function') return { handler: target as RpcHandler, pid: undefined }
  if (isPid(target)) return { handler: asking(system, target), pid: target }
  const { pid } = (target ?? {}) as { readonly pid?: unknown }
  if (!isPid(pid)) {
    const expected = 'a function, a pid or a ref'
    throw new RpcError('ERR_RPC_PROCEDURE_INVALID', `what serves a procedure must be ${expected}`)
  }
  const isNamed = isRef(target) && (target.contract !== undefined || hasCalls(target))
  return { handler: isNamed ? calling(system, pid, method) : asking(system, pid), pid }
}

/** A process without contract: one message for all procedures. */
function asking(system: System, pid: Pid): RpcHandler {
  return (input, context) => {
    const { procedure, caller, deadlineMs } = context
    const request: RpcRequest = { type: 'rpc', procedure, input, caller, deadlineMs }
    return system.call(pid, undefined, request, optionsOf(context))
  }
}

function calling(system: System, pid: Pid, method: string | undefined): RpcHandler {
  return (input, context) => {
    const { procedure } = context
    const name = method ?? procedure.slice(procedure.lastIndexOf('.') + 1)
    return system.call(pid, name, input, optionsOf(context))
  }
}

function optionsOf({ deadlineMs, signal }: CallContext): {
  readonly timeoutMs: number
  readonly signal: AbortSignal
} {
  return { timeoutMs: deadlineMs, signal }
}

/** A ref without a contract has none. */
function hasCalls(ref: { readonly call: object }): boolean {
  for (const name in ref.call) if (name.length > 0) return true
  return false
}
