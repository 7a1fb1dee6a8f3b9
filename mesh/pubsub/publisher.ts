/**
 * The way of a publish: subscribers of this node, then, as soon as it is known who wants the topic, other nodes and
 * groups. One after the other: a publish from within a handler waits until the one under way is done, so that depth
 * costs no stack.
 */
import { asNobody } from '../../runtime/index.ts'
import type { PubSubContext } from './context.ts'
import { Deliveries } from './deliveries.ts'
import type { Drawn } from './drawn.ts'
import { PubSubError } from './errors.ts'
import { frameOf } from './letter.ts'
import type { LocalSubscription } from './local-subscription.ts'
import type { Publication, ReplyTaker } from './message.ts'
import { NodeQueues } from './node-queues.ts'
import { Outgoing } from './outgoing.ts'
import { makeReply } from './replies.ts'
import type { LocalGroup } from './registry.ts'
import type { Requests } from './requests.ts'
import type { GroupSite, RemoteNode, Route, RouteGroup } from './routes.ts'
import { Waiting } from './waiting.ts'

const NOBODY: ReadonlySet<string> = new Set()

/** Publishes of a turn, of handlers of each other, before others get a turn. */
const TURN_MAX = 10_000

/** A node that a message goes to, with the groups that it is chosen for. */
interface Target extends RemoteNode {
  readonly groups?: readonly string[] | undefined
}

/** See the head of this file. */
export class Publisher {
  readonly queues: NodeQueues
  readonly #context: PubSubContext
  readonly #requests: Requests
  readonly #waiting: Waiting
  /** Runs what does not begin with a call of the hub. */
  readonly #run: (work: () => void) => void
  /** Those of handlers; the ones before `turnHead` are done. */
  #turn: Outgoing[] = []
  #turnHead = 0
  #isWorking = false

