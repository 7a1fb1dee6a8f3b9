/**
 * `Cluster`: who is there. A node is connected from the first link to it, or from the moment the mesh holds
 * it for up, or is spoken to through others, until a link to it breaks, it says goodbye, or the mesh holds it for
 * down; a link that was closed because nobody needed it changes nothing, since the next message makes a new one. `onNodeUp` comes
 * when calls to it can go out, `onNodeDown` after everything that crossed the link got its `noconnection`, `onNodeGone`
 * when that start of the node never comes back (`lost-lives.ts`).
 *
 * Differs from noex: a node that is gone is forgotten after a while; a peer's word about a third node
 * changes nothing here; a callback that throws is logged and harms nobody.
 */
import {
  ArgumentError,
  formatReason,
  FoveaError,
  type Logger,
  type Pid,
  type System,
} from '../runtime/index.ts'
import {
  HIDDEN_FIELD,
  type LinkDownReason,
  type LinkEvent,
  type Member,
  type MemberEvent,
  type Mesh,
  type NodeKey,
  type PeerInfo,
} from '../mesh/index.ts'
import { ClusterConnectError, ClusterWaitError } from './errors.ts'
import type { RelayEvent } from './hand-over.ts'
import { InOrder } from './in-order.ts'
import { goneReasonOf, LostLives, type NodeGoneReason } from './lost-lives.ts'
import type { NodeDirectory, NodeTarget } from './node-directory.ts'
import { isNodeId, NodeId } from './node-id.ts'
import { checkOwner, NodeMonitors, type MonitorNodesOptions } from './node-monitors.ts'

/** Why a node went down; noex's words. */
export type NodeDownReason = Exclude<LinkDownReason, 'idle'>

/** Life of a node as `getStatus` tells it. */
export type ClusterStatus = 'starting' | 'running' | 'stopping' | 'stopped'

/** A node as this one knows it. */
export interface ClusterNode {
  readonly id: NodeId
  readonly key: NodeKey
  readonly host: string
  readonly port: number
  /** Start of the node, as it said last. */
  readonly incarnation: number
  readonly status: 'connected' | 'disconnected'
  /** Left out of lists unless asked for; see the option `hidden`. */
  readonly hidden: boolean
}

/** Which nodes are listed or told of. */
export interface NodesOptions {
  /** Also hidden nodes. Default false. */
  readonly hidden?: boolean | undefined
}

