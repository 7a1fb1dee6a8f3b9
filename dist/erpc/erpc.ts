/**
 * Calls of functions that a node has registered by name, as `erpc` of OTP 23 and later, without code that
 * travels: a caller names a function, the node decides what it is.
 *
 *     node.erpc.register('disk_free', (path: string) => free(path))          there
 *     await node.erpc.call('a@10.0.0.7:4433', 'disk_free', ['/var'])          here
 *
 * Invariants:
 * - A call settles once, with the value or an `ErpcError` that says whose failure it was (RP-01 to RP-07).
 * - What comes after the deadline goes nowhere (RP-05), and the function runs on whatever becomes of the
 *   caller (RP-13).
 * - Nothing is called twice: a call that was lost with its link may or may not have run.
 */
import {
  ArgumentError,
  CallAbortedError,
  CallExitError,
  CallTimeoutError,
  ownPromise,
} from '../../runtime/index.ts'
import { checkNode, type NodeTarget } from '../node-directory.ts'
import type { DistFeature, DistParts } from '../parts.ts'
import type { PeerOrigin } from '../peer-services.ts'
import { ErpcError, failureOf, type ErpcCallNames, type ErpcFailure } from './errors.ts'
import {
  FunctionTable,
  FUNCTION_NAME_CHARS_MAX,
  RegisteredFunction,
  type ErpcCounts,
  type ErpcFunction,
} from './function-table.ts'
import {
  resolveCallOptions,
  resolveErpcOptions,
  resolveRegisterOptions,
  type ErpcCallOptions,
  type ErpcOptions,
  type ErpcRegisterOptions,
} from './options.ts'
import { ErpcRequest } from './requests.ts'
import { ErpcRunner, type ErpcOutcome } from './runner.ts'

/** What one node of a `multicall` gave. */
export type ErpcNodeResult<R = unknown> =
  | { readonly node: NodeTarget; readonly type: 'reply'; readonly value: R }
  | { readonly node: NodeTarget; readonly type: 'error'; readonly error: unknown }

/** The functions of `Erpc` for one node. */
export interface ErpcFunctions {
  /**
   * Lets other nodes, and this one, call `run` by name, if the realm grants them `erpc`. Gives the way to
   * take it back.
   */
  register(name: string, run: ErpcFunction, options?: ErpcRegisterOptions): () => void
  /** Forgets a function; what was accepted is finished. False if there is none. */
  unregister(name: string): boolean
  /** Names of the functions of this node. */
  names(): string[]
  /** The value that the function gives there, or an {@link ErpcError}. */
  call<R = unknown>(
    node: NodeTarget,
    name: string,
    args: readonly unknown[],
    options?: ErpcCallOptions,
  ): Promise<R>
  /** Tells and does not wait. Says nothing of a node or function that is not there (RP-08). */
  cast(node: NodeTarget, name: string, args: readonly unknown[]): void
  /** Asks all nodes at once, with one deadline; never rejects for a node. Results in the order given. */
  multicall<R = unknown>(
    nodes: readonly NodeTarget[],
    name: string,
    args: readonly unknown[],
    options?: ErpcCallOptions,
  ): Promise<readonly ErpcNodeResult<R>[]>
  /** A call whose response is taken later. It has no deadline of its own. */
  sendRequest<R = unknown>(node: NodeTarget, name: string, args: readonly unknown[]): ErpcRequest<R>
  /** What runs and waits on this node. */
  stats(): ErpcCounts
}

const SERVICE = '$erpc'

