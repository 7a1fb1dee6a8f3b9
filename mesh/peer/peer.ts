/**
 * A peer at the edge: it only dials out, to a gateway, and uses the services of the mesh through it. Model: the client of
 * NATS or MQTT 5, but a full principal: it has a key and a membership of its own, what others send to it is sealed for
 * it, and its gateway can neither read nor change it.
 *
 *     await using peer = await connect('fovea://gateway.example:4433', { realm: './my.realm' })
 *     await peer.ready()
 *
 * Life: `connect` resolves when the peer runs, not when a gateway has answered: what it is asked before that waits, up
 * to its bounds and deadlines. `close` says goodbye and leaves nothing behind.
 */
import { Supervisor } from '../../behaviours/index.ts'
import type { Contract, SupervisorRef } from '../../behaviours/index.ts'
import {
  ArgumentError,
  createSystem,
  formatReason,
  numberOption,
  optional,
  ownPromise,
  resolveOptions,
  signalOption,
} from '../../runtime/index.ts'
import type { ClockTimer, OptionCheck, System } from '../../runtime/index.ts'
import { atMost } from '../at-most.ts'
import { CONNECTIONS_MIN } from '../connections-max.ts'
import { MeshCore } from '../core.ts'
import { openIdentity } from '../identity/identity.ts'
import type { Identity } from '../identity/identity.ts'
import type { NodeKey } from '../identity/node-key.ts'
import { loadRealm } from '../identity/realm.ts'
import type { Realm } from '../identity/realm.ts'
import type { DialTarget } from '../link/dialer.ts'
import { LinkError } from '../link/errors.ts'
import type { Link } from '../link/link.ts'
import { openTransport } from '../open-transport.ts'
import type { Presence } from '../presence/presence.ts'
import type { PubSub } from '../pubsub/pubsub.ts'
import type { ClientOptions, ContractClient } from '../rpc/client/contract.ts'
import type { Rpc } from '../rpc/rpc.ts'
import type { Services } from '../services/registry.ts'
import type { Store } from '../store/store.ts'
import type { PeerContext } from './context.ts'
import { PeerError } from './errors.ts'
import { PeerMemory } from './memory.ts'
import { resolvePeerOptions } from './options.ts'
import type { PeerOptions, ResolvedPeerOptions } from './options.ts'
import { createPeerServices } from './services.ts'
import type { PeerServices } from './services.ts'
import { startPeerTree } from './system.ts'
import { parseTarget } from './target.ts'
import type { PeerState } from './uplink.ts'

