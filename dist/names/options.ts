/** Dials and limits of global names, and options of single registrations: defaults and checks. */
import {
  functionOption,
  numberOption,
  objectOption,
  oneOfOption,
  optional,
  resolveOptions,
  type OptionCheck,
} from '../../runtime/index.ts'
import { presenceSettings, type PresenceSettings } from '../../mesh/index.ts'
import type { NameResolver } from './resolver.ts'

/** Options of a node for its global names: `startNode({ names })`. */
export interface NamesOptions {
  /** Bytes of a name. Default 256, at most 1,024; `ERR_GLOBAL_NAME_INVALID`. All nodes alike. */
  readonly nameBytesMax: number
  /** Names of processes of this node. Default 1,000,000; `ERR_GLOBAL_NAMES_MAX`. About 700 bytes each. */
  readonly ownNamesMax: number
  /**
   * Names of one other node that are known here. Default 1,000,000, then they are left out and counted,
   * `ERR_PRESENCE_REMOTE_MAX`. A node can make others hold that many.
   */
  readonly nodeNamesMax: number
  /** Names of all other nodes. Default 4,000,000; as above. */
  readonly namesMax: number
  /**
   * Bytes of names of processes of this node, with what goes with them (the name of the contract, some numbers). Default
   * 268,435,456; `ERR_GLOBAL_BYTES_MAX`.
   */
  readonly ownBytesMax: number
  /** Bytes of the names of one other node. Default 268,435,456, then they are left out, `ERR_PRESENCE_REMOTE_BYTES_MAX`. */
  readonly nodeBytesMax: number
  /** Bytes of the names of all other nodes. Default 1,073,741,824; as above. */
  readonly namesBytesMax: number
  /** Registrations that wait for other nodes. Default 131,072; `ERR_GLOBAL_PENDING_MAX`. */
  readonly pendingMax: number
  /**
   * How long `register`, `reRegister` and `sync` wait. Default 10,000 ms; `ERR_GLOBAL_TIMEOUT`. Keep it above the time in
   * which a dead node is found, for registrations wait for that.
   */
  readonly timeoutMs: number
  /** Who keeps a name of which two processes turn out to be, and what the other is told. Default `'exit_name'`. */
  readonly resolver: NameResolver
  /**
   * A process that lost its name to another one, and was asked to exit, is killed after this. Default 5,000 ms; 0
   * kills at once, as OTP does.
   */
  readonly conflictGraceMs: number
}

/** The defaults. */
export const NAMES_DEFAULTS: NamesOptions = Object.freeze({
  nameBytesMax: 256,
  ownNamesMax: 1_000_000,
  nodeNamesMax: 1_000_000,
  namesMax: 4_000_000,
  ownBytesMax: 268_435_456,
  nodeBytesMax: 268_435_456,
  namesBytesMax: 1_073_741_824,
  pendingMax: 131_072,
  timeoutMs: 10_000,
  resolver: 'exit_name',
  conflictGraceMs: 5_000,
})

const COUNT = numberOption(1, 16_777_216)
const BYTES = numberOption(1, 1_099_511_627_776)
const TIME = numberOption(1, 2_147_483_647)
const RESOLVER: OptionCheck = {
  expected: "'exit_name', 'notify_name', 'notify_all_name' or a function",
  test: (value) =>
    oneOfOption('exit_name', 'notify_name', 'notify_all_name').test(value) ||
    functionOption.test(value),
}

/** The options of a node. Throws an `OptionError`. */
export function namesOptions(given: Partial<NamesOptions> | undefined): Readonly<NamesOptions> {
  const checks: { readonly [K in keyof NamesOptions]-?: OptionCheck } = {
    nameBytesMax: numberOption(1, 1_024),
    ownNamesMax: COUNT,
    nodeNamesMax: COUNT,
    namesMax: COUNT,
    ownBytesMax: BYTES,
    nodeBytesMax: BYTES,
    namesBytesMax: BYTES,
    pendingMax: COUNT,
    timeoutMs: TIME,
    resolver: RESOLVER,
    conflictGraceMs: numberOption(0, 2_147_483_647),
  }
  return resolveOptions<NamesOptions>('startNode names', NAMES_DEFAULTS, checks, given)
}

/** The space of presence that carries names. */
export function namesSettings(options: Readonly<NamesOptions>): PresenceSettings {
  return presenceSettings({
    batchMs: 0,
    ackDelayMs: 0,
    keyBytesMax: options.nameBytesMax,
    // A claim with all that it may end.
    metaBytesMax: 8_192,
    nodeEntriesMax: options.nodeNamesMax,
    remoteEntriesMax: options.namesMax,
    logMax: 65_536,
    // To tell all takes a busy node a while, and to ask again makes it begin anew.
    askTimeoutMs: 5_000,
  })
}

/** How a name is registered. */
export interface RegisterOptions {
  /** Default `timeoutMs` of the node, 10,000 ms. */
  readonly timeoutMs?: number | undefined
  /** Gives up; the registration is taken back. */
  readonly signal?: AbortSignal | undefined
  /** For this name; default that of the node of the process. A function must be given where the process lives. */
  readonly resolver?: NameResolver | undefined
  /**
   * `'eventual'`: two parts of a cluster that are apart may both have it, and one is chosen when they meet. `'strict'`: a
   * lease of a majority of the voters is needed, and the process ends when it is lost. Default `'eventual'`.
   */
  readonly mode?: 'eventual' | 'strict' | undefined
}

const SIGNAL: OptionCheck = {
  expected: 'an AbortSignal',
  test: (value) => objectOption.test(value) && value instanceof AbortSignal,
}

const REGISTER_CHECKS: { readonly [K in keyof RegisterOptions]-?: OptionCheck } = {
  timeoutMs: optional(TIME),
  signal: optional(SIGNAL),
  resolver: optional(RESOLVER),
  mode: optional(oneOfOption('eventual', 'strict')),
}

/** The options of one registration. Throws an `OptionError`. */
export function registerOptions(
  where: string,
  given: RegisterOptions | undefined,
): Readonly<RegisterOptions> {
  return resolveOptions<RegisterOptions>(where, {}, REGISTER_CHECKS, given)
}

/** How long to wait for names of others, or for an answer of the node of a name. */
export interface SyncOptions {
  /** Default `timeoutMs` of the node, 10,000 ms. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** The options of a wait. Throws an `OptionError`. */
export function syncOptions(where: string, given: SyncOptions | undefined): Readonly<SyncOptions> {
  const checks = { timeoutMs: optional(TIME), signal: optional(SIGNAL) }
  return resolveOptions<SyncOptions>(where, {}, checks, given)
}
