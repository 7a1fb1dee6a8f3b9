/**
 * A world of whole services: members that are gateways, peers at the edge, and the books that are kept of what they do.
 * `services-commands.ts` says what they are asked for, `services-chaos.ts` how a run goes.
 */
import type { SimNode, Simulation } from '../../dist/simulation/index.ts'
import type { GatewayOptions, Mesh, PubSubMessage, ServicesOptions } from '../../mesh/index.ts'
import { asNobody, currentProcess, ownPromise } from '../../runtime/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { CallAccount } from './services-calls.ts'
import { BrokenPromise, Claims } from './services-claim.ts'
import { Life } from './services-life.ts'
import type { Participant } from './services-life.ts'
import { EdgePlace } from './services-peers.ts'
import { PresenceAccount } from './services-presence.ts'
import { TopicAccount } from './services-topics.ts'
import type { Subscriber } from './services-topics.ts'

export const MEMBERS = 3
/** Seats of the gateways that each peer knows. */
const EDGES: readonly (readonly number[])[] = [
  [0, 1],
  [1, 2],
]
export const SEATS: number = MEMBERS + EDGES.length

export const ROOMS: readonly string[] = ['room.a', 'room.b']
export const PROCEDURES: readonly string[] = ['work.a', 'work.b']
/** Of what groups share. */
export const JOBS = 'jobs.*'
export const GROUPS: readonly string[] = ['workers', 'others']
/** Last values: each participant has a topic of its own. */
export const LAST = 'last.*'

/** Short times, so that all of it happens within a minute. */
export const SERVICES: ServicesOptions = {
  pubsub: { outboxTtlMs: 20_000, retryMaxMs: 2_000, sessionTtlMs: 30_000 },
  presence: { idleMs: 10_000, retryMaxMs: 5_000 },
}
export const GATEWAY: GatewayOptions = { health: false }

/** It takes so long at most to find out who wants something. */
const SEEK_MS_MAX = 2_500
/** What a peer wants is known for so long without a gateway, less what it takes to notice. */
const AWAY_MS_MAX = 6_000

/** See the file header. */
export class ServicesWorld {
  readonly simulation: Simulation
  readonly claims: Claims = new Claims()
  readonly topics: TopicAccount
  readonly calls: CallAccount
  readonly presence: PresenceAccount
  readonly #lives: (Life | undefined)[] = []
  readonly edges: EdgePlace[] = []
  /** What happened, so that a run in which nothing did is noticed. */
  readonly counts: Map<string, number> = new Map()
  /** Groups, last values and calls to all as well; without, a seed is what it was before there were those. */
  readonly isWide: boolean
  #livesMade = 0