/** Options of {@link Peer.ready}. */
export interface ReadyOptions {
  /** Default 30,000 ms; `Infinity` waits as long as it takes. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Numbers of a peer, made for a scrape. */
export interface PeerStats {
  readonly state: PeerState
  /** Links that there were. */
  readonly linksMade: number
  /** Smoothed round trip to the gateway, 0 before the first measure. */
  readonly rttMs: number
  /** True when the gateway has acknowledged what this peer wants and offers. */
  readonly isAdvertised: boolean
  /** Everything refused or dropped, by error code. */
  readonly refused: Readonly<Record<string, number>>
}

/** A peer at the edge of a mesh. */
export interface Peer extends AsyncDisposable {
  readonly system: System
  readonly identity: Identity
  readonly key: NodeKey
  readonly realm: Realm
  readonly state: PeerState
  /**
   * Topics; see `pubsub/README.md`. What is published before a gateway has taken the peer in, or while it looks for another
   * one, waits like what is for a node that is being dialled.
   */
  readonly pubsub: PubSub
  /** Procedures and streams; see `rpc/README.md`. */
  readonly rpc: Rpc
  /** Who is here, by topic; see `presence/README.md`. */
  readonly presence: Presence
  /** Who offers which procedures; see `services/registry.ts`. */
  readonly services: Services
  /** A typed client of a contract that nodes serve with `rpc.serve`; as `rpc.client`. */
  client<P>(contract: Contract<P>, options?: ClientOptions): ContractClient<P>
  /** The gateway that serves it now. */
  gateway(): Link['peer'] | undefined
  /** Calls `handler` with each new state; gives the way to stop. */
  onState(handler: (state: PeerState) => void): () => void
  /**
   * Resolves when a gateway has taken the peer in. Rejects with `ERR_PEER_TIMEOUT`, whose cause says why the last one did
   * not, `ERR_PEER_ABORTED` or `ERR_PEER_CLOSED`.
   */
  ready(options?: ReadyOptions): Promise<void>
  stats(): PeerStats
  /** Says goodbye and closes; resolves when nothing is left. Idempotent. */
  close(reason?: string): Promise<void>
}

/** Time of `ready` when the caller names none. */
const READY_TIMEOUT_MS = 30_000

const READY_CHECKS: { readonly [K in keyof ReadyOptions]-?: OptionCheck } = {
  timeoutMs: optional(numberOption(1, Infinity)),
  signal: optional(signalOption),
}

/**
 * Starts a peer that connects to the first of `targets` that takes it in, and to another one when that is gone: addresses
 * of gateways, written `fovea://host:port`, `name@host:port` or `host:port`.
 *
 * Rejects with `ERR_PEER_TARGET`, `ERR_PEER_TARGETS`, an `OptionError` or what keeps it from starting; a gateway that does
 * not answer is not one of these.
 *
 * @example
 * await using peer = await connect(['fovea://a.example:4433', 'fovea://b.example:4433'], { realm })
 */
export async function connect(
  targets: string | readonly string[],
  options: PeerOptions = {},
): Promise<Peer> {
  const resolved = resolvePeerOptions(options)
  const gateways = parseTargets(targets, resolved)
  const { mesh } = resolved
  const realm = await loadRealm(mesh.realm)
  const { clock, entropy, logger, dataDir, realmMembership: membership } = mesh
  const identity = await openIdentity({
    ...{ realm, clock, entropy },
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(membership === undefined ? {} : { membership }),
  })
  const node = identity.nodeKey.hex
  const system =
    mesh.system ?? createSystem({ clock, entropy, logger, node, incarnation: identity.incarnation })
  const ownSystem = mesh.system === undefined
  const release = async (): Promise<void> => {
    if (ownSystem) await system.stop()
    await identity.close()
  }
  try {
    const transport = await openTransport(mesh, CONNECTIONS_MIN)
    const core = new MeshCore({
      ...{ options: mesh, system, identity, realm, transport },
      // What it says of itself, though nobody dials it.
      advertiseHost: mesh.host,
      kind: 'edge',
    })
    const memory = new PeerMemory(core.refusals)
    const context = { core, clock, settings: resolved.settings, targets: gateways, memory }
    const store = dataDir === undefined ? undefined : await identity.openStore()
    const peer = new PeerNode(context, store, release)
    peer.started(await startPeerTree(context, peer.made))
    logger.info({ key: node, realm: realm.name }, 'peer started')
    return peer
  } catch (error) {
    await release()
    throw error
  }
}

function parseTargets(
  targets: string | readonly string[],
  { settings, mesh }: ResolvedPeerOptions,
): readonly DialTarget[] {
  const list = typeof targets === 'string' ? [targets] : targets
  if (!Array.isArray(list) || !list.every((target) => typeof target === 'string')) {
    throw new ArgumentError('targets', 'a gateway, or a list of them', targets)
  }
  if (list.length === 0 || list.length > settings.targetsMax) {
    const text = `a peer is given 1 to ${settings.targetsMax} gateways, received ${list.length}`
    throw new PeerError('ERR_PEER_TARGETS', text)
  }
  const parsed = list.map(parseTarget)
  const from = settings.shuffle ? Math.floor(mesh.entropy.random() * parsed.length) : 0
  return [...parsed.slice(from), ...parsed.slice(0, from)]
}

class PeerNode implements Peer {
  readonly system: System
  readonly identity: Identity
  readonly key: NodeKey
  readonly realm: Realm
  readonly made: PeerServices
  readonly #context: PeerContext
  readonly #release: () => Promise<void>
  #tree: SupervisorRef | undefined
  #closed: Promise<void> | undefined

  constructor(context: PeerContext, store: Store | undefined, release: () => Promise<void>) {
    const { core } = context
    const { system, identity, realm, options } = core.parts
    this.#context = context
    this.#release = release
    this.system = system
    this.identity = identity
    this.key = identity.nodeKey
    this.realm = realm
    this.made = createPeerServices({
      ...{ core, store },
      options: options.services ?? {},
      check: () => this.#check(),
    })
    // A gateway without room asks whether it may end the link of a peer that rests.
    core.pool.keepLinks(() => this.made.isWaiting())
  }

