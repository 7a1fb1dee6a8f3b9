/** A running node behind the control socket: requests of the command line in terms of its API. */
import { CallExitError, CallTimeoutError, formatPid, formatReason } from '../../../runtime/index.ts'
import type { FoveaNode } from '../../node.ts'
import { RemoteSpawnInitError } from '../../errors.ts'
import { CliError, codeOf } from '../errors.ts'
import { askDht, type DhtAnswer } from '../operations/dht.ts'
import type { DhtHopRow } from '../operations/dht-rows.ts'
import { joinMesh } from '../operations/join.ts'
import type { MemberEventRow, MemberRow } from '../operations/member-row.ts'
import {
  linkMember,
  memberLog,
  memberRows,
  presentNodes,
  watchMembers,
} from '../operations/member-watch.ts'
import type { NodeNumbers } from '../operations/node-numbers.ts'
import { numbersOf } from '../operations/numbers-of.ts'
import { checkNeighbours, neighboursOf, OBSERVER } from '../operations/observer.ts'
import type { PresenceMessageRow } from '../operations/presence-rows.ts'
import { watchPresence, type PresenceQuestion } from '../operations/presence.ts'
import type { MessageRow, ServedRow } from '../operations/service-rows.ts'
import {
  advertise,
  askServices,
  subscribe,
  type FollowSink,
  type ServiceAnswer,
  type SubscribeQuestion,
} from '../operations/services.ts'
import { survey, type Surveyed } from '../operations/survey.ts'
import { makeReport, type NamedNode, type TopologyReport } from '../operations/topology.ts'
import {
  SUPERVISED,
  SUPERVISED_HERE,
  type SupervisedApi,
  type SupervisedArg,
} from '../supervised.ts'
import type { DhtQuestion } from './dht-question.ts'
import type { Offer, ServiceQuestion } from './service-question.ts'
import type {
  CallRequest,
  CallResult,
  ControlTarget,
  DownResult,
  JoinResult,
  NodeInfo,
  PingResult,
  SpawnRequest,
  SpawnResult,
  SurveyOptions,
  TargetOptions,
} from './target.ts'

/** No process has this name: that it is not there is what a node answers to a ping. */
const NOBODY = 'fovea.nobody'

/** Options of {@link NodeTarget}. */
export interface NodeTargetOptions {
  /**
   * Other nodes asked for one `topology` that names no number. Default 256. Each one costs a call, and a
   * dial when there is no link to it.
   */
  readonly topologyNodesMax?: number
  /** Of those, asked at the same time. Default 16; more is quicker and dials more at once. */
  readonly topologyCallsMax?: number
}

const DEFAULTS: Readonly<Required<NodeTargetOptions>> = Object.freeze({
  topologyNodesMax: 256,
  topologyCallsMax: 16,
})

/** The node as the control socket sees it. */
export class NodeTarget implements ControlTarget {
  readonly #node: FoveaNode
  readonly #options: Readonly<Required<NodeTargetOptions>>
  readonly #startedAtMs: number

  constructor(node: FoveaNode, options: NodeTargetOptions = {}) {
    this.#node = node
    this.#options = { ...DEFAULTS, ...options }
    this.#startedAtMs = node.system.clock.now()
  }

  info(): NodeInfo {
    const { id, key, mesh } = this.#node
    const { host, port } = mesh.address
    return { node: id, key: key.hex, host, port, realm: mesh.realm.name, osPid: process.pid }
  }

  members(): readonly MemberRow[] {
    return memberRows(this.#node.mesh, this.#uptimeMs())
  }

  watchMembers(onEvent: (event: MemberEventRow) => void): () => void {
    return watchMembers(this.#node.mesh, onEvent)
  }

  memberLog(): readonly MemberEventRow[] {
    return memberLog(this.#node.mesh)
  }

  join(address: string, options: TargetOptions): Promise<JoinResult> {
    return joinMesh(this.#node.mesh, address, options)
  }

  stats(): NodeNumbers {
    return numbersOf(this.#node, this.#uptimeMs())
  }

  dht(
    question: DhtQuestion,
    onHop: (hop: DhtHopRow) => void,
    options: TargetOptions,
  ): Promise<DhtAnswer> {
    return askDht(this.#node.mesh, question, onHop, limits(options))
  }

  services(question: ServiceQuestion, options: TargetOptions): Promise<ServiceAnswer> {
    return askServices(this.#node.mesh, question, limits(options))
  }

  subscribe(what: SubscribeQuestion, sink: FollowSink<MessageRow>): () => void {
    return subscribe(this.#node.mesh, what, sink)
  }

  presence(
    question: PresenceQuestion,
    push: (row: PresenceMessageRow) => void,
  ): Promise<() => void> {
    return watchPresence(this.#node.mesh, question, push)
  }

  advertise(offer: Offer, push: (row: ServedRow) => void): Promise<() => void> {
    return advertise(this.#node.mesh, offer, push)
  }

  async topology(options: SurveyOptions): Promise<TopologyReport> {
    const { mesh, key, id, system } = this.#node
    const nodesMax = options.nodesMax ?? this.#options.topologyNodesMax
    // The ring begins here, so that a part of a large mesh is at least a piece of it.
    const others = presentNodes(mesh).sort((a, b) => ringOrder(a.key, b.key, key.hex))
    const asked = others.slice(0, nodesMax)
    const answers = await survey(asked, {
      clock: system.clock,
      callsMax: this.#options.topologyCallsMax,
      timeoutMs: options.timeoutMs,
      signal: options.signal,
      ask: (node, limits) => this.#askNeighbours(node, limits),
    })
    const self = { node: id, key: key.hex, state: 'self' as const, neighbours: neighboursOf(mesh) }
    return makeReport([self, ...answers], others.length - asked.length)
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

  #uptimeMs(): number {
    return this.#node.system.clock.now() - this.#startedAtMs
  }

  /** A node without a link is dialled first: not every member has one. */
  async #askNeighbours(
    { key }: Surveyed,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<readonly NamedNode[]> {
    const { clock } = this.#node.system
    const deadlineMs = clock.now() + timeoutMs
    await linkMember(this.#node.mesh, key, { timeoutMs, signal })
    const leftMs = Math.max(1, deadlineMs - clock.now())
    const target = { name: OBSERVER, node: key }
    const limitsLeft = { timeoutMs: leftMs, signal }
    return checkNeighbours(
      await this.#node.remoteCall.call(target, 'neighbours', undefined, limitsLeft),
    )
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

/** Ascending from `start`, once around. */
function ringOrder(a: string, b: string, start: string): number {
  const [wrapsA, wrapsB] = [a < start, b < start]
  if (wrapsA !== wrapsB) return wrapsA ? 1 : -1
  return a < b ? -1 : a > b ? 1 : 0
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