  constructor(simulation: Simulation, isWide: boolean) {
    this.simulation = simulation
    this.isWide = isWide
    const { claim } = this.claims
    const now = (): number => simulation.nowMs
    this.topics = new TopicAccount(claim, now, (by, to) => this.#isCertain(by, to))
    this.calls = new CallAccount(claim, now)
    this.presence = new PresenceAccount(claim)
  }

  /** Throws what one of the books found. */
  check(): void {
    if (this.claims.broken !== undefined) throw this.claims.broken
  }

  /** Whoever has that seat and runs. */
  life(seat: number): Life | undefined {
    const life = this.#lives[seat]
    if (life === undefined || life.isOver) return undefined
    if (!life.isMember) return life.isPaused ? undefined : life
    const { state } = this.simulation.node(seat)
    if (state === 'crashed') this.#over(life)
    return state === 'running' ? life : undefined
  }

  /** All who run. */
  lives(): readonly Life[] {
    return Array.from({ length: SEATS }, (_, seat) => this.life(seat)).filter(
      (life) => life !== undefined,
    )
  }

  /** Setup of a member. */
  memberStarted(node: SimNode): void {
    asNobody(() => {
      const { mesh } = node.node
      const life = this.#begin(node.index, mesh)
      mesh.membership.subscribe(({ type, member }) => {
        if (type === 'down' || type === 'left') this.#down(life, member.key.hex)
      })
    })
  }

  /** Brings the peers to their places; called within `run`. */
  async startEdges(): Promise<void> {
    const base = currentProcess()!.system.clock as Clock
    const { realm } = this.simulation.node(0).node.mesh
    for (const [index, gateways] of EDGES.entries()) {
      const parts = { base, realm, gateways, services: SERVICES }
      this.edges.push(new EdgePlace(this.simulation, MEMBERS + index, parts))
      await this.startEdge(MEMBERS + index)
    }
  }

  /** The peer with that seat begins a life. */
  async startEdge(seat: number): Promise<void> {
    const place = this.edge(seat)
    const peer = await outside(() => place.start())
    asNobody(() => {
      const life = this.#begin(seat, peer)
      life.awayFromMs = this.simulation.nowMs
      peer.onState((state) => {
        if (state === 'connected') life.awayFromMs = undefined
        else life.awayFromMs ??= this.simulation.nowMs
      })
    })
  }

  edge(seat: number): EdgePlace {
    return this.edges[seat - MEMBERS]!
  }

  crashEdge(seat: number): void {
    const life = this.life(seat)
    if (life === undefined) return
    this.#over(life)
    this.edge(seat).crash()
  }

  /** Says goodbye. */
  async closeEdge(seat: number): Promise<void> {
    const life = this.life(seat)
    if (life === undefined) return
    this.#over(life)
    await this.edge(seat).close()
  }

  /** Everything was calm for long: all know of all subscriptions. */
  allIsKnown(): void {
    for (const life of this.lives()) {
      for (const { number } of this.topics.standing()) life.certain.add(number)
    }
  }

  subscribe(life: Life, filter: string, group?: string): Subscriber {
    const subscriber = this.topics.subscribe(life, filter, group)
    const take = (message: PubSubMessage): void => this.topics.deliver(subscriber, message)
    const handle = life.node.pubsub.subscribe(filter, take, { group })
    const end = (): void => {
      this.topics.unsubscribed(subscriber)
      handle.unsubscribe()
      life.subscriptions.delete(entry)
    }
    const entry = { handle, subscriber, end }
    life.subscriptions.add(entry)
    return subscriber
  }

  advertise(life: Life, procedure: string): void {
    if (life.advertisements.has(procedure)) return
    // Known at once, so that nobody offers it twice meanwhile.
    const none = { unadvertise: () => false, drain: () => Promise.resolve() }
    life.advertisements.set(procedure, { procedure, ...none })
    const { rpc } = life.node
    const both = Promise.allSettled([
      rpc.advertise(procedure, (input) => this.calls.serve(life, input)),
      rpc.advertiseStream<unknown, number, number, number>(procedure, (input, context) =>
        this.calls.stream(life, input, context),
      ),
    ])
    this.watch(
      both.then((results) => {
        const unadvertise = (): boolean => {
          life.advertisements.delete(procedure)
          for (const result of results) {
            if (result.status === 'fulfilled') result.value.unadvertise()
          }
          return true
        }
        life.advertisements.set(procedure, { procedure, ...none, unadvertise })
        const failed = results.find((result) => result.status === 'rejected')
        if (failed === undefined) return
        unadvertise()
        const { code } = failed.reason as { code?: unknown }
        this.claims.claim(code === 'ERR_RPC_RESTARTED', 'R6', () => String(failed.reason))
      }),
    )
  }

  /** Its failure is one of the run, unless the books have a word for it. */
  watch(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.claims.broken ??=
        error instanceof BrokenPromise
          ? error
          : new BrokenPromise('UNEXPECTED', String((error as Error).stack ?? error))
    })
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }

  #begin(seat: number, node: Participant): Life {
    const before = this.#lives[seat]
    if (before !== undefined) this.#over(before)
    const life = new Life(seat, this.#livesMade++, node)
    this.#lives[seat] = life
    for (const room of ROOMS) this.presence.watch(life, room)
    this.subscribe(life, 'news.*')
    if (this.isWide) this.subscribe(life, JOBS, GROUPS[0])
    this.advertise(life, PROCEDURES[seat % PROCEDURES.length]!)
    return life
  }

  #over(life: Life): void {
    life.isOver = true
    life.overMs ??= this.simulation.nowMs
    life.tracked.clear()
  }

  /** A member holds another one for gone: it, and the peers at the edge, may not know any more what that wants. */
  #down(witness: Life, key: string): void {
    const gone = new Set([key])
    for (const { by } of this.topics.standing()) if (!by.isMember) gone.add(by.key)
    for (const life of this.#lives) {
      if (life === undefined || (life !== witness && life.isMember)) continue
      // With nothing on its way to anybody, whatever has no end yet still waits until it is known for whom it is.
      const isUndecided = !life.isOver && life.node.pubsub.stats().outbox === 0
      const fromMs = isUndecided ? -Infinity : this.simulation.nowMs - SEEK_MS_MAX
      this.topics.forget(life, gone, fromMs)
    }
  }

  #isCertain(publisher: Life, subscriber: Subscriber): boolean {
    if (!publisher.certain.has(subscriber.number)) return false
    return !this.#isLongAway(subscriber.by) && !this.#isLongAway(publisher)
  }

  /** Whoever was away for too long is known again when everything is calm. */
  #isLongAway(life: Life): boolean {
    const { awayFromMs } = life
    return awayFromMs !== undefined && this.simulation.nowMs - awayFromMs > AWAY_MS_MAX
  }
}

/** Waits for what happens in nobody's name; a simulation knows such a wait as one of its own. */
export function outside<T>(fn: () => Promise<T>): Promise<T> {
  return ownPromise<T>((resolve, reject) => void asNobody(fn).then(resolve, reject))
}

/** Members among those. */
export function membersOf(lives: readonly Life[]): readonly Mesh[] {
  return lives.flatMap(({ node }) => ('membership' in node ? [node] : []))
}