  get pubsub(): PubSub {
    return this.made.pubsub
  }

  get rpc(): Rpc {
    return this.made.rpc
  }

  get presence(): Presence {
    return this.made.presence
  }

  get services(): Services {
    return this.made.services
  }

  client<P>(contract: Contract<P>, options?: ClientOptions): ContractClient<P> {
    return this.made.rpc.client(contract, options)
  }

  /** The tree runs. */
  started(tree: SupervisorRef): void {
    this.#tree = tree
    this.system.watch(tree.pid, (reason) => {
      if (this.#closed !== undefined) return
      const { logger } = this.#context.core
      logger.error({ reason: formatReason(reason) }, 'the peer gave up and is closed')
      void this.close()
    })
  }

  get state(): PeerState {
    return this.#context.memory.state
  }

  gateway(): Link['peer'] | undefined {
    return this.#context.memory.link?.peer
  }

  onState(handler: (state: PeerState) => void): () => void {
    return this.#context.memory.onState(handler)
  }

  ready(options?: ReadyOptions): Promise<void> {
    const { memory, clock } = this.#context
    return ownPromise<void>((resolve, reject) => {
      const checked = resolveOptions<ReadyOptions>('peer.ready', {}, READY_CHECKS, options)
      const { timeoutMs = READY_TIMEOUT_MS, signal } = checked
      let timer: ClockTimer | undefined
      const settle = (state: PeerState, error?: PeerError): void => {
        if (error === undefined && state !== 'connected' && state !== 'closed') return
        timer?.cancel()
        off()
        signal?.removeEventListener('abort', aborted)
        if (error !== undefined) reject(error)
        else if (state === 'connected') resolve()
        else reject(new PeerError('ERR_PEER_CLOSED', 'the peer is closed'))
      }
      const aborted = (): void => {
        settle(
          memory.state,
          new PeerError('ERR_PEER_ABORTED', 'nobody waits any more', { cause: signal?.reason }),
        )
      }
      const off = memory.onState((state) => settle(state))
      if (signal?.aborted === true) return aborted()
      signal?.addEventListener('abort', aborted, { once: true })
      if (timeoutMs !== Infinity) {
        timer = clock.setTimer(timeoutMs, () => settle(memory.state, this.#late(timeoutMs)))
      }
      settle(memory.state)
    })
  }

  stats(): PeerStats {
    const { memory, core } = this.#context
    return {
      state: memory.state,
      linksMade: memory.linksMade,
      rttMs: memory.link?.rttMs ?? 0,
      isAdvertised: this.made.isTold(),
      refused: core.refusals.counters(),
    }
  }

  close(reason = 'shutdown'): Promise<void> {
    this.#closed ??= this.#close(reason)
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #check(): void {
    if (this.#closed !== undefined) throw new PeerError('ERR_PEER_CLOSED', 'the peer is closed')
  }

  #late(timeoutMs: number): PeerError {
    const cause = this.#context.memory.lastError
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    return new PeerError('ERR_PEER_TIMEOUT', `no gateway within ${timeoutMs} ms${why}`, { cause })
  }

  async #close(reason: string): Promise<void> {
    const { core, memory } = this.#context
    // Before anybody is told that it is closed, what it tracked leaves over the link that stands.
    this.made.leaving()
    memory.setState('closed')
    const left = core.pool.leave(reason)
    core.dialer.reset(new LinkError('ERR_DIAL_ABORTED', 'the peer closes'))
    await atMost(core.clock, 2 * core.options.leaveTimeoutMs, left)
    const tree = this.#tree
    if (tree !== undefined && this.system.isAlive(tree.pid)) {
      // A tree that ends for another reason meanwhile has ended all the same; the port is closed next.
      await Supervisor.stop(tree, 'shutdown').catch((error: unknown) => {
        core.logger.warn({ err: error }, 'the tree of the peer did not stop in order')
      })
    }
    this.made.stopped()
    memory.link = undefined
    await core.endpoint()?.close()
    await this.#release()
  }
}
