/** Catalog cores of some nodes over links in memory: in order, late, lost when a link ends. For tests. */
import type { CatalogChange, CatalogEntry, CatalogKind } from '../../../mesh/catalog/catalog.ts'
import { CatalogCore } from '../../../mesh/catalog/core.ts'
import type { LinkStates, CatalogSent, CatalogSink } from '../../../mesh/catalog/machine.ts'
import type { CatalogMessage } from '../../../mesh/catalog/message.ts'
import { catalogSettings } from '../../../mesh/catalog/settings.ts'
import type { CatalogOptions } from '../../../mesh/catalog/settings.ts'
import { matchesFilter } from '../../../mesh/topics/topic.ts'
import type { NodeKind } from '../../../mesh/wire/check.ts'

/** A message that was sent. */
export interface Sent {
  readonly from: string
  readonly to: string
  readonly message: CatalogMessage
}

/** One node. */
export interface SceneNode {
  readonly key: string
  readonly role: NodeKind
  life: number
  core: CatalogCore
  /** What its user set. */
  readonly own: Record<CatalogKind, Map<string, object>>
  readonly changes: CatalogChange[]
  readonly refusals: Map<string, number>
  readonly events: string[]
  /** Peers that take no more until they are drained. */
  readonly full: Set<string>
  /** Peers whose lane refuses the next message. */
  readonly refusing: Set<string>
  /** What it said in its latest hello, which may be older than the link. */
  said: NodeStates | undefined
  alive: boolean
}

interface Event {
  readonly atMs: number
  readonly run: () => void
}

type NodeStates = LinkStates['own']

function statesOf({ core }: SceneNode): NodeStates | undefined {
  const [topic, procedure] = [core.state('topic'), core.state('procedure')]
  return topic === undefined || procedure === undefined ? undefined : { topic, procedure }
}

/** See the head of this file. */
export class Scene {
  nowMs = 1_000
  latencyMs = 1
  readonly sent: Sent[] = []
  /** Decides whether a message is lost though the link stands. */
  loses: (sent: Sent) => boolean = () => false
  /** Whether both sides say in the handshake what they have. */
  greets = false
  readonly nodes = new Map<string, SceneNode>()
  readonly #options: CatalogOptions
  /** Which link of a pair this is; undefined when there is none. */
  readonly #links = new Map<string, number>()
  #linkCount = 0
  readonly #events: Event[] = []

  constructor(options: CatalogOptions = {}) {
    this.#options = options
  }

  add(role: NodeKind = 'member', options: CatalogOptions = {}): SceneNode {
    const key = (this.nodes.size + 1).toString(16).padStart(2, '0').repeat(32)
    const node: SceneNode = {
      ...{ key, role, life: 1, alive: true },
      core: undefined as unknown as CatalogCore,
      said: undefined,
      own: { topic: new Map(), procedure: new Map() },
      ...{ changes: [], refusals: new Map(), events: [], full: new Set(), refusing: new Set() },
    }
    node.core = this.#core(node, options)
    node.said = statesOf(node)
    this.nodes.set(key, node)
    return node
  }

  set(
    node: SceneNode,
    kind: CatalogKind,
    pattern: string,
    detail: Record<string, number> = {},
  ): void {
    node.core.set(this.nowMs, kind, pattern, detail)
    node.own[kind].set(pattern, detail)
  }

  delete(node: SceneNode, kind: CatalogKind, pattern: string): void {
    node.core.delete(this.nowMs, kind, pattern)
    node.own[kind].delete(pattern)
  }

  isLinked(a: SceneNode, b: SceneNode): boolean {
    return this.#links.has(pairOf(a.key, b.key))
  }

