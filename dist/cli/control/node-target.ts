/** A running node behind the control socket: requests of the command line in terms of its API. */
import { CallExitError, CallTimeoutError, formatPid, formatReason } from '../../../runtime/index.ts'
import type { Member } from '../../../mesh/index.ts'
import type { FoveaNode } from '../../node.ts'
import { RemoteSpawnInitError } from '../../errors.ts'
import { CliError, codeOf } from '../errors.ts'
import {
  SUPERVISED,
  SUPERVISED_HERE,
  type SupervisedApi,
  type SupervisedArg,
} from '../supervised.ts'
import type {
  CallRequest,
  CallResult,
  ControlTarget,
  DownResult,
  MemberRow,
  NodeInfo,
  PingResult,
  SpawnRequest,
  SpawnResult,
  TargetOptions,
} from './target.ts'

/** No process has this name: that it is not there is what a node answers to a ping. */
const NOBODY = 'fovea.nobody'

/** The node as the control socket sees it. */
export class NodeTarget implements ControlTarget {
  readonly #node: FoveaNode
  readonly #startedAtMs: number

  constructor(node: FoveaNode) {
    this.#node = node
    this.#startedAtMs = node.system.clock.now()
  }

  info(): NodeInfo {
    const { id, key, mesh } = this.#node
    const { host, port } = mesh.address
    return { node: id, key: key.hex, host, port, realm: mesh.realm.name, osPid: process.pid }
  }

  members(): readonly MemberRow[] {
    const { node, key, host, port } = this.info()
    const nowMs = this.#node.system.clock.now()
    const sinceMs = nowMs - this.#startedAtMs
    const others = this.#node.mesh.membership.members().map((member) => this.#row(member, nowMs))
    return [{ node, key, state: 'self', host, port, sinceMs }, ...others.sort(byNode)]
  }

  /** Any answer of the other node's distribution layer is a round trip; "no such process" is one. */
  async ping(options: TargetOptions): Promise<PingResult> {
    const { clock } = this.#node.system
    const node = this.#resolve(options.node)
    const startedAt = clock.now()
    try {
      await this.#node.remoteCall.call({ name: NOBODY, node }, 'ping', undefined, limits(options))
    } catch (error) {
      if (!(error instanceof CallExitError && error.reason === 'noproc')) {
        throw pingError(error, node, options.timeoutMs)
      }
    }
    return { node, rttMs: clock.now() - startedAt }
  }

  async spawn(request: SpawnRequest, options: TargetOptions): Promise<SpawnResult> {
    const { behaviour, arg, name, supervised } = request
    const node = this.#resolve(options.node)
    const named = name === undefined ? {} : { name }
    const { remoteSpawn } = this.#node
    if (supervised) {
      if (name === undefined) {
        throw new CliError('ERR_CONTROL_REQUEST_INVALID', 'a supervised process needs a name')
      }
      const keeperArg: SupervisedArg = { behaviour, name, arg }
      const keeperName = node === this.#node.id ? SUPERVISED_HERE : SUPERVISED
      const spawnOptions = { arg: keeperArg, ...limits(options) }
      try {
        const keeper = await remoteSpawn.spawn<SupervisedApi>(keeperName, node, spawnOptions)
        const pid = await keeper.call.child(undefined, limits(options))
        return { node, pid, ...named, supervised }
      } catch (error) {
        // Why the child did not start, not that its keeper did not.
        if (error instanceof RemoteSpawnInitError && codeOf(error.reason) !== undefined) {
          throw error.reason
        }
        throw error
      }
    }
    const ref = await remoteSpawn.spawn(behaviour, node, { arg, ...named, ...limits(options) })
    return { node, pid: formatPid(ref.pid), ...named, supervised }
  }

  async call(request: CallRequest, options: TargetOptions): Promise<CallResult> {
    const { name, method, input, repeat } = request
    const { clock } = this.#node.system
    const target = { name, node: this.#resolve(options.node) }
    const tookMs: number[] = []
    let value: unknown
    for (let i = 0; i < repeat; i++) {
      options.signal.throwIfAborted()
      const startedAt = clock.now()
      value = await this.#node.remoteCall.call(target, method, input, limits(options))
      tookMs.push(clock.now() - startedAt)
    }
    tookMs.sort((a, b) => a - b)
    return {
      value,
      calls: repeat,
      p50Ms: percentile(tookMs, 0.5),
      p99Ms: percentile(tookMs, 0.99),
    }
  }

  monitor(
    name: string,
    onMonitoring: (node: string) => void,
    options: TargetOptions,
  ): Promise<DownResult> {
    const node = this.#resolve(options.node)
    const { signal } = options
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      this.#node.remoteMonitor.monitor(
        { name, node },
        (_ref, reason) => resolve({ name, node, reason: formatReason(reason) }),
        { signal },
      )
      onMonitoring(node)
    })
  }

  #row(member: Member, nowMs: number): MemberRow {
    const { nodeId, key, state, address, sinceMs, reason } = member
    const rttMs = this.#node.mesh.linkTo(key.hex)?.rttMs ?? 0
    return {
      node: nodeId,
      key: key.hex,
      state,
      host: address.host,
      port: address.port,
      sinceMs: nowMs - sinceMs,
      ...(rttMs > 0 ? { rttMs } : {}),
      ...(reason === undefined ? {} : { reason }),
    }
  }

  /** A node id as it is, or the one member of that name; this node when nothing is given. */
  #resolve(given: string | undefined): string {
    const own = this.#node.id
    if (given === undefined || given === own || given === nameOf(own)) return own
    const known = this.#node.mesh.membership.members()
    if (known.some((member) => member.nodeId === given)) return given
    const named = known.filter((member) => nameOf(member.nodeId) === given)
    const up = named.filter((member) => member.state === 'up')
    const [found, ...more] = up.length > 0 ? up : named
    if (found === undefined)
      throw new CliError('ERR_NODE_UNKNOWN', `no member is called '${given}'`)
    if (more.length > 0) {
      const ids = [found, ...more].map((member) => member.nodeId).join(', ')
      throw new CliError('ERR_NODE_UNKNOWN', `more than one member is called '${given}': ${ids}`)
    }
    return found.nodeId
  }
}

/** Without the name of the process that was never meant to be there. */
function pingError(error: unknown, node: string, timeoutMs: number): unknown {
  const code = codeOf(error)
  const what =
    error instanceof CallExitError && error.reason === 'noconnection'
      ? 'is not reachable'
      : error instanceof CallTimeoutError
        ? `did not answer within ${timeoutMs} ms`
        : undefined
  if (code === undefined || what === undefined) return error
  return new CliError(code, `node ${node} ${what}`, { cause: error })
}

function limits({ timeoutMs, signal }: TargetOptions): {
  readonly timeoutMs: number
  readonly signal: AbortSignal
} {
  return { timeoutMs, signal }
}

function nameOf(nodeId: string): string {
  return nodeId.slice(0, nodeId.indexOf('@'))
}

function byNode(a: MemberRow, b: MemberRow): number {
  return a.node < b.node ? -1 : a.node > b.node ? 1 : 0
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