/** The part of one node. */
export function createErpc(
  parts: DistParts,
  options: Partial<ErpcOptions> | undefined,
): DistFeature<ErpcFunctions> {
  const table = new FunctionTable(resolveErpcOptions(options))
  const runner = new ErpcRunner(parts.system, table)
  const caller = new ErpcCaller(parts)
  const close = parts.services.open(SERVICE, {
    action: 'erpc',
    call: async ({ keyHex }, _name, input, signal) => {
      const { name, args } = requestOf(input)
      const outcome = await runner.run(name, args, signal)
      if ('class' in outcome && outcome.class === 'erpc') {
        parts.refusals.count(outcome.code, { peer: keyHex })
      }
      return wireOf(outcome)
    },
    cast: (origin, _name, input) => {
      const { name, args } = requestOf(input)
      void runner.run(name, args).then((outcome) => logFailure(parts, origin, name, outcome))
    },
  })
  return {
    functions: Object.freeze<ErpcFunctions>({
      register: (name, run, given) =>
        table.add(new RegisteredFunction(name, run, resolveRegisterOptions(given))),
      unregister: (name) => table.remove(name),
      names: () => table.names(),
      call: async <R>(
        node: NodeTarget,
        name: string,
        args: readonly unknown[],
        given?: ErpcCallOptions,
      ) => {
        const { timeoutMs, signal } = resolveCallOptions('Erpc.call', given)
        return (await caller.call(checked(node, name, args), timeoutMs, signal)) as R
      },
      cast: (node, name, args) => caller.cast(checked(node, name, args)),
      multicall: (nodes, name, args, given) => caller.multicall(nodes, name, args, given),
      sendRequest: <R>(node: NodeTarget, name: string, args: readonly unknown[]) =>
        caller.sendRequest<R>(checked(node, name, args)),
      stats: () => table.counts,
    }),
    child: runner.child(),
    close,
  }
}

/** One call before it goes out. */
interface ErpcCall {
  readonly node: NodeTarget
  readonly name: string
  readonly args: readonly unknown[]
}

/** The asking half. */
class ErpcCaller {
  readonly #parts: DistParts

  constructor(parts: DistParts) {
    this.#parts = parts
  }

  async call(call: ErpcCall, timeoutMs: number, signal: AbortSignal | undefined): Promise<unknown> {
    const { directory } = this.#parts
    const keyHex = directory.keyOf(call.node)
    const nodeId = keyHex === undefined ? String(call.node) : directory.nameOf(keyHex)
    const names: ErpcCallNames = { functionName: call.name, nodeId }
    if (keyHex === undefined) throw unreachable(names)
    let answer: unknown
    try {
      answer = await this.#ask(keyHex, call, timeoutMs, signal)
    } catch (error) {
      throw translated(error, names, timeoutMs)
    }
    const outcome = outcomeOf(answer)
    if ('value' in outcome) return outcome.value
    throw failureOf(names, outcome)
  }

  cast({ node, name, args }: ErpcCall): void {
    const { directory, peers } = this.#parts
    const keyHex = directory.keyOf(node)
    if (keyHex !== undefined) peers.cast(keyHex, SERVICE, 'run', [name, args])
  }

  async multicall<R>(
    nodes: readonly NodeTarget[],
    name: string,
    args: readonly unknown[],
    given: ErpcCallOptions | undefined,
  ): Promise<readonly ErpcNodeResult<R>[]> {
    const { timeoutMs, signal } = resolveCallOptions('Erpc.multicall', given)
    if (!Array.isArray(nodes)) throw new ArgumentError('nodes', 'a list of nodes', nodes)
    const calls = nodes.map((node: NodeTarget) => checked(node, name, args))
    return Promise.all(
      calls.map(async (call): Promise<ErpcNodeResult<R>> => {
        const { node } = call
        try {
          const value = (await this.call(call, timeoutMs, signal)) as R
          return { node, type: 'reply', value }
        } catch (error) {
          return { node, type: 'error', error }
        }
      }),
    )
  }

  sendRequest<R>(call: ErpcCall): ErpcRequest<R> {
    const abort = new AbortController()
    const answer = this.call(call, Infinity, abort.signal)
    return new ErpcRequest<R>(this.#parts.system, answer, () => abort.abort('abandoned'))
  }

  /** The runtime has the deadline of what travels; a call of this node needs one of its own. */
  #ask(
    keyHex: string,
    { name, args }: ErpcCall,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const { directory, peers, system } = this.#parts
    if (keyHex !== directory.ownKeyHex) {
      return peers.call(keyHex, SERVICE, 'run', [name, args], { timeoutMs, signal })
    }
    const call = { server: SERVICE, request: name }
    const abort = new AbortController()
    return ownPromise((resolve, reject) => {
      const timer =
        timeoutMs === Infinity
          ? undefined
          : system.clock.setTimer(timeoutMs, () => end(new CallTimeoutError(call, timeoutMs)))
      const release =
        signal === undefined
          ? (): void => {}
          : system.onAbort(signal, (cause) => end(new CallAbortedError(call, cause)))
      const end = (error: unknown): void => {
        timer?.cancel()
        release()
        abort.abort('cancelled')
        reject(error)
      }
      peers.call(keyHex, SERVICE, 'run', [name, args], { signal: abort.signal }).then((answer) => {
        timer?.cancel()
        release()
        resolve(answer)
      }, end)
    })
  }
}

