/**
 * What the control socket can ask of a running node. The server knows only this interface, so that
 * it is tested without a node, and the node knows nothing of sockets.
 */

/** Who and where the node is. */
export interface NodeInfo {
  readonly node: string
  readonly key: string
  readonly host: string
  readonly port: number
  readonly realm: string
  readonly osPid: number
}

/** One line of `fovea members`. */
export interface MemberRow {
  readonly node: string
  readonly key: string
  readonly state: 'self' | 'up' | 'connecting' | 'down' | 'left'
  readonly host: string
  readonly port: number
  /** How long it is in this state. */
  readonly sinceMs: number
  readonly rttMs?: number
  readonly reason?: string
}

/** Where a request goes, and how long it may take. */
export interface TargetOptions {
  /** `name@host:port`, or a name that only one member has; undefined is the node itself. */
  readonly node?: string | undefined
  /** Deadline of the request; of each call when it repeats. */
  readonly timeoutMs: number
  /** Aborted when the asking command went away. */
  readonly signal: AbortSignal
}

/** The answer to `ping`. */
export interface PingResult {
  readonly node: string
  readonly rttMs: number
}

/** What to start. */
export interface SpawnRequest {
  readonly behaviour: string
  readonly arg: unknown
  /** Name to register on the node where it runs. */
  readonly name?: string | undefined
  /** Under a supervisor on that node, which restarts it. */
  readonly supervised: boolean
}

/** What was started. */
export interface SpawnResult {
  readonly node: string
  readonly pid: string
  readonly name?: string
  readonly supervised: boolean
}

/** What to call. */
export interface CallRequest {
  readonly name: string
  readonly method: string
  readonly input: unknown
  /** How often, one after the other; the value is that of the last. */
  readonly repeat: number
}

/** The answer of a process, and how long its answers took. */
export interface CallResult {
  readonly value: unknown
  readonly calls: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** A process ended. */
export interface DownResult {
  readonly name: string
  readonly node: string
  readonly reason: string
}

/** A running node, as far as the command line needs it. */
export interface ControlTarget {
  info(): NodeInfo
  members(): readonly MemberRow[]
  ping(options: TargetOptions): Promise<PingResult>
  spawn(request: SpawnRequest, options: TargetOptions): Promise<SpawnResult>
  call(request: CallRequest, options: TargetOptions): Promise<CallResult>
  /** Resolves when the named process ended; `onMonitoring` is called once it is being watched. */
  monitor(
    name: string,
    onMonitoring: (node: string) => void,
    options: TargetOptions,
  ): Promise<DownResult>
}
