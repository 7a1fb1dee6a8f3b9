/** Nodes with presence over the network of services in memory. */
import type { RefOf } from '../../../behaviours/index.ts'
import { createPresenceContext } from '../../../mesh/presence/context.ts'
import type { PresenceContext } from '../../../mesh/presence/context.ts'
import type { PresenceOptions } from '../../../mesh/presence/options.ts'
import type { PresenceEntry, PresenceEvent } from '../../../mesh/presence/presence.ts'
import { PresenceFunctions } from '../../../mesh/presence/presence-functions.ts'
import { PresenceServer } from '../../../mesh/presence/presence-server.ts'
import type { SimClock } from '../../../runtime/index.ts'
import { ServiceNet } from '../services/service-net.ts'
import type { ServiceNetOptions, ServiceNode, ServiceNodeOptions } from '../services/service-net.ts'
import { Rosters } from './rosters.ts'

/** One node with presence. */
export interface PresenceNode {
  readonly node: ServiceNode
  readonly context: PresenceContext
  readonly presence: PresenceFunctions
  readonly server: RefOf<typeof PresenceServer>
}

/** A network of them. */
export class PresenceNet {
  readonly net: ServiceNet
  /** What members say of spaces; without `isRostered` they find each other in the catalog. */
  readonly rosters: Rosters
  readonly #options: PresenceOptions
  readonly #isRostered: boolean

  constructor({
    presence = {},
    isRostered = false,
    ...options
  }: ServiceNetOptions & {
    readonly presence?: PresenceOptions
    readonly isRostered?: boolean
  } = {}) {
    this.net = new ServiceNet(options)
    this.rosters = new Rosters(this.net.clock)
    this.#options = presence
    this.#isRostered = isRostered
  }

  get clock(): SimClock {
    return this.net.clock
  }

  async start(options: ServiceNodeOptions = {}): Promise<PresenceNode> {
    const node = this.net.node(options)
    if (this.#isRostered) Object.assign(node, { roster: this.rosters.port(node.self) })
    const context = createPresenceContext(node, this.#options)
    const presence = new PresenceFunctions(context, () => {})
    const server = await PresenceServer.start(context, { system: node.system })
    return { node, context, presence, server }
  }

  async startAll(count: number): Promise<readonly PresenceNode[]> {
    const nodes: PresenceNode[] = []
    for (let each = 0; each < count; each++) nodes.push(await this.start())
    return nodes
  }

  /** The process of presence is killed, and a supervisor starts another one. */
  async crash(node: PresenceNode): Promise<PresenceNode> {
    const { system } = node.node
    system.exit(node.server.pid, 'killed')
    await this.advance(0)
    return { ...node, server: await PresenceServer.start(node.context, { system }) }
  }

  /** The node dies; others are told after `detectMs`. */
  async kill(old: PresenceNode, detectMs: number): Promise<void> {
    await old.node.system.stop()
    this.net.kill(old.node, detectMs)
    if (this.#isRostered) this.clock.setTimer(detectMs, () => this.rosters.gone(old.node.self))
  }

  /** It says goodbye; others are told as soon as a frame needs. */
  async stop(old: PresenceNode): Promise<void> {
    old.presence.leave()
    await old.node.system.stop()
    await this.advance(this.net.latencyMs)
    this.net.kill(old.node, 0)
    for (const { courier, self } of this.net.nodes()) {
      if (self !== old.node.self) courier.gone(old.node.self, 'left')
    }
    if (this.#isRostered) this.rosters.gone(old.node.self)
  }

  /** It dies, and is back as another life with the same key before anybody has noticed. */
  async restart(old: PresenceNode): Promise<PresenceNode> {
    const { self, incarnation, system } = old.node
    await system.stop()
    const node = await this.start({ key: self, incarnation: incarnation + 1 })
    for (const other of this.net.nodes()) {
      if (other.self === self) continue
      other.catalog.forget(self)
      other.courier.gone(self, 'restarted')
    }
    return node
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms)
  }
}

/** What a watch has said, applied. */
export class Mirror {
  readonly events: PresenceEvent[] = []
  readonly entries: Map<string, PresenceEntry> = new Map()
  /** What did not fit: a leave of nothing, a join twice, a diff before the snapshot. */
  readonly faults: string[] = []

  readonly take = (event: PresenceEvent): void => {
    this.events.push(event)
    if (event.type === 'snapshot') {
      if (this.events.length > 1) this.faults.push('a second snapshot')
      for (const entry of event.entries) this.entries.set(entry.ref, entry)
      return
    }
    if (this.events.length === 1) this.faults.push('a diff before the snapshot')
    const left = new Set(event.leaves.map(({ ref }) => ref))
    for (const { ref } of event.leaves) {
      if (!this.entries.delete(ref)) this.faults.push(`${ref} left and was not there`)
    }
    for (const entry of event.joins) {
      if (this.entries.has(entry.ref)) this.faults.push(`${entry.ref} joined twice`)
      const { previousRef } = entry
      if (previousRef !== undefined && this.entries.has(previousRef) && !left.has(previousRef)) {
        this.faults.push(`${previousRef} was replaced and is there`)
      }
      this.entries.set(entry.ref, entry)
    }
  }

  keys(): string[] {
    return Array.from(this.entries.values(), ({ key }) => key).sort()
  }

  /** Entries as text, for comparison. */
  lines(): string[] {
    return linesOf(this.entries.values())
  }
}

/** Entries as text, for comparison. */
export function linesOf(entries: Iterable<PresenceEntry>): string[] {
  return Array.from(entries, ({ ref, key, meta }) => `${ref} ${key} ${JSON.stringify(meta)}`).sort()
}
