/**
 * A world of bare cores: N synchronous machines, one queue, one network, in one thread and without a
 * promise. Drives each core through its boundary exactly as a detector process does: datagrams that may
 * get lost, requests on streams, a disk that acknowledges, a clock of its own that may jump, pauses.
 *
 *     core.step -> sink -> network decides -> queue -> core.step ...
 *
 * The same seed and the same calls give the same run. A core is single-threaded and never called back
 * from its own effects, so one sink serves all of them: the world knows who is stepping.
 */
import type { CoreOf, CoreSink, InputOf, NodeContact, Protocol } from './boundary.ts'
import { Chance, Purpose } from './chance.ts'
import { check, FINITE_MS, MS, NODES, SEED, STEP_MS } from './checked.ts'
import { EventQueue } from './event-queue.ts'
import { Happening } from './happening.ts'
import { LinkTable, type LinkOptions } from './link-table.ts'
import { LOST, NetworkModel, type NetworkOptions } from './network-model.ts'
import { Observers, type Observer } from './observer.ts'
import { SimulatedNode } from './simulated-node.ts'
import { Trace } from './trace.ts'

/** What a core is made from when its node starts. */
export interface Seat {
  readonly index: number
  readonly id: string
  readonly host: string
  readonly port: number
  /** On disk already, and above that of every life whose disk was kept. */
  readonly generation: number
  /** For the core's own chance; differs from life to life. */
  readonly seed: number
  /** Monotonic clock of this node. */
  readonly nowMs: number
}

/** How a world is made. */
export interface WorldOptions<P extends Protocol> {
  readonly seed: number
  readonly nodes: number
  /** Makes the core of a node that starts. */
  readonly boot: (seat: Seat) => CoreOf<P>
  /** Id of a seat, different for each; default `n` and the index. */
  readonly idOf?: (index: number) => string
  /** Host of a seat; default `sim`. Ports differ in any case. */
  readonly hostOf?: (index: number) => string
  readonly network?: NetworkOptions
  /** `false` for datagrams and streams without connections, as over UDP and TCP with cookies. */
  readonly links?: LinkOptions | false
  /** How long a write to the disk takes; default 1. */
  readonly diskMs?: number
  /** Input packets that wait at a paused node; what is more is lost. Default 1,024. */
  readonly inboxMax?: number
  /** Size of a datagram; without it all count as 100 bytes. */
  readonly bytesOf?: (message: P['datagram']) => number
  /** Where a core believes another node is; needed when nodes change their addresses. */
  readonly addressOf?: (
    core: CoreOf<P>,
    id: string,
  ) => Pick<NodeContact, 'host' | 'port'> | undefined
  /** Encodes and decodes; must give an equal message. */
  readonly codec?: (message: P['datagram']) => P['datagram']
  /** Share of datagrams that pass through `codec`; default 0.01. */
  readonly codecShare?: number
  /** Record a hash of everything that happens; default false. */
  readonly trace?: boolean
}

const DATAGRAM_BYTES = 100
const STREAM_BYTES = 1_000
const FIRST_PORT = 10_000
const TICK = Object.freeze({ type: 'tick' })

/** See the head of this file. */
export class CoreWorld<P extends Protocol> {
  readonly nodes: readonly SimulatedNode<P>[]
  readonly network: NetworkModel
  readonly chance: Chance
  /** Hash of the run so far; empty unless asked for. */
  readonly trace: Trace = new Trace()
  /** Inputs that cores have taken. */
  steps = 0
  readonly #options: WorldOptions<P>
  /** A number is a tick: life times number of nodes, and the node. Ten thousand of them always wait. */
  readonly #queue = new EventQueue<Happening<P> | number>()
  /** When the core of a node wants a tick, as of its last step; Infinity for never. */
  readonly #dueMs: Float64Array
  /** Time of the tick of a node that is queued; Infinity for none. */
  readonly #tickAtMs: Float64Array
  readonly #links: LinkTable<P> | undefined
  readonly #byId = new Map<string, SimulatedNode<P>>()
  readonly #byPort = new Map<number, SimulatedNode<P>>()
  readonly #observers = new Observers<P>()
  readonly #sink: CoreSink<P['datagram'], P['request'], P['reply'], P['event']>
  /** Who waits for which reply: requester and its request. */
  readonly #replies = new Map<number, { node: SimulatedNode<P>; life: number; requestId: number }>()
  #replyId = 0
  #datagrams = 0
  /** The node whose core is in `step`. */
  #stepping: SimulatedNode<P>