  link(a: SceneNode, b: SceneNode): void {
    if (this.isLinked(a, b)) return
    const isGreeted =
      this.greets &&
      a.said !== undefined &&
      b.said !== undefined &&
      a.role !== 'edge' &&
      b.role !== 'edge'
    this.#linkCount += 1
    this.#links.set(pairOf(a.key, b.key), this.#linkCount)
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      one.full.delete(other.key)
      one.core.step(this.nowMs, {
        type: 'linked',
        peer: other.key,
        life: other.life,
        role: other.role,
        states: isGreeted ? { own: one.said!, peer: other.said! } : undefined,
      })
    }
  }

  unlink(a: SceneNode, b: SceneNode): void {
    if (!this.#links.delete(pairOf(a.key, b.key))) return
    a.core.step(this.nowMs, { type: 'unlinked', peer: b.key })
    b.core.step(this.nowMs, { type: 'unlinked', peer: a.key })
  }

  /** Every node but itself is a member, or is not any more. */
  member(node: SceneNode, there: boolean): void {
    for (const other of this.nodes.values()) {
      if (other === node) continue
      other.core.step(this.nowMs, { type: 'member', node: node.key, there })
    }
  }

  /** The node ends without a word; a new life begins with nothing. */
  restart(node: SceneNode, options: CatalogOptions = {}): void {
    for (const other of this.nodes.values()) this.unlink(node, other)
    node.life += 1
    node.own.topic.clear()
    node.own.procedure.clear()
    node.core = this.#core(node, options)
    node.said = statesOf(node)
  }

  /** The process of the catalog ends and begins anew; links stand. */
  restartProcess(node: SceneNode): void {
    const former = node.core
    const version = Math.max(former.version('topic'), former.version('procedure')) + 1
    node.core = this.#core(node, {}, version)
    node.core.restore(this.nowMs, former.snapshot())
    for (const kind of ['topic', 'procedure'] as const) {
      for (const [pattern, detail] of node.own[kind]) {
        node.core.set(this.nowMs, kind, pattern, detail as Record<string, number>)
      }
    }
    for (const other of this.nodes.values()) {
      if (other === node || !this.isLinked(node, other)) continue
      node.core.step(this.nowMs, {
        type: 'linked',
        peer: other.key,
        life: other.life,
        role: other.role,
      })
    }
  }

  drain(node: SceneNode, peer: SceneNode): void {
    if (node.full.delete(peer.key)) node.core.step(this.nowMs, { type: 'drained', peer: peer.key })
  }

  /** Time passes; everything that is due happens, in order. */
  advance(ms: number): void {
    for (const node of this.nodes.values()) node.said = statesOf(node)
    const untilMs = this.nowMs + ms
    for (;;) {
      const event = this.#events[0]
      let dueMs = event?.atMs ?? Infinity
      let due: SceneNode | undefined
      for (const node of this.nodes.values()) {
        const deadline = Math.max(this.nowMs, node.core.nextDeadline())
        if (deadline < dueMs) {
          dueMs = deadline
          due = node
        }
      }
      if (dueMs > untilMs) break
      this.nowMs = dueMs
      if (due === undefined) {
        this.#events.shift()
        event!.run()
      } else due.core.step(this.nowMs, { type: 'tick' })
    }
    this.nowMs = untilMs
  }

  /** What `node` knows of `of`, and what is true, as text. */
  known(node: SceneNode, of: SceneNode, kind: CatalogKind): string {
    const entries = [...node.core.entries(kind)].filter((entry) => entry.node === of.key)
    return entries
      .map(({ pattern, detail }) => `${pattern} ${JSON.stringify(detail)}`)
      .sort()
      .join('\n')
  }

  truth(of: SceneNode, kind: CatalogKind): string {
    const own = Array.from(of.own[kind])
    return own
      .map(([pattern, detail]) => `${pattern} ${JSON.stringify(detail)}`)
      .sort()
      .join('\n')
  }

  /** Nodes of the entries that match, sorted; `via` in brackets. */
  lookup(node: SceneNode, kind: CatalogKind, name: string): string[] {
    const found: CatalogEntry[] = []
    node.core.match(kind, name, (entry) => void found.push(entry))
    for (const { pattern } of found) {
      if (!matchesFilter(pattern, name)) throw new Error(`${pattern} does not match ${name}`)
    }
    return found
      .map(({ node: key, via }) => key.slice(0, 2) + (via ? `(${via.slice(0, 2)})` : ''))
      .sort()
  }

  #core(node: SceneNode, options: CatalogOptions, version?: number): CatalogCore {
    const { key, life } = node
    const settings = catalogSettings({ ...this.#options, ...options })
    const role = node.role === 'edge' ? 'edge' : 'member'
    const more = version === undefined ? {} : { version }
    return new CatalogCore({ self: key, life, settings, role, ...more }, this.#sink(node))
  }

  #sink(node: SceneNode): CatalogSink {
    return {
      send: (to, message): CatalogSent => {
        if (node.refusing.delete(to)) return 'refused'
        const sent = { from: node.key, to, message }
        this.sent.push(sent)
        const link = this.#links.get(pairOf(node.key, to))
        if (!this.loses(sent)) this.#deliver(sent, link)
        return node.full.has(to) ? 'full' : 'sent'
      },
      changed: (change) => void node.changes.push(change),
      relayed: (kind, pattern, there) => {
        node.events.push(`${there ? 'relays' : 'relays no more'} ${kind} ${pattern}`)
      },
      synced: (peer) => void node.events.push(`synced ${peer.slice(0, 2)}`),
      unsynced: (peer) => void node.events.push(`unsynced ${peer.slice(0, 2)}`),
      refused: (code, _from, times = 1) => {
        node.refusals.set(code, (node.refusals.get(code) ?? 0) + times)
      },
    }
  }

  #deliver({ from, to, message }: Sent, link: number | undefined): void {
    this.#events.push({
      atMs: this.nowMs + this.latencyMs,
      run: () => {
        const target = this.nodes.get(to)
        if (target === undefined) return
        if (message.type === 'unwanted') {
          return target.core.step(this.nowMs, { type: 'unwanted', from, message })
        }
        if (link === undefined || this.#links.get(pairOf(from, to)) !== link) return
        if (message.type === 'question' || message.type === 'answer') return
        target.core.step(this.nowMs, { type: 'message', from, message })
      },
    })
  }
}

function pairOf(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
