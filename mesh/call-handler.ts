/**
 * Calls what an application gave to be told of events. It is nobody's process while it runs: what it advertises or calls
 * must not end with the process that happened to tell. What it throws, or its promise rejects with, is not an error of
 * whoever tells.
 */
import { asNobody, isThenable } from '../runtime/index.ts'

/** Never throws; `failed` is told what the handler throws or rejects with. */
export function callHandler(call: () => unknown, failed: (error: unknown) => void): void {
  try {
    const given = asNobody(call)
    if (isThenable(given)) Promise.resolve(given).catch(failed)
  } catch (error) {
    failed(error)
  }
}