  constructor(options: WorldOptions<P>) {
    check('seed', options.seed, SEED)
    check('nodes', options.nodes, NODES)
    this.#options = options
    this.chance = new Chance(options.seed)
    this.network = new NetworkModel(options.seed, options.network)
    this.nodes = Array.from({ length: options.nodes }, (_, index) => {
      const id = options.idOf?.(index) ?? `n${String(index).padStart(5, '0')}`
      const host = options.hostOf?.(index) ?? 'sim'
      return new SimulatedNode<P>(index, id, host, FIRST_PORT + index)
    })
    for (const node of this.nodes) {
      this.#byId.set(node.id, node)
      this.#byPort.set(node.port, node)
    }
    this.#dueMs = new Float64Array(options.nodes).fill(Infinity)
    this.#tickAtMs = new Float64Array(options.nodes).fill(Infinity)
    this.#stepping = this.nodes[0]!
    this.#sink = this.#makeSink()
    if (options.links !== false) this.#links = new LinkTable<P>(this, options.links)
  }

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#queue.nowMs
  }

  /** The node of that index. */
  node(index: number): SimulatedNode<P> {
    const node = this.nodes[index]
    if (node === undefined) throw new RangeError(`no node ${index} of ${this.nodes.length}`)
    return node
  }

  /** The node of that id, if it is of this world. */
  nodeOf(id: string): SimulatedNode<P> | undefined {
    return this.#byId.get(id)
  }

  /** Nodes that have a core, paused ones too. */
  running(): SimulatedNode<P>[] {
    return this.nodes.filter((node) => node.running)
  }

  observe(observer: Observer<P>): void {
    this.#observers.add(observer)
  }

  /** Begins a new life at a seat; a running one is left alone. */
  start(index: number, options: { disk?: 'kept' | 'lost'; moved?: boolean } = {}): boolean {
    const node = this.node(index)
    if (node.running) return false
    if (options.disk === 'lost') node.diskGeneration = 0
    if (options.moved === true) this.#move(node)
    node.life++
    node.diskGeneration++
    node.hasLeft = false
    node.core = this.#options.boot({
      index,
      id: node.id,
      host: node.host,
      port: node.port,
      generation: node.diskGeneration,
      seed: this.chance.bits(Purpose.core, index, node.life, 0),
      nowMs: this.clockOf(node),
    })
    for (const watch of this.#observers.started) watch(node)
    this.#arm(node)
    return true
  }

  /** Ends a life at once, without a word. */
  stop(index: number): boolean {
    const node = this.node(index)
    if (!node.running) return false
    node.life++
    node.core = undefined
    node.paused = false
    node.blocked = false
    this.#tickAtMs[index] = Infinity
    node.tickMissed = false
    node.inbox.length = 0
    node.outbox.length = 0
    node.outstanding.clear()
    this.#links?.clear(node)
    for (const watch of this.#observers.stopped) watch(node)
    return true
  }

  /** Lets a node neither do nor hear anything until {@link resume}. */
  pause(index: number): boolean {
    const node = this.node(index)
    if (!node.running || node.paused) return false
    node.paused = true
    return true
  }

  /** Lets it go on: late timers first or waiting packets first, as chance has it. */
  resume(index: number): boolean {
    const node = this.node(index)
    if (!node.paused) return false
    node.paused = false
    const { life } = node
    const timersFirst = this.chance.uniform(Purpose.order, index, life, this.nowMs) < 0.5
    if (node.tickMissed && timersFirst) this.#tick(node)
    if (!node.blocked) this.#drain(node)
    if (node.tickMissed && node.life === life) this.#tick(node)
    return true
  }

  #drain(node: SimulatedNode<P>): void {
    const { life } = node
    for (const item of node.inbox.splice(0)) {
      if (node.life !== life) return
      if (typeof item === 'function') item()
      else this.#step(node, item)
    }
  }

  /**
   * Holds back what a node sends and what arrives, while its timers run on: a member that is too busy to
   * get at its socket (Lifeguard).
   */
  block(index: number): boolean {
    const node = this.node(index)
    if (!node.running || node.blocked) return false
    node.blocked = true
    return true
  }

  /** Lets out what was held back, then in what waited. */
  unblock(index: number): boolean {
    const node = this.node(index)
    if (!node.blocked) return false
    node.blocked = false
    for (const task of node.outbox.splice(0)) task()
    if (!node.paused) this.#drain(node)
    return true
  }

  /** Moves the monotonic clock of a node forward. */
  jump(index: number, byMs: number): void {
    const node = this.node(index)
    if (byMs > 0) node.clockAheadMs += byMs
    this.#tickAtMs[index] = Infinity
    this.#arm(node)
  }

  /** Gives a running, unpaused core a command. */
  command(index: number, command: P['command']): boolean {
    const node = this.node(index)
    if (!node.running) return false
    if (node.paused) node.inbox.push(command)
    else this.#step(node, command)
    return true
  }

  /** Gives a node any input, as a hostile peer could. */
  inject(index: number, input: InputOf<P>): void {
    this.#arrive(this.node(index), input)
  }

  /** Runs `task` at a time of the world, before whatever is added for that time later. */
  at(atMs: number, task: () => void): void {
    this.#queue.add(atMs, new Happening<P>(this.nodes[0]!, -1, task))
  }

  /** Runs `task` in the present life of a node; while it is paused the task waits. */
  later(node: SimulatedNode<P>, delayMs: number, task: () => void): void {
    this.#queue.add(this.nowMs + delayMs, new Happening<P>(node, node.life, task))
  }

  /** Time on the monotonic clock of a node. */
  clockOf(node: SimulatedNode<P>): number {
    return this.nowMs + node.clockAheadMs
  }

  /** Lets `ms` pass. */
  run(ms: number): void {
    check('ms', ms, FINITE_MS)
    const untilMs = this.nowMs + ms
    for (;;) {
      const item = this.#queue.take(untilMs)
      if (item === undefined) return
      if (typeof item === 'number') this.#happenTick(item)
      else this.#happen(item)
    }
  }

  /**
   * Lets time pass until `condition` holds, asked every `everyMs`; the time it took, or undefined when it
   * does not hold within `withinMs`.
   */
  runUntil(condition: () => boolean, withinMs: number, everyMs = 10): number | undefined {
    check('withinMs', withinMs, MS)
    check('everyMs', everyMs, STEP_MS)
    const startMs = this.nowMs
    while (!condition()) {
      if (this.nowMs - startMs >= withinMs) return undefined
      this.run(everyMs)
    }
    return this.nowMs - startMs
  }

  #happen(item: Happening<P>): void {
    const { node, life, what } = item
    if (life === -1) {
      if (typeof what === 'function') what()
    } else if (life !== node.life) return
    else if (typeof what === 'function') {
      if (node.paused || node.blocked) node.inbox.push(what)
      else what()
    } else this.#arrive(node, what)
  }

  #happenTick(tick: number): void {
    const index = tick % this.nodes.length
    const node = this.nodes[index]!
    if (this.nowMs !== this.#tickAtMs[index] || tick !== this.#tickOf(node)) return
    if (node.paused) node.tickMissed = true
    else this.#tick(node)
  }

  #tickOf({ life, index }: SimulatedNode<P>): number {
    return life * this.nodes.length + index
  }

  #arrive(node: SimulatedNode<P>, input: InputOf<P>): void {
    if (node.paused || (node.blocked && isFromOutside(input))) {
      if (node.inbox.length < (this.#options.inboxMax ?? 1_024)) node.inbox.push(input)
    } else this.#step(node, input)
  }

  #tick(node: SimulatedNode<P>): void {
    this.#tickAtMs[node.index] = Infinity
    node.tickMissed = false
    // Most ticks are for what was done meanwhile: the core, which is far away in memory, is left alone then.
    if (this.#dueMs[node.index]! <= this.nowMs) this.#step(node, TICK)
    else this.#queueTick(node)
  }

  #arm(node: SimulatedNode<P>): void {
    if (node.core === undefined) return
    const { nowMs } = this
    const dueMs = Math.ceil(node.core.nextDeadline() - node.clockAheadMs)
    this.#dueMs[node.index] = Math.max(nowMs, dueMs)
    this.#queueTick(node)
  }

  #queueTick(node: SimulatedNode<P>): void {
    const dueMs = this.#dueMs[node.index]!
    if (dueMs >= this.#tickAtMs[node.index]!) return
    this.#tickAtMs[node.index] = dueMs
    this.#queue.add(dueMs, this.#tickOf(node))
  }

  #step(node: SimulatedNode<P>, input: InputOf<P>): void {
    const { core, life } = node
    if (core === undefined) return
    const observers = this.#observers
    this.steps++
    if (input.type === 'datagram') node.load.datagramsReceived++
    else if (isPersisted(input)) {
      node.diskGeneration = Math.max(node.diskGeneration, input.generation)
    } else if (isAnswer(input) && !node.outstanding.delete(input.requestId)) return
    if (this.#options.trace === true) this.trace.add('in', this.nowMs, node.index, input)
    for (const watch of observers.stepping) watch(node, input)
    this.#stepping = node
    core.step(this.clockOf(node), input, this.#sink)
    for (const watch of observers.stepped) watch(node, input)
    if (node.life === life) this.#arm(node)
  }

  #makeSink(): CoreSink<P['datagram'], P['request'], P['reply'], P['event']> {
    return {
      send: (to, message) => this.#send(this.#stepping, to, message),
      request: (requestId, to, message, deadlineMs) =>
        this.#request(this.#stepping, requestId, to, message, deadlineMs),
      cancel: (requestId) => {
        this.#stepping.outstanding.delete(requestId)
        this.#record('cancel', requestId)
        for (const watch of this.#observers.cancelled) watch(this.#stepping, requestId)
      },
      reply: (replyId, message) => this.#reply(this.#stepping, replyId, message),
      event: (event) => {
        this.#record('event', event)
        for (const watch of this.#observers.event) watch(this.#stepping, event)
      },
      persist: (generation) => this.#persist(this.#stepping, generation),
      refused: (code, from) => {
        this.#record(code, from)
        for (const watch of this.#observers.refused) watch(this.#stepping, code, from)
      },
      left: () => {
        const node = this.#stepping
        node.hasLeft = true
        this.#record('left', undefined)
        for (const watch of this.#observers.left) watch(node)
      },
    }
  }

  #record(kind: string, data: unknown): void {
    if (this.#options.trace === true) this.trace.add(kind, this.nowMs, this.#stepping.index, data)
  }

  #send(node: SimulatedNode<P>, to: string, message: P['datagram']): void {
    const { bytesOf, codec, codecShare = 0.01 } = this.#options
    const bytes = bytesOf === undefined ? DATAGRAM_BYTES : bytesOf(message)
    node.load.datagramsSent++
    node.load.bytesSent += bytes
    this.#record('send', message)
    for (const watch of this.#observers.sent) watch(node, to, message)
    const target = this.#target(node, to)
    if (target === undefined) return
    let passed = message
    if (codec !== undefined) {
      const luck = this.chance.uniform(Purpose.codec, node.index, target.index, this.#datagrams++)
      if (luck < codecShare) passed = codec(message)
    }
    const passes = !node.blocked && (this.#links?.carries(node, target) ?? true)
    if (passes) this.#carry(node, target, passed, bytes)
    else this.#go(node, target, () => this.#carry(node, target, passed, bytes))
  }

  /** Runs `task`, which sends something, as soon as the node gets at its socket and has a link. */
  #go(node: SimulatedNode<P>, target: SimulatedNode<P>, task: () => void): void {
    const links = this.#links
    if (node.blocked) {
      const send = links === undefined ? task : (): void => links.use(node, target, task)
      if (node.outbox.length < (this.#options.inboxMax ?? 1_024)) node.outbox.push(send)
    } else if (links === undefined) task()
    else links.use(node, target, task)
  }

  /** Who is at the address where this core believes that node to be. */
  #target(node: SimulatedNode<P>, id: string): SimulatedNode<P> | undefined {
    const target = this.#byId.get(id)
    const { addressOf } = this.#options
    if (target === undefined || !target.moved || addressOf === undefined) return target
    const address = node.core && addressOf(node.core, id)
    return address?.port === target.port ? target : undefined
  }

  #carry(
    node: SimulatedNode<P>,
    target: SimulatedNode<P>,
    message: P['datagram'],
    bytes: number,
  ): void {
    const delayMs = this.network.datagram(node.index, target.index, this.nowMs, bytes)
    const { duplicateMs } = this.network
    if (delayMs === LOST || !target.running) {
      for (const watch of this.#observers.lost) watch(node, target.id, message)
      return
    }
    const input: InputOf<P> = { type: 'datagram', from: node.id, message }
    this.#deliver(target, delayMs, input)
    if (duplicateMs !== LOST) this.#deliver(target, duplicateMs, input)
  }

  #deliver(target: SimulatedNode<P>, delayMs: number, input: InputOf<P>): void {
    this.#queue.add(this.nowMs + delayMs, new Happening<P>(target, target.life, input))
  }

  #request(
    node: SimulatedNode<P>,
    requestId: number,
    to: NodeContact,
    message: P['request'],
    deadlineMs: number,
  ): void {
    node.outstanding.add(requestId)
    node.load.requestsSent++
    this.#record('request', message)
    for (const watch of this.#observers.requested) watch(node, requestId, to, message)
    for (const watch of this.#observers.streamed) watch(node, message)
    const waitMs = Math.max(0, deadlineMs - this.clockOf(node))
    this.#deliver(node, waitMs, { type: 'request_failed', requestId })
    // Whoever has just been heard can be reached over its own link, before its address is known.
    const isHeard = to.port === 0 && to.id !== undefined
    const target = isHeard ? this.#byId.get(to.id) : this.#byPort.get(to.port)
    if (target === undefined || (to.id !== undefined && to.id !== target.id)) return
    const { life } = node
    const sentMs = this.nowMs
    const go = (): void => {
      const delayMs = this.network.stream(node.index, target.index, this.nowMs, STREAM_BYTES)
      if (delayMs === LOST || !target.running) return
      this.later(target, delayMs, () => {
        const replyId = ++this.#replyId
        this.#replies.set(replyId, { node, life, requestId })
        target.load.requestsReceived++
        this.#step(target, { type: 'request', from: node.id, replyId, message })
        // An answer may come later, from a disk say, but not after the deadline.
        if (!this.#replies.has(replyId)) return
        this.at(sentMs + waitMs, () => this.#replies.delete(replyId))
      })
    }
    this.#go(node, target, go)
  }

  #reply(node: SimulatedNode<P>, replyId: number, message: P['reply']): void {
    this.#record('reply', message)
    for (const watch of this.#observers.streamed) watch(node, message)
    for (const watch of this.#observers.replied) watch(node, replyId, message)
    const waiting = this.#replies.get(replyId)
    this.#replies.delete(replyId)
    if (waiting === undefined || waiting.node.life !== waiting.life) return
    const { requestId } = waiting
    const delayMs = this.network.stream(node.index, waiting.node.index, this.nowMs, STREAM_BYTES)
    if (delayMs === LOST) return
    this.#deliver(waiting.node, delayMs, { type: 'reply', requestId, from: node.id, message })
  }

  #persist(node: SimulatedNode<P>, generation: number): void {
    this.#record('persist', generation)
    for (const watch of this.#observers.persisting) watch(node, generation)
    this.#deliver(node, this.#options.diskMs ?? 1, { type: 'persisted', generation })
  }

  #move(node: SimulatedNode<P>): void {
    this.#byPort.delete(node.port)
    node.port += this.nodes.length
    node.moved = true
    this.#byPort.set(node.port, node)
  }
}

type Typed = { readonly type: string }

function isFromOutside({ type }: Typed): boolean {
  return type === 'datagram' || type === 'request' || type === 'reply'
}

function isPersisted(input: Typed): input is { type: 'persisted'; generation: number } {
  return input.type === 'persisted'
}

/** Ends a request; the first answer wins, and none may follow a cancelled request. */
function isAnswer(input: Typed): input is { type: string; requestId: number } {
  return input.type === 'reply' || input.type === 'request_failed'
}
