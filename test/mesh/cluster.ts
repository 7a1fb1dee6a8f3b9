/**
 * Several mesh nodes in one thread on simulated time and a simulated network, for tests. Everything
 * that varies comes from the seed, so a run repeats.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRealm } from '../../mesh/identity/realm.ts'
import { ed25519Signatures } from '../../mesh/identity/signatures.ts'
import type { Signatures } from '../../mesh/identity/signatures.ts'
import type { Link, LinkEvent } from '../../mesh/link/link.ts'
import { startMesh } from '../../mesh/mesh.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import type { MeshOptions } from '../../mesh/options.ts'
import { MemoryNetwork } from '../../mesh/transport/memory.ts'
import { createSeededEntropy, createSimClock } from '../../runtime/index.ts'
import type { Entropy, Logger, SimClock } from '../../runtime/index.ts'

/** A log line, for tests that look at them. */
export interface Line {
  readonly node: string
  readonly level: keyof Logger
  readonly code: unknown
  readonly text: string
}

/** How a world is made. */
export interface ClusterOptions {
  readonly latencyMs?: number
  readonly jitterMs?: number
  /** Default: the real ones. Stand-ins make worlds of many nodes affordable. */
  readonly signatures?: Signatures
}

/** A simulated world of nodes. */
export class Cluster implements AsyncDisposable {
  readonly clock: SimClock
  readonly entropy: Entropy
  readonly network: MemoryNetwork
  readonly realm: ReturnType<typeof createRealm>
  readonly lines: Line[] = []
  /** `a up b`, `b down a connection_closed`, in order. */
  readonly events: string[] = []
  readonly #meshes = new Set<Mesh>()
  readonly #dirs: string[] = []

  constructor(seed = 1, options: ClusterOptions = {}) {
    const { signatures = ed25519Signatures, ...network } = options
    this.clock = createSimClock({ startMs: 1_800_000_000_000 })
    this.entropy = createSeededEntropy(seed)
    this.network = new MemoryNetwork({ clock: this.clock, entropy: this.entropy, ...network })
    const authority = signatures.keysFromSeed(this.entropy.bytes(32))
    this.realm = createRealm('com.example.test', { authority, signatures })
  }

  /** Options of node `name` at `10.0.0.<n>`; without a DHT, which would dial everybody, and services, unless they are asked for. */
  options(name: string, n: number, more: MeshOptions = {}): MeshOptions {
    const { clock, entropy, realm } = this
    return {
      name,
      host: `10.0.0.${n}`,
      realm,
      clock,
      entropy,
      transport: this.network.transport(),
      logger: this.logger(name),
      dht: false,
      services: false,
      ...more,
    }
  }

  /** Starts a node and records its link events. */
  async start(name: string, n: number, more: MeshOptions = {}): Promise<Mesh> {
    const mesh = await startMesh(this.options(name, n, more))
    this.#meshes.add(mesh)
    mesh.onLink((event) => void this.events.push(describe(name, event)))
    return mesh
  }

  /** A directory that is removed in the end. */
  async dir(): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'fovea-mesh-'))
    this.#dirs.push(dir)
    return dir
  }

  logger(node: string): Logger {
    const add =
      (level: keyof Logger) => (fields: Readonly<Record<string, unknown>>, text: string) =>
        void this.lines.push({ node, level, code: fields['code'], text })
    return { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') }
  }

  /** Moves time while `promise` waits for it. */
  async during<T>(promise: Promise<T>, stepMs = 10, stepsMax = 10_000): Promise<T> {
    let settled = false
    const watched = promise.finally(() => (settled = true))
    watched.catch(() => {})
    for (let i = 0; i < stepsMax && !settled; i++) {
      // Files are real: give them a chance before virtual time runs away.
      for (let hop = 0; hop < 20 && !settled; hop++) await this.clock.settle()
      if (!settled) await this.clock.advance(stepMs)
    }
    // A disk that is busy with something else needs turns, not virtual time.
    for (let turn = 0; turn < 300_000 && !settled; turn++) await this.clock.settle()
    if (!settled) throw new Error(`not settled within ${stepMs * stepsMax} ms of virtual time`)
    return watched
  }

  /** Stops a node, moving time until it is gone. */
  async stop(mesh: Mesh): Promise<void> {
    await this.during(mesh.stop())
    this.#meshes.delete(mesh)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.during(Promise.all(Array.from(this.#meshes, (mesh) => mesh.stop())))
    for (const dir of this.#dirs) await rm(dir, { recursive: true, force: true })
  }
}

function describe(name: string, event: LinkEvent): string {
  const reason = event.type === 'down' ? ` ${event.reason}` : ''
  return `${name} ${event.type} ${event.link.peer.name}${reason}`
}

/** Names of the peers of a node, sorted. */
export function peersOf(mesh: Mesh): string {
  return mesh
    .links()
    .map((link) => link.peer.name)
    .sort()
    .join(' ')
}

/** States of the members of a node: `b up, c left`, sorted. */
export function membersOf(mesh: Mesh): string {
  return mesh.membership
    .members()
    .map(({ nodeId, state }) => `${nodeId.slice(0, nodeId.indexOf('@'))} ${state}`)
    .sort()
    .join(', ')
}

/** The link from `mesh` to the node named `name`. */
export function linkTo(mesh: Mesh, name: string): Link {
  const link = mesh.links().find(({ peer }) => peer.name === name)
  if (link === undefined) throw new Error(`no link to ${name}`)
  return link
}

/** Code of the error that `promise` rejects with. */
export function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'resolved',
    (error: unknown) => (error as { code?: unknown }).code,
  )
}
