/** Nodes of a mesh with couriers, in memory, for tests: their cores are open, and every frame that arrives is noted. */
import { Supervisor } from '../../../behaviours/index.ts'
import type { SupervisorRef } from '../../../behaviours/index.ts'
import { MeshCore } from '../../../mesh/core.ts'
import type { Courier, CourierSendOptions, Origin } from '../../../mesh/courier/courier.ts'
import type { CourierError } from '../../../mesh/courier/errors.ts'
import { createCourier } from '../../../mesh/courier/create-courier.ts'
import type { CourierOptions } from '../../../mesh/courier/settings.ts'
import { createUplinkCourier } from '../../../mesh/courier/uplink-courier.ts'
import { openIdentity } from '../../../mesh/identity/identity.ts'
import { simulatedSignatures } from '../../../mesh/identity/simulated-signatures.ts'
import { ed25519Signatures } from '../../../mesh/identity/signatures.ts'
import type { FrameRouter } from '../../../mesh/link/frame-router.ts'
import { resolveMeshOptions } from '../../../mesh/options.ts'
import type { MeshOptions } from '../../../mesh/options.ts'
import { foundation, startTree } from '../../../mesh/tree.ts'
import type { Transport } from '../../../mesh/transport/transport.ts'
import { encodeFrame, HEADER_BYTES } from '../../../mesh/wire/frame.ts'
import { WireType, wireTypeName } from '../../../mesh/wire/messages.ts'
import { createSystem } from '../../../runtime/index.ts'
import type { System } from '../../../runtime/index.ts'
import { Cluster } from '../cluster.ts'

/** Options of {@link CourierWorld.start}. */
export interface NodeOptions {
  readonly courier?: CourierOptions
  readonly mesh?: MeshOptions
  /** Number of the node that it knows at first. */
  readonly seed?: number
}

/** One node. */
export interface CourierNode {
  readonly n: number
  readonly key: string
  readonly core: MeshCore
  readonly courier: Courier
  readonly system: System
  /** `call "text" from n1 direct`, in order. */
  readonly got: string[]
  /** As {@link got}, the payloads themselves. */
  readonly payloads: Uint8Array[]
  readonly origins: Origin[]
  /** Errors of what was lost, by code. */
  readonly lost: string[]
  readonly gone: string[]
  readonly drains: string[]
  stop(): Promise<void>
}

/** See the file header. */
export class CourierWorld implements AsyncDisposable {
  readonly cluster: Cluster
  readonly nodes: CourierNode[] = []
  /** Frames of services and of routing: `1>2 call`, in order of their arrival. */
  readonly trace: string[] = []
  /** Changes what arrives: gives another payload, or undefined to swallow it. */
  tamper: (from: number, to: number, type: number, payload: Uint8Array) => Uint8Array | undefined =
    (_from, _to, _type, payload) => payload

  constructor(seed = 1, { real = false, latencyMs = 1 } = {}) {
    const signatures = real ? ed25519Signatures : simulatedSignatures()
    this.cluster = new Cluster(seed, { latencyMs, jitterMs: 0, signatures })
  }

  /** Starts node `n` at `10.0.0.<n>`. */
  async start(
    n: number,
    { courier: given, mesh = {}, seed }: NodeOptions = {},
  ): Promise<CourierNode> {
    const seeds = seed === undefined ? [] : [`n${seed}@10.0.0.${seed}:4433`]
    const core = await this.#core(n, 'member', { membership: 'local', seeds, ...mesh })
    await core.dht?.openStore()
    const { courier, child } = createCourier(core, given)
    // The system of a gateway does that; here everybody may come in.
    core.edges?.open(() => undefined)
    const node = this.#nodeOf(n, core, courier)
    node.stop = this.#stopping(node, await startTree(core, [child]))
    return node
  }

  /** Starts a peer at the edge, which dials the gateways with those numbers. */
  async startEdge(
    n: number,
    gateways: readonly number[],
    { courier: given }: NodeOptions = {},
  ): Promise<CourierNode> {
    const core = await this.#core(n, 'edge', {})
    const { courier, child } = createUplinkCourier(core, given)
    const node = this.#nodeOf(n, core, courier)
    const tree = await Supervisor.start({
      ...{ system: core.parts.system, strategy: 'rest_for_one' },
      children: [...foundation(core), child],
    })
    node.stop = this.#stopping(node, tree)
    for (const gateway of gateways) await this.uplink(node, gateway)
    return node
  }

  /** A peer dials a gateway. */
  async uplink({ core }: CourierNode, gateway: number): Promise<void> {
    const target = { host: `10.0.0.${gateway}`, port: 4433 }
    await this.cluster.during(core.dialer.connect(target))
  }

