/** A simulated world with gateways and peers at the edge. */
import type { GatewayOptions } from '../../../mesh/gateway/options.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import type { MeshOptions } from '../../../mesh/options.ts'
import { connect } from '../../../mesh/peer/peer.ts'
import type { Peer } from '../../../mesh/peer/peer.ts'
import type { PeerOptions } from '../../../mesh/peer/options.ts'
import { SupervisorContract } from '../../../behaviours/index.ts'
import type { SupervisorRef } from '../../../behaviours/index.ts'
import type { Pid } from '../../../runtime/index.ts'
import { Cluster } from '../cluster.ts'

/** See the file header. Gateways have no health server unless they are given one: it would listen on a real port. */
export class EdgeCluster extends Cluster {
  readonly #peers = new Set<Peer>()

  /** Nodes have services here. */
  override options(name: string, n: number, more: MeshOptions = {}): MeshOptions {
    return super.options(name, n, { services: {}, ...more })
  }

  /** A gateway at `10.0.0.<n>`. */
  gateway(
    name: string,
    n: number,
    gateway: GatewayOptions = {},
    more: MeshOptions = {},
  ): Promise<Mesh> {
    return this.start(name, n, { gateway: { health: false, ...gateway }, services: {}, ...more })
  }

  /** A peer at `10.0.0.<n>` that knows the gateways there. */
  async peer(
    name: string,
    n: number,
    gateways: readonly number[],
    more: PeerOptions = {},
  ): Promise<Peer> {
    const { clock, entropy, realm } = this
    const targets = gateways.map((at) => `fovea://10.0.0.${at}:4433`)
    const peer = await connect(targets, {
      ...{ name, clock, entropy, realm, host: `10.0.0.${n}`, logger: this.logger(name) },
      transport: this.network.transport(),
      ...more,
    })
    this.#peers.add(peer)
    return peer
  }

  /** A peer that a gateway has taken in. */
  async readyPeer(
    name: string,
    n: number,
    gateways: readonly number[],
    more: PeerOptions = {},
  ): Promise<Peer> {
    const peer = await this.peer(name, n, gateways, more)
    await this.during(peer.ready())
    return peer
  }

  /** Closes a peer, moving time until it is gone. */
  async close(peer: Peer): Promise<void> {
    await this.during(peer.close())
    this.#peers.delete(peer)
  }

  /** Closes peers together: of thousands each needs not be waited for by itself. */
  async closeAll(peers: readonly Peer[]): Promise<void> {
    await this.during(Promise.all(peers.map((peer) => peer.close())))
    for (const peer of peers) this.#peers.delete(peer)
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.during(Promise.all(Array.from(this.#peers, (peer) => peer.close())))
    await super[Symbol.asyncDispose]()
  }
}

/** Names of the clients of a gateway, sorted. */
export function clientsOf(mesh: Mesh): string {
  return mesh
    .gateway!.clients()
    .map(({ name }) => name)
    .sort()
    .join(' ')
}

/** The process of a node whose contract has that name, `fovea.<part>/1`. */
export function partOf(node: Mesh | Peer, part: string): Pid {
  const found = [...node.system.processes()].find(({ label }) => label.includes(`fovea.${part}/`))
  if (found === undefined) throw new Error(`there is no process ${part}`)
  return found.pid
}

/** The supervisor that has a child with that id. */
export async function supervisorOf(node: Mesh | Peer, id: string): Promise<SupervisorRef> {
  for (const { pid, label } of node.system.processes()) {
    if (!label.includes('supervisor')) continue
    const supervisor = SupervisorContract.at(pid)
    const children = await supervisor.call.whichChildren()
    if (children.some((child) => child.id === id)) return supervisor
  }
  throw new Error(`no supervisor has a child ${id}`)
}

/** Kills that process. */
export function killPart(node: Mesh | Peer, part: string): void {
  node.system.exit(partOf(node, part), 'kill')
}