/** How to connect. */
export interface ConnectNodeOptions {
  /** Default 10,000 ms. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** How to wait for a node. */
export interface WaitOptions {
  /** Default 10,000 ms. */
  readonly timeoutMs?: number | undefined
  /** Stops waiting. */
  readonly signal?: AbortSignal | undefined
}

/** The functions of `Cluster` for one node. */
export interface ClusterFunctions {
  getLocalNodeId(): NodeId
  getLocalNodeInfo(): ClusterNode
  /** Every known node except this one, connected or not. Hidden ones only when asked for. */
  getNodes(options?: NodesOptions): ClusterNode[]
  getConnectedNodes(options?: NodesOptions): ClusterNode[]
  getNodeIds(options?: NodesOptions): NodeId[]
  getNode(node: NodeTarget): ClusterNode | undefined
  isNodeConnected(node: NodeTarget): boolean
  getConnectedNodeCount(options?: NodesOptions): number
  getStatus(): ClusterStatus
  getUptimeMs(): number
  /** Calls `callback` for every node that becomes connected; gives the way to stop. */
  onNodeUp(
    callback: (nodeId: NodeId, node: ClusterNode) => void,
    options?: NodesOptions,
  ): () => void
  /** Calls `callback` for every node that is lost; not `permanent` when the same start of it may come back. */
  onNodeDown(
    callback: (
      nodeId: NodeId,
      reason: NodeDownReason,
      node: ClusterNode,
      permanent: boolean,
    ) => void,
    options?: NodesOptions,
  ): () => void
  /**
   * Calls `callback` for every node that was lost and does not come back, once: right after its `onNodeDown` if that was
   * permanent, else when it is known. Whoever keeps something for a node that may come back lets go of it here.
   */
  onNodeGone(
    callback: (nodeId: NodeId, reason: NodeGoneReason, node: ClusterNode) => void,
    options?: NodesOptions,
  ): () => void
  /**
   * Sends `owner` one `{ type: 'nodedown', node, reason, permanent }` when that node is lost: at once if it is not connected
   * and cannot be. Counted: called twice, it sends two. Gives the way to stop.
   */
  monitorNode(node: NodeTarget, owner: Pid): () => void
  /** Sends `owner` `{ type: 'nodeup', node }`, `nodedown` and `nodegone` of all nodes; gives the way to stop. */
  monitorNodes(owner: Pid, options?: MonitorNodesOptions): () => void
  /**
   * Connects with a node: a known one, or `name@host:port`. Rejects with `ERR_CLUSTER_CONNECT`, also when a node of another
   * name is there.
   */
  connect(node: NodeTarget, options?: ConnectNodeOptions): Promise<ClusterNode>
  /**
   * Says goodbye on the link to that node, once what it had asked here is answered, after `leaveTimeoutMs` at most; both sides see
   * `nodedown`, `graceful_shutdown`. Both stay members, so whoever needs the link next makes a new one. False when there was none.
   */
  disconnect(node: NodeTarget): Promise<boolean>
  onStatusChange(callback: (status: ClusterStatus) => void): () => void
  /** Resolves when that node is connected; at once if it is. */
  waitFor(node: NodeTarget, options?: WaitOptions): Promise<ClusterNode>
}

/** What a cluster needs of its node. */
export interface ClusterParts {
  readonly system: System
  readonly mesh: Mesh
  readonly directory: NodeDirectory
  readonly logger: Logger
  /** What is spoken to through others, without a link. */
  readonly relays: {
    isRelayed(keyHex: string): boolean
    onRelay(handler: (event: RelayEvent) => void): () => void
    whenLinked(keyHex: string, action: () => void, failed: () => void): boolean
    leavePeer(keyHex: string): Promise<void>
  }
}

type Down = Parameters<ClusterFunctions['onNodeDown']>[0]
type Gone = Parameters<ClusterFunctions['onNodeGone']>[0]

const WAIT_MS = 10_000

/** The cluster as one node sees it. */
export class ClusterView implements ClusterFunctions {
  readonly #parts: ClusterParts
  readonly #startedAtMs: number
  readonly #up = new Set<(nodeId: NodeId, node: ClusterNode) => void>()
  readonly #down = new Set<Down>()
  readonly #gone = new Set<Gone>()
  readonly #statusHandlers = new Set<(status: ClusterStatus) => void>()
  /** Nodes that were told to be up and not to be down since, by key. */
  readonly #connected = new Map<string, ClusterNode>()
  /** Which start of those nodes was spoken to last. */
  readonly #lives = new Map<string, number>()
  readonly #lost = new LostLives()
  readonly #stopListening: (() => void)[]
  readonly #monitors: NodeMonitors
  readonly #order = new InOrder()
  #status: ClusterStatus = 'starting'