  /** Nodes 1 to `count`, which all know the first. */
  async startAll(count: number, options: NodeOptions = {}): Promise<readonly CourierNode[]> {
    for (let n = 1; n <= count; n++)
      await this.start(n, n === 1 ? options : { seed: 1, ...options })
    await this.cluster.clock.advance(2_000)
    return this.nodes
  }

  advance(ms: number): Promise<void> {
    return this.cluster.clock.advance(ms)
  }

  /** Stops a node in order. */
  stop(node: CourierNode): Promise<void> {
    return this.cluster.during(node.stop())
  }

  nameOf(key: string): string {
    return `n${this.nodes.find((node) => node.key === key)?.n ?? key}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.during(Promise.all(this.nodes.map((node) => node.stop())))
    await this.cluster[Symbol.asyncDispose]()
  }

  async #core(n: number, kind: 'member' | 'edge', more: MeshOptions): Promise<MeshCore> {
    const { cluster } = this
    const { clock, entropy, realm } = cluster
    const options = resolveMeshOptions(cluster.options(`n${n}`, n, more), async (host) => [host])
    const identity = await openIdentity({ realm, clock, entropy })
    const system = createSystem({ clock, entropy, node: identity.nodeKey.hex })
    return new MeshCore({
      ...{ options, system, identity, realm, advertiseHost: options.host },
      transport: options.transport as Transport,
      ...(kind === 'edge' ? { kind } : {}),
    })
  }

  #nodeOf(n: number, core: MeshCore, courier: Courier): Writable {
    const node: Writable = {
      ...{ n, core, courier, system: core.parts.system, key: courier.self },
      ...{ got: [], payloads: [], origins: [], lost: [], gone: [], drains: [] },
      stop: async () => {},
    }
    this.nodes.push(node)
    this.#listen(node)
    return node
  }

  #listen(node: CourierNode): void {
    const { courier, core } = node
    const { publish, call, reply, cast } = WireType
    for (const type of [publish, call, reply, cast]) {
      courier.handle(type, type, (origin, of, payload) => {
        const text =
          payload.length > 40 ? `${payload.length} bytes` : Buffer.from(payload).toString()
        node.got.push(`${wireTypeName(of)} ${text} from ${this.nameOf(origin.node)} ${origin.path}`)
        node.payloads.push(Uint8Array.from(payload))
        node.origins.push(origin)
      })
    }
    courier.onGone((key, reason) => void node.gone.push(`${this.nameOf(key)} ${reason}`))
    courier.onDrain((key) => void node.drains.push(this.nameOf(key)))
    for (const frames of [core.frames, core.edges?.frames]) {
      if (frames !== undefined) this.#trace(node, frames)
    }
  }

  #trace(node: CourierNode, frames: FrameRouter): void {
    const dispatch = frames.dispatch.bind(frames)
    frames.dispatch = (link, type, payload, via) => {
      if (type >= 0x30) return dispatch(link, type, payload, via)
      const from = Number(this.nameOf(link.peer.key.hex).slice(1))
      this.trace.push(`${from}>${node.n} ${wireTypeName(type)}`)
      const arrives = this.tamper(from, node.n, type, payload)
      return arrives === undefined || dispatch(link, type, arrives, via)
    }
  }

  #stopping(node: CourierNode, tree: SupervisorRef): () => Promise<void> {
    return async () => {
      const at = this.nodes.indexOf(node)
      if (at < 0) return
      this.nodes.splice(at, 1)
      const { core, system } = node
      // A machine whose socket was taken away may have given up.
      if (system.isAlive(tree.pid)) {
        const { detector } = core.detectorMemory
        if (detector !== undefined) await new Promise<void>((resolve) => detector.leave(resolve))
        await Promise.all([core.pool.leave('shutdown'), core.edges?.pool.leave('shutdown')])
        await Supervisor.stop(tree, 'shutdown')
      }
      await core.endpoint()?.close()
      await system.stop()
      await core.parts.identity.close()
    }
  }
}

interface Writable extends CourierNode {
  stop: () => Promise<void>
}

/** A frame with that text as payload. */
export function frameOf(text: string | Uint8Array, type: number = WireType.call): Uint8Array {
  return encodeFrame(type, typeof text === 'string' ? Buffer.from(text) : text)
}

/** Options that note what is lost in `lost` of the sender. */
export function noting(node: CourierNode, more: CourierSendOptions = {}): CourierSendOptions {
  return { ...more, lost: (error: CourierError) => void node.lost.push(error.code) }
}

/** Payload of a frame. */
export function payloadOf(frame: Uint8Array): Uint8Array {
  return frame.subarray(HEADER_BYTES)
}

/** Bytes that no two places of have alike by chance. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 17) & 0xff
  return bytes
}

/** Kills the process of a courier. */
export function killCourier({ system }: CourierNode): void {
  const found = [...system.processes()].find(({ label }) => label.includes('fovea.courier/'))
  if (found === undefined) throw new Error('the node has no courier')
  system.exit(found.pid, 'kill')
}
