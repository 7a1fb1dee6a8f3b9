/**
 * `GlobalRegistry`: names of processes that the whole cluster knows, as OTP's `global`, with noex's functions. Every node
 * has all names in its own memory, so a look-up never waits. A registration waits until all connected nodes know it.
 */
import { isRef, type Contract, type GenServerRef, type Ref } from '../../behaviours/index.ts'
import { isPid, type Pid, type Via } from '../../runtime/index.ts'
import type { NodeTarget } from '../node-directory.ts'
import type { GlobalRegistryEvent, GlobalRegistryEvents } from './events.ts'
import type { RegisterOptions, SyncOptions } from './options.ts'
import type { GlobalEntry } from './resolver.ts'

/** What can have a global name: a process of any node. */
export type Nameable = Pid | Ref<never> | GenServerRef

/** A registration that is through. */
export interface Registered {
  /** Fencing token of a strict registration: higher than that of everybody who had the name before. */
  readonly token: number | undefined
}

/** Numbers of the names that a node knows. */
export interface GlobalRegistryStats {
  /** Names that somebody has. */
  readonly names: number
  /** Those of processes of this node. */
  readonly own: number
  /** Registrations of this node that wait for others. */
  readonly pending: number
  /** Names that more than one process claims at this moment. */
  readonly contested: number
  /** Bytes of the names of this node with what goes with them; at most `ownBytesMax`. */
  readonly ownBytes: number
  /** Of those of all other nodes; at most `namesBytesMax`. */
  readonly knownBytes: number
}

/** The functions of `GlobalRegistry` for one node. */
export interface GlobalRegistryFunctions {
  /**
   * Gives a process a name; resolves when all connected nodes know it (GL-15). Rejects with `ERR_GLOBAL_NAME_TAKEN`
   * if somebody has it, or was faster. A process may have several names (deviation from GL-13). The name goes with the
   * process.
   *
   * @example
   * await node.globalRegistry.register('leader', leader)
   */
  register(name: string, target: Nameable, options?: RegisterOptions): Promise<Registered>
  /** The same, whoever has the name; who had it lives on without (GL-05). */
  reRegister(name: string, target: Nameable, options?: RegisterOptions): Promise<Registered>
  /** Takes the name back, wherever its process is; nothing if nobody has it. Then this node knows that it is free. */
  unregister(name: string, options?: SyncOptions): Promise<void>
  /** Who has the name, if anybody; from this node's memory. */
  whereis<P = unknown>(name: string, contract?: Contract<P>): Ref<P> | undefined
  /** The same; throws `GlobalNameNotFoundError` if nobody has it. */
  lookup<P = unknown>(name: string, contract?: Contract<P>): Ref<P>
  isRegistered(name: string): boolean
  /** Sends a message to who has the name and gives its pid; throws `GlobalNameNotFoundError` (GL-02). */
  send(name: string, message: unknown): Pid
  /** The name as a target (`{ via }`) or as the `name` of a process that starts. */
  via(name: string): Via
  getNames(): string[]
  getEntriesForNode(node: NodeTarget): GlobalEntry[]
  /** Names that are known. */
  count(): number
  getStats(): GlobalRegistryStats
  /** Resolves when all names that connected nodes have told up to now are known here (GL-16). */
  sync(options?: SyncOptions): Promise<void>
  /** Calls `handler` for an event; gives the way to stop. */
  on<E extends GlobalRegistryEvent>(event: E, handler: GlobalRegistryEvents[E]): () => void
}

/** The pid and the contract of what is to be named; no pid of what is no process. */
export function facesOf(target: Nameable): {
  readonly pid: Pid | undefined
  readonly contract: string | undefined
} {
  if (isRef(target)) return { pid: target.pid, contract: target.contract }
  if (isPid(target)) return { pid: target, contract: undefined }
  const pid = (target as Partial<GenServerRef> | null | undefined)?.pid
  return { pid: isPid(pid) ? pid : undefined, contract: undefined }
}