  constructor(context: PubSubContext, requests: Requests, run: (work: () => void) => void) {
    this.#context = context
    this.#requests = requests
    this.#run = run
    const { settings, clock, courier, refusals, catalog, memory } = context
    this.queues = new NodeQueues({
      settings,
      send: (node, via, frame) => {
        memory.counters.sent += 1
        return courier.send(node, 'pubsub', frame, { via })
      },
      now: () => clock.now(),
      dropped: (node) => {
        memory.counters.dropped += 1
        refusals.count('ERR_PUBSUB_QUEUE_FULL', { node })
      },
    })
    const release = (each: Outgoing): void => this.#remote(each)
    const now = (): number => clock.now()
    const over = (work: () => void): void => run(() => this.#workThrough(work))
    this.#waiting = new Waiting({
      ...{ catalog, routes: memory.routes, settings, release, run: over, now },
      kept: (each, expiresMs) => memory.waitingStore?.keep(each, expiresMs),
      left: (each) => memory.waitingStore?.forget(each),
      abandoned: (each) => {
        // Its publisher is told; only the next life of the node sends it all the same.
        if (!memory.isLeaving) memory.waitingStore?.forget(each)
      },
    })
  }

  /** Publishes that wait until it is known who wants them. */
  get waiting(): number {
    return this.#waiting.size + this.#turnLength
  }

  /** Whether that message is still to be sent to other nodes. */
  isToCome(topic: string, sequence: number): boolean {
    if (this.#waiting.has(topic, sequence)) return true
    return this.#turnLength > 0 && this.#turn.some(({ letter }) => letter.sequence === sequence)
  }

  /** Its result is found in `outgoing`. */
  publish(outgoing: Outgoing): void {
    if (this.#isWorking || this.#turnLength > 0) {
      if (this.#turnLength >= this.#context.settings.publishPendingMax) {
        return outgoing.fail(this.#waiting.overflow(outgoing))
      }
      this.#turn.push(outgoing)
      return
    }
    this.#workThrough(() => this.#begin(outgoing))
  }

  /** Those that waited when the life before ended: for other nodes, as subscribers of this one have had them. */
  restore(outgoings: readonly Outgoing[]): void {
    this.#workThrough(() => {
      for (const outgoing of outgoings) this.#restore(outgoing)
    })
  }

  #restore(outgoing: Outgoing): void {
    const { memory } = this.#context
    const { topic } = outgoing.letter
    outgoing.onFailed((error) => {
      const { nodes } = error as PubSubError
      // That of nodes in the outbox was told by them.
      if (nodes.length === 0 && !memory.isLeaving) memory.unacknowledged(topic, [])
    })
    const waits = this.#waiting.mustWait(topic)
    const error = waits ? this.#waiting.add(outgoing) : undefined
    if (waits && error === undefined) return
    if (error === undefined) this.#remote(outgoing)
    else outgoing.fail(error)
    memory.waitingStore?.forget(outgoing)
  }

  /** That node has no member any more of those groups, for which it was drawn: another one is. */
  returned(node: string, sequence: number, groups: readonly string[]): void {
    const { drawn } = this.#context.memory
    for (const group of groups) {
      const back = drawn.take(node, sequence, group)
      if (back !== undefined) this.#workThrough(() => this.#drawAgain(node, back))
    }
  }

  /** What waits fails. */
  close(error: PubSubError): void {
    for (const outgoing of this.#turn.splice(this.#turnHead)) outgoing.fail(error)
    this.#waiting.close(error)
  }

  get #turnLength(): number {
    return this.#turn.length - this.#turnHead
  }

  /** Does it, then what handlers publish meanwhile; unless others come before that, for which there is a turn already. */
  #workThrough(work: () => void): void {
    const isDue = this.#turnLength > 0
    this.#work(() => {
      work()
      if (!isDue) this.#workOff()
    })
  }

  #workOff(): void {
    for (let done = 0; this.#turnLength > 0 && done < TURN_MAX; done++) {
      const outgoing = this.#turn[this.#turnHead]!
      this.#turnHead += 1
      this.#begin(outgoing)
    }
    this.#turn = this.#turn.slice(this.#turnHead)
    this.#turnHead = 0
    if (this.#turn.length === 0) return
    this.#context.clock.nextTurn(() => this.#run(() => this.#work(() => this.#workOff())))
  }

  #work(work: () => void): void {
    this.#isWorking = true
    try {
      work()
    } finally {
      this.#isWorking = false
    }
  }

  #begin(outgoing: Outgoing): void {
    const { topic } = outgoing.letter
    const { routes } = this.#context.memory
    if (this.#waiting.mustWait(topic)) {
      const error = this.#waiting.add(outgoing)
      if (error !== undefined) return outgoing.fail(error)
      this.#local(outgoing)
      return
    }
    const route = routes.route(topic)
    const error = outgoing.delivery === 'at_least_once' ? this.#full(outgoing, route) : undefined
    if (error !== undefined) return outgoing.fail(error)
    this.#local(outgoing)
    this.#send(outgoing, route)
  }

  /** It is known now who wants it. */
  #remote(outgoing: Outgoing): void {
    const route = this.#context.memory.routes.route(outgoing.letter.topic)
    const error = outgoing.delivery === 'at_least_once' ? this.#full(outgoing, route) : undefined
    if (error !== undefined) return outgoing.fail(error)
    this.#send(outgoing, route)
  }

  /** Subscribers of this node that are in no group. */
  #local(outgoing: Outgoing): void {
    const { memory, self } = this.#context
    const { plain } = memory.routes.local(outgoing.letter.topic)
    if (plain.length === 0 || outgoing.exclude?.has(self) === true) return
    const publication = this.#publication(outgoing)
    asNobody(() => {
      for (let at = 0; at < plain.length; at++) this.#give(outgoing, plain[at]!, publication)
    })
  }

  #give(outgoing: Outgoing, subscription: LocalSubscription, publication: Publication): void {
    if (subscription.settings.noLocal) return
    const taken = subscription.take(publication)
    if (taken === 'dropped') return
    if (taken === 'overrun') {
      outgoing.isOverrun = true
      return
    }
    if (taken === 'blocked') {
      outgoing.blocked ??= []
      outgoing.blocked.push(subscription)
    }
    outgoing.local += 1
    this.#context.memory.counters.delivered += 1
  }

  #send(outgoing: Outgoing, route: Route): void {
    const { letter, exclude } = outgoing
    const all = route.groups.length === 0 ? route.nodes : this.#choose(outgoing, route)
    const nodes = exclude === undefined ? all : all.filter(({ node }) => !exclude.has(node))
    if (letter.requestId !== undefined) {
      const asked = nodes.map(({ node }) => node)
      this.#requests.asked(letter.requestId, asked, outgoing.local > 0)
    }
    this.#dispatch(outgoing, nodes)
  }

  #dispatch(outgoing: Outgoing, nodes: readonly Target[]): void {
    if (outgoing.delivery === 'at_most_once') this.#post(outgoing, nodes)
    else this.#register(outgoing, nodes)
    for (const { node, groups } of nodes) {
      if (groups !== undefined) this.#keep(outgoing, node, groups)
    }
  }

  /** Until it must have come. Of a request its caller is told at once that nobody is there. */
  #keep(outgoing: Outgoing, node: string, groups: readonly string[]): void {
    const { memory, clock } = this.#context
    const { letter, delivery, exclude = NOBODY, ttlMs } = outgoing
    if (letter.requestId !== undefined) return
    const nowMs = clock.now()
    const expiresMs = outgoing.expiresMs ?? nowMs + ttlMs
    for (const group of groups) {
      memory.drawn.add(node, { letter, delivery, group, exclude, expiresMs }, nowMs)
    }
  }

  /** A message that came to nobody: to another member of the group, or it is said that there is none. */
  #drawAgain(node: string, { letter: drawn, delivery, group, exclude, expiresMs }: Drawn): void {
    const { memory, clock, refusals } = this.#context
    const { topic } = drawn
    // Subscribers in no group have got it the first time, wherever they are.
    const letter = { ...drawn, isDrawnAgain: true }
    const ttlMs = Math.max(1, expiresMs - clock.now())
    const outgoing = new Outgoing({ letter, delivery, localFirst: false, exclude, ttlMs })
    const members = memory.routes.route(topic).groups.find(({ name }) => name === group)
    const isHere = members !== undefined && this.#here(outgoing, members.local) > 0
    const site = members === undefined ? undefined : this.#pick(outgoing, members)
    if (site !== undefined) {
      return this.#dispatch(outgoing, [{ node: site.node, via: site.via, groups: [group] }])
    }
    if (isHere) return
    refusals.count('ERR_PUBSUB_GROUP_EMPTY', { topic, group })
    if (delivery === 'at_least_once') memory.unacknowledged(topic, [node])
  }

  #post(outgoing: Outgoing, nodes: readonly Target[]): void {
    const { codec } = this.#context
    let shared: Uint8Array | undefined
    let dropped = 0
    for (const { node, via, groups } of nodes) {
      const frame =
        groups === undefined
          ? (shared ??= frameOf(outgoing.letter, codec))
          : frameOf(outgoing.letter, codec, groups)
      if (!this.queues.send(node, via, frame)) dropped += 1
    }
    outgoing.finish(nodes.length - dropped, dropped)
  }

  #register(outgoing: Outgoing, nodes: readonly Target[]): void {
    const { memory, clock } = this.#context
    const { letter, ttlMs } = outgoing
    if (nodes.length === 0) return outgoing.finish(0, 0)
    const { topic } = letter
    const deliveries = new Deliveries(topic, nodes.length, (outcome) => {
      const { failed, isDenied } = outcome
      if (failed.length === 0) return outgoing.finish(outcome.nodes, 0)
      memory.unacknowledged(topic, failed)
      const code = isDenied ? 'ERR_PUBSUB_UNAUTHORIZED' : 'ERR_PUBSUB_UNACKNOWLEDGED'
      const text = `${topic}: ${failed.length} of ${nodes.length} nodes did not acknowledge`
      outgoing.fail(new PubSubError(code, text, { topic, nodes: failed }))
    })
    const expiresMs = outgoing.expiresMs ?? clock.now() + ttlMs
    const isStored = letter.requestId === undefined
    for (const { node, via, groups } of nodes) {
      memory.outbox.add(node, via, { letter, groups, deliveries, isStored }, expiresMs)
    }
  }

  /** Before anybody gets it: it goes to all or to none. */
  #full(outgoing: Outgoing, route: Route): PubSubError | undefined {
    const { letter, exclude } = outgoing
    const { memory } = this.#context
    const nodes = route.nodes.map(({ node }) => node).filter((node) => exclude?.has(node) !== true)
    const full = Array.from(memory.outbox.full(nodes, letter.payload.size))
    for (const { local, sites } of route.groups) {
      if (this.#here(outgoing, local) > 0) continue
      if (this.#open(outgoing, sites).length > 0) continue
      for (const { node } of sites) if (exclude?.has(node) !== true) full.push(node)
    }
    if (full.length === 0) return undefined
    const { topic } = letter
    const text = `${topic}: too much waits for the acknowledgement of ${full.length} nodes`
    return new PubSubError('ERR_PUBSUB_OUTBOX_FULL', text, { topic, nodes: full })
  }

  /** Nodes, and for each group one more or this one. */
  #choose(outgoing: Outgoing, route: Route): readonly Target[] {
    const targets = new Map<string, { via: string | undefined; groups: string[] | undefined }>()
    for (const { node, via } of route.nodes) targets.set(node, { via, groups: undefined })
    for (const group of route.groups) {
      const site = this.#pick(outgoing, group)
      if (site === undefined) continue
      const { node, via } = site
      const target = targets.get(node) ?? { via, groups: undefined }
      targets.set(node, target)
      target.groups ??= []
      target.groups.push(group.name)
    }
    return Array.from(targets, ([node, target]) => ({ node, ...target }))
  }

  /** One of the members of a group, wherever they are, each with the same chance; undefined when it is given here. */
  #pick(outgoing: Outgoing, { local, sites }: RouteGroup): GroupSite | undefined {
    const { localFirst } = outgoing
    const { chance } = this.#context
    const here = this.#here(outgoing, local)
    const open = this.#open(outgoing, sites)
    const away = open.reduce((sum, { members }) => sum + members, 0)
    if (here + away === 0) return undefined
    let drawn = here > 0 && localFirst ? 0 : chance() * (here + away)
    if (drawn < here) {
      const member = local?.pick(true)
      if (member !== undefined) {
        const publication = this.#publication(outgoing)
        asNobody(() => this.#give(outgoing, member, publication))
      }
      return undefined
    }
    drawn -= here
    for (const site of open) {
      if (drawn < site.members) return site
      drawn -= site.members
    }
    return open.at(-1)
  }

  /** Members of a group on this node that may get it. */
  #here({ exclude }: Outgoing, local: LocalGroup | undefined): number {
    return local === undefined || exclude?.has(this.#context.self) === true ? 0 : local.count()
  }

  /** Nodes of a group that may get it, and have room for it. */
  #open(
    { exclude, delivery, letter }: Outgoing,
    sites: readonly GroupSite[],
  ): readonly GroupSite[] {
    const { outbox } = this.#context.memory
    const isFull = (node: string): boolean =>
      delivery === 'at_least_once' && outbox.full([node], letter.payload.size).length > 0
    return sites.filter(({ node }) => exclude?.has(node) !== true && !isFull(node))
  }

  #publication({ letter, delivery }: Outgoing): Publication {
    const { topic, payload, sequence, headers, stampMs, requestId } = letter
    return {
      topic,
      payload,
      publisher: this.#context.self,
      sequence,
      delivery,
      retained: false,
      stampMs,
      headers,
      settlement: undefined,
      reply: requestId === undefined ? undefined : this.#replyTaker(requestId),
    }
  }

  #replyTaker(requestId: number): ReplyTaker {
    const { self } = this.#context
    return (payload, options) => {
      const { value, headers = {} } = makeReply(this.#context, payload, options)
      this.#requests.reply(requestId, { payload: value.take(), publisher: self, headers })
    }
  }
}