  /** Registered with the mesh after the gate, so that its callbacks find the gate ready. */
  constructor(parts: ClusterParts) {
    this.#parts = parts
    this.#startedAtMs = parts.system.clock.now()
    this.#monitors = new NodeMonitors(parts.system)
    this.#stopListening = [
      parts.mesh.onLink((event) => this.#onLink(event)),
      parts.mesh.membership.subscribe((event) => this.#onMember(event)),
      parts.relays.onRelay(({ type, peer }) => {
        if (type === 'up') this.#met(peer)
        else this.#nodeDown(peer.key.hex, 'connection_closed')
      }),
    ]
  }

  getLocalNodeId(): NodeId {
    return this.#parts.mesh.nodeId as NodeId
  }

  getLocalNodeInfo(): ClusterNode {
    const { key, address, identity, hidden } = this.#parts.mesh
    const { host, port } = address
    const { incarnation } = identity
    return Object.freeze({
      id: this.getLocalNodeId(),
      ...{ key, host, port, incarnation },
      status: 'connected',
      hidden,
    })
  }

  getNodes({ hidden = false }: NodesOptions = {}): ClusterNode[] {
    const nodes = new Map<string, ClusterNode>()
    for (const member of this.#parts.directory.members()) {
      nodes.set(member.key.hex, nodeOf(member, 'disconnected'))
    }
    for (const [keyHex, node] of this.#connected) nodes.set(keyHex, node)
    return [...nodes.values()].filter((node) => hidden || !node.hidden)
  }

  getConnectedNodes({ hidden = false }: NodesOptions = {}): ClusterNode[] {
    return [...this.#connected.values()].filter((node) => hidden || !node.hidden)
  }

  getNodeIds(options?: NodesOptions): NodeId[] {
    return this.getNodes(options).map(({ id }) => id)
  }

  getNode(node: NodeTarget): ClusterNode | undefined {
    const keyHex = this.#parts.directory.keyOf(node)
    if (keyHex === this.#parts.directory.ownKeyHex) return this.getLocalNodeInfo()
    return this.getNodes({ hidden: true }).find(({ key }) => key.hex === keyHex)
  }

  isNodeConnected(node: NodeTarget): boolean {
    const keyHex = this.#parts.directory.keyOf(node)
    if (keyHex === undefined) return false
    return keyHex === this.#parts.directory.ownKeyHex || this.#connected.has(keyHex)
  }

  getConnectedNodeCount(options?: NodesOptions): number {
    return this.getConnectedNodes(options).length
  }

  getStatus(): ClusterStatus {
    return this.#status
  }

  getUptimeMs(): number {
    return this.#parts.system.clock.now() - this.#startedAtMs
  }

  onNodeUp(
    callback: (nodeId: NodeId, node: ClusterNode) => void,
    { hidden = false }: NodesOptions = {},
  ): () => void {
    checkCallback(callback)
    return listen(this.#up, (nodeId, node) => {
      if (hidden || !node.hidden) callback(nodeId, node)
    })
  }

  onNodeDown(callback: Down, { hidden = false }: NodesOptions = {}): () => void {
    checkCallback(callback)
    return listen(this.#down, (nodeId, reason, node, permanent) => {
      if (hidden || !node.hidden) callback(nodeId, reason, node, permanent)
    })
  }

  onNodeGone(callback: Gone, { hidden = false }: NodesOptions = {}): () => void {
    checkCallback(callback)
    return listen(this.#gone, (nodeId, reason, node) => {
      if (hidden || !node.hidden) callback(nodeId, reason, node)
    })
  }

  monitorNode(node: NodeTarget, owner: Pid): () => void {
    // Here, not once a dial has ended, where nobody could be told.
    checkOwner(owner)
    const { directory, relays } = this.#parts
    const keyHex = directory.keyOf(node)
    const name = (keyHex === undefined ? String(node) : directory.nameOf(keyHex)) as NodeId
    if (keyHex === undefined) return this.#monitors.missing(name, owner, false)
    const isOwn = keyHex === directory.ownKeyHex
    if (isOwn || this.#connected.has(keyHex)) return this.#monitors.single(keyHex, owner)
    // As `erlang:monitor_node/2`: a node without a connection is connected with, or is down.
    let stop = (): void => {}
    let isWanted = true
    const tell = (missing: boolean) => (): void => {
      if (!isWanted) return
      const hasLeft = directory.member(keyHex)?.state === 'left'
      stop = missing
        ? this.#monitors.missing(name, owner, hasLeft)
        : this.#monitors.single(keyHex, owner)
    }
    const isTried = relays.whenLinked(keyHex, tell(false), tell(true))
    if (!isTried) tell(true)()
    return () => {
      isWanted = false
      stop()
    }
  }

  monitorNodes(owner: Pid, { hidden = false }: MonitorNodesOptions = {}): () => void {
    return this.#monitors.all(owner, hidden)
  }

  async connect(node: NodeTarget, options: ConnectNodeOptions = {}): Promise<ClusterNode> {
    const { mesh, directory } = this.#parts
    const keyHex = directory.keyOf(node)
    if (keyHex === directory.ownKeyHex) return this.getLocalNodeInfo()
    const member = keyHex === undefined ? undefined : directory.member(keyHex)
    const address = member?.address ?? addressOf(node)
    if (address === undefined) throw new ClusterConnectError(String(node), undefined)
    const { host, port } = address
    const key = member?.key
    try {
      const { peer } = await mesh.connect(
        { host, port, ...(key === undefined ? {} : { key }) },
        options,
      )
      // The host may be written in several ways, the name is one.
      if (key === undefined && NodeId.getName(node as NodeId) !== nameOf(peer)) {
        throw new FoveaError('ERR_CLUSTER_CONNECT', `${peer.nodeId} is there`)
      }
      return this.#connected.get(peer.key.hex) ?? connected(peer)
    } catch (error) {
      throw new ClusterConnectError(String(node), error)
    }
  }

  async disconnect(node: NodeTarget): Promise<boolean> {
    const { mesh, directory, relays } = this.#parts
    const keyHex = directory.keyOf(node)
    if (keyHex === undefined || mesh.linkTo(keyHex) === undefined) return false
    await mesh.disconnect(keyHex, 'disconnect', () => relays.leavePeer(keyHex))
    return true
  }

  onStatusChange(callback: (status: ClusterStatus) => void): () => void {
    checkCallback(callback)
    return listen(this.#statusHandlers, (status) => callback(status))
  }

  waitFor(node: NodeTarget, options: WaitOptions = {}): Promise<ClusterNode> {
    const { timeoutMs = WAIT_MS, signal } = options
    return new Promise((resolve, reject) => {
      if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) {
        throw new ArgumentError('timeoutMs', 'a number of at least 0', timeoutMs)
      }
      const found = this.isNodeConnected(node) ? this.getNode(node) : undefined
      if (found !== undefined) return resolve(found)
      const give = (error: ClusterWaitError): void => {
        release()
        reject(error)
      }
      const onAbort = (): void => give(new ClusterWaitError(String(node), 'aborted', timeoutMs))
      if (signal?.aborted === true) {
        return reject(new ClusterWaitError(String(node), 'aborted', timeoutMs))
      }
      if (this.#status === 'stopped') {
        return reject(new ClusterWaitError(String(node), 'stopped', timeoutMs))
      }
      const timer = this.#parts.system.clock.setTimer(timeoutMs, () =>
        give(new ClusterWaitError(String(node), 'timeout', timeoutMs)),
      )
      const onUp = (_id: NodeId, up: ClusterNode): void => {
        if (this.#parts.directory.keyOf(node) !== up.key.hex) return
        release()
        resolve(up)
      }
      // Whoever waits for one node by name asks for it, hidden or not.
      const stopUp = this.onNodeUp(onUp, { hidden: true })
      const stopStatus = this.onStatusChange((status) => {
        if (status === 'stopped') give(new ClusterWaitError(String(node), 'stopped', timeoutMs))
      })
      const release = (): void => {
        timer.cancel()
        stopUp()
        stopStatus()
        signal?.removeEventListener('abort', onAbort)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** @internal */
  setStatus(status: ClusterStatus): void {
    if (this.#status === status) return
    this.#status = status
    if (status === 'stopped') for (const stop of this.#stopListening) stop()
    this.#tell(this.#statusHandlers, (callback) => callback(status))
    if (status !== 'stopped') return
    this.#up.clear()
    this.#down.clear()
    this.#gone.clear()
    this.#lost.clear()
    this.#monitors.close()
    this.#statusHandlers.clear()
  }

  #onLink(event: LinkEvent): void {
    const { peer } = event.link
    if (event.type === 'up') this.#met(peer)
    else if (event.reason !== 'idle' && !this.#parts.relays.isRelayed(peer.key.hex)) {
      this.#nodeDown(peer.key.hex, event.reason)
    }
  }

  #onMember({ type, member }: MemberEvent): void {
    const { hex } = member.key
    if (hex === this.#parts.directory.ownKeyHex) return
    if (type === 'down') this.#nodeDown(hex, 'heartbeat_timeout')
    else if (type === 'left') {
      // With a link, its goodbye is the end: what crosses it until then still arrives.
      if (this.#parts.mesh.linkTo(hex) === undefined) this.#nodeDown(hex, 'graceful_shutdown')
    } else if (type === 'up' || type === 'alive') {
      const replaced = this.#lost.returned(member)
      if (replaced !== undefined) this.#nodeGone(replaced, 'replaced')
      this.#nodeUp(nodeOf(member, 'connected'))
    } else if (type === 'update' && this.#connected.has(hex)) {
      this.#connected.set(hex, nodeOf(member, 'connected'))
    }
    if (type === 'left' || type === 'forgotten') this.#judgeLost(hex)
  }

  /** A link that was closed because nobody needed it may have ended with its node, which has begun anew meanwhile. */
  #met(peer: PeerInfo): void {
    const { hex } = peer.key
    const life = this.#lives.get(hex)
    if (life !== undefined && life < peer.incarnation) {
      this.#nodeDown(hex, 'connection_closed', 'replaced')
    }
    this.#lives.set(hex, peer.incarnation)
    for (const replaced of this.#lost.met(peer)) this.#nodeGone(replaced, 'replaced')
    this.#nodeUp(connected(peer))
  }

  #nodeUp(node: ClusterNode): void {
    const known = this.#connected.has(node.key.hex)
    this.#connected.set(node.key.hex, node)
    if (known) return
    this.#monitors.up(node)
    this.#tell(this.#up, (callback) => callback(node.id, node))
  }

  /** `replaced` if that is known already. */
  #nodeDown(keyHex: string, reason: NodeDownReason, replaced?: 'replaced'): void {
    const known = this.#connected.get(keyHex)
    const life = this.#lives.get(keyHex)
    this.#lives.delete(keyHex)
    if (!this.#connected.delete(keyHex) || known === undefined) return
    const node = Object.freeze({ ...known, status: 'disconnected' as const })
    const member = this.#parts.mesh.membership.member(keyHex)
    const permanent = (replaced ?? goneReasonOf(member)) !== undefined
    this.#lost.add(node, life, member)
    this.#monitors.down(node, reason, permanent)
    this.#tell(this.#down, (callback) => callback(node.id, reason, node, permanent))
    this.#judgeLost(keyHex, replaced)
  }

  /** Tells of a lost node that it is gone, if it is. */
  #judgeLost(keyHex: string, replaced?: 'replaced'): void {
    const reason = replaced ?? goneReasonOf(this.#parts.mesh.membership.member(keyHex))
    const node = reason === undefined ? undefined : this.#lost.end(keyHex)
    if (node !== undefined && reason !== undefined) this.#nodeGone(node, reason)
  }

  #nodeGone(node: ClusterNode, reason: NodeGoneReason): void {
    this.#monitors.gone(node, reason)
    this.#tell(this.#gone, (callback) => callback(node.id, reason, node))
  }

  #tell<C>(callbacks: ReadonlySet<C>, tell: (callback: C) => void): void {
    this.#order.tell(callbacks, [tell], (callback) => {
      try {
        tell(callback)
      } catch (error) {
        this.#parts.logger.error(
          { err: error, detail: formatReason(error) },
          'a cluster callback failed',
        )
      }
    })
  }
}

function connected(peer: PeerInfo): ClusterNode {
  const { key, address, incarnation } = peer
  const { host, port } = address
  const id = peer.nodeId as NodeId
  const hidden = peer.hidden === true
  return Object.freeze({ id, key, host, port, incarnation, status: 'connected', hidden })
}

function nodeOf(member: Member, status: ClusterNode['status']): ClusterNode {
  const { key, address, nodeId, incarnation, metadata } = member
  const { host, port } = address
  const id = nodeId as NodeId
  const hidden = metadata[HIDDEN_FIELD] === true
  const { generation } = incarnation
  return Object.freeze({ id, key, host, port, incarnation: generation, status, hidden })
}

function nameOf({ nodeId }: PeerInfo): string {
  return nodeId.slice(0, nodeId.indexOf('@'))
}

/** Where `name@host:port` is. */
function addressOf(node: NodeTarget): { readonly host: string; readonly port: number } | undefined {
  if (!isNodeId(node)) return undefined
  return NodeId.components(node)
}

function checkCallback(callback: unknown): void {
  if (typeof callback !== 'function') throw new ArgumentError('callback', 'a function', callback)
}

/** Adds a callback of its own identity, so that the same function given twice counts twice. */
function listen<C>(callbacks: Set<C>, callback: C): () => void {
  callbacks.add(callback)
  return () => void callbacks.delete(callback)
}