/** RP-09: what cannot be a call is the caller's mistake, and never leaves it. */
function checked(node: NodeTarget, name: string, args: readonly unknown[]): ErpcCall {
  checkNode(node)
  if (typeof name !== 'string' || name === '' || name.length > FUNCTION_NAME_CHARS_MAX) {
    const expected = `a name of 1 to ${FUNCTION_NAME_CHARS_MAX} characters`
    throw new ArgumentError('name', expected, name)
  }
  if (!Array.isArray(args)) throw new ArgumentError('args', 'a list of arguments', args)
  return { node, name, args }
}

/** A request of a peer. */
function requestOf(input: unknown): { readonly name: string; readonly args: readonly unknown[] } {
  const [name, args] = Array.isArray(input) ? (input as readonly unknown[]) : []
  if (typeof name !== 'string' || !Array.isArray(args)) {
    throw new ArgumentError('input', 'a name and arguments', input)
  }
  return { name, args }
}

/** `[class, value]`; `value` is the class of a call that worked. */
function wireOf(outcome: ErpcOutcome): readonly [string, unknown] {
  if ('value' in outcome) return ['value', outcome.value]
  if (outcome.class === 'erpc') return ['erpc', outcome.code]
  return [outcome.class, outcome.class === 'error' ? outcome.error : outcome.reason]
}

/** An answer of a peer. */
function outcomeOf(answer: unknown): ErpcOutcome {
  const [kind, value] = Array.isArray(answer) ? (answer as readonly unknown[]) : []
  switch (kind) {
    case 'value':
      return { value }
    case 'error':
      return { class: kind, error: value }
    case 'throw':
    case 'exit':
    case 'signal':
      return { class: kind, reason: value }
    case 'erpc':
      return { class: kind, code: typeof value === 'string' ? value : 'ERR_ERPC_REFUSED' }
    default:
      return { class: 'erpc', code: 'ERR_ERPC_REFUSED' }
  }
}

function unreachable(names: ErpcCallNames, cause?: unknown): ErpcError {
  const failed = { ...names, class: 'erpc' as const }
  return new ErpcError('ERR_ERPC_NOCONNECTION', failed, 'is not reachable', { cause })
}

/** A failure of the way there and back. */
function translated(error: unknown, names: ErpcCallNames, timeoutMs: number): unknown {
  const failed = { ...names, class: 'erpc' as const }
  if (error instanceof CallTimeoutError) {
    const what = `did not answer within ${timeoutMs} ms`
    return new ErpcError('ERR_ERPC_TIMEOUT', failed, what, { cause: error })
  }
  if (error instanceof CallExitError && error.reason === 'noproc') {
    const what = 'cannot be called: its node takes no such calls'
    return new ErpcError('ERR_ERPC_NOTSUP', failed, what, { cause: error })
  }
  if (error instanceof CallExitError) return unreachable(names, error)
  if ((error as { readonly code?: unknown }).code === 'ERR_PEER_DENIED') {
    return new ErpcError('ERR_ERPC_DENIED', failed, 'is not granted', { cause: error })
  }
  return error
}

/** A cast has nobody who waits: its failure is told where it happened. */
function logFailure(
  { logger, refusals, directory }: DistParts,
  { keyHex }: PeerOrigin,
  name: string,
  outcome: ErpcOutcome,
): void {
  if ('value' in outcome) return
  const nodeId = directory.nameOf(directory.ownKeyHex)
  const error = failureOf({ functionName: name, nodeId }, outcome satisfies ErpcFailure)
  refusals.count(error.code, { peer: keyHex })
  logger.warn({ err: error, code: error.code, peer: keyHex }, 'a function that was cast failed')
}
