/**
 * The shards of one kind of entity as one host has them: a synchronous machine, `input -> effects`.
 *
 *     away ── it is mine ──► acquiring ── every host has let go ──► active
 *      ▲                        │ (strict: then the lease)             │ another host asks
 *      └── it is not mine ──────┘                                      ▼
 *      └───────────────────── entities have stopped ───────────── releasing
 *
 * Whoever comes to own a shard by its view asks every other host to let go of it, and starts nothing before all of those it
 * sees have answered; so of two that see each other only one is active. A host that is asked stops its entities first.
 *
 * Invariant: of two hosts that know each other the one with the smaller weight never asks the other one for a shard. So
 * who is asked lets go, and views that differ for a moment do no harm.
 *
 * An active shard that is not mine any more stays until its new host asks; so nothing stops before somebody takes it.
 */
import { hostOf } from './shard-map.ts'

/** What the machine wants done. */
export type ShardEffect =
  /** Ask that host to let go of these; then `released` with the same number. */
  | {
      readonly type: 'ask'
      readonly host: string
      readonly ask: number
      readonly shards: readonly number[]
    }
  /** Take the lease of the shard; then `leased` with the same number. */
  | { readonly type: 'lease'; readonly shard: number; readonly ask: number }
  /** Messages for the shard go to its entities from now on. */
  | { readonly type: 'activate'; readonly shard: number }
  /** Stop its entities; then `stopped`. */
  | { readonly type: 'stop'; readonly shard: number }
  /** Messages that wait here for the shard go back to who sent them. */
  | { readonly type: 'bounce'; readonly shard: number }
  /** Everything that this request asked for is let go. */
  | { readonly type: 'answer'; readonly request: number }

/** What becomes of a message for a shard. */
export type ShardDoor = 'deliver' | 'wait' | 'bounce'

type State =
  | { readonly type: 'away' }
  | {
      readonly type: 'acquiring'
      /** Hosts that have not answered, and the number of the question. */
      readonly waiting: Map<string, number>
      /** Number of the question for the lease; 0 while hosts are waited for. */
      lease: number
    }
  | { readonly type: 'active' }
  | { readonly type: 'releasing' }

const AWAY: State = Object.freeze({ type: 'away' })
const ACTIVE: State = Object.freeze({ type: 'active' })
const RELEASING: State = Object.freeze({ type: 'releasing' })

/** How a table is made. */
export interface ShardTableFacts {
  readonly entity: string
  readonly shards: number
  /** Key of this node. */
  readonly self: string
  /** Whether a shard needs its lease. */
  readonly isStrict: boolean
}

/** See the head of this file. */
export class ShardTable {
  readonly #facts: ShardTableFacts
  readonly #states: State[]
  #hosts: ReadonlySet<string>
  #asks = 0
  /** Shards that a request still waits for, by its number. */
  readonly #requests = new Map<number, Set<number>>()
  #open = false

  constructor(facts: ShardTableFacts) {
    this.#facts = facts
    this.#states = Array.from({ length: facts.shards }, () => AWAY)
    this.#hosts = new Set([facts.self])
  }

  /** Numbers of shards by state. */
  get counts(): {
    readonly acquiring: number
    readonly active: number
    readonly releasing: number
  } {
    const count = (type: State['type']): number =>
      this.#states.filter((state) => state.type === type).length
    return { acquiring: count('acquiring'), active: count('active'), releasing: count('releasing') }
  }

  isActive(shard: number): boolean {
    return this.#states[shard]?.type === 'active'
  }

  door(shard: number): ShardDoor {
    switch (this.#states[shard]?.type) {
      case 'active':
        return 'deliver'
      case 'acquiring':
        return 'wait'
      case 'releasing':
        // It was asked for, so it is another's, unless the view has changed since.
        return this.#open && this.#isMine(shard) ? 'wait' : 'bounce'
      case 'away':
      case undefined:
        return 'bounce'
    }
  }

  /** The other hosts are known: this one takes what is its own. */
  open(hosts: ReadonlySet<string>): ShardEffect[] {
    this.#open = true
    return this.setHosts(hosts)
  }

  /** The hosts that this node sees now, itself among them. */
  setHosts(hosts: ReadonlySet<string>): ShardEffect[] {
    const before = this.#hosts
    this.#hosts = hosts
    if (!this.#open) return []
    const asks = new Asks(this.#facts.self)
    const effects: ShardEffect[] = []
    const added = [...hosts].filter((host) => !before.has(host))
    this.#states.forEach((state, shard) => {
      const isMine = this.#isMine(shard)
      switch (state.type) {
        case 'away':
          if (isMine) effects.push(...this.#acquire(shard, asks))
          return
        case 'acquiring':
          if (isMine) effects.push(...this.#acquireOn(shard, state, added, asks))
          else effects.push(...this.#letGo(shard))
          return
        case 'active':
          // Whoever comes back from another part of the network may have it, too.
          if (isMine) for (const host of added) asks.add(host, shard, () => ++this.#asks)
          return
        case 'releasing':
          return
      }
    })
    return [...asks.effects(), ...effects]
  }

  /** A host has let go of what was asked of it. */
  released(host: string, ask: number, shards: readonly number[]): ShardEffect[] {
    const effects: ShardEffect[] = []
    for (const shard of shards) {
      const state = this.#states[shard]
      if (state?.type !== 'acquiring' || state.waiting.get(host) !== ask) continue
      state.waiting.delete(host)
      effects.push(...this.#complete(shard, state))
    }
    return effects
  }

  /** The lease of a shard is held. False if nobody waits for it any more. */
  leased(shard: number, ask: number): ShardEffect[] | undefined {
    const state = this.#states[shard]
    if (state?.type !== 'acquiring' || state.lease !== ask) return undefined
    this.#states[shard] = ACTIVE
    return [{ type: 'activate', shard }]
  }

  /** Its lease is lost: its entities must end, and it is taken anew if it is still mine. */
  leaseLost(shard: number): ShardEffect[] {
    if (this.#states[shard]?.type !== 'active') return []
    this.#states[shard] = RELEASING
    return [{ type: 'stop', shard }]
  }

  /** Another host asks for shards; `answer` follows when this node has let go of all. */
  asked(request: number, shards: readonly number[]): ShardEffect[] {
    const effects: ShardEffect[] = []
    const asks = new Asks(this.#facts.self)
    const anew: ShardEffect[] = []
    const open = new Set<number>()
    for (const shard of shards) {
      const state = this.#states[shard]
      if (state === undefined || state.type === 'away') continue
      if (state.type === 'acquiring') {
        effects.push(...this.#letGo(shard))
        // Who asked is not seen any more: it is taken anew, and everybody asked again.
        if (this.#open && this.#isMine(shard)) anew.push(...this.#acquire(shard, asks))
        continue
      }
      open.add(shard)
      if (state.type === 'active') {
        this.#states[shard] = RELEASING
        effects.push({ type: 'stop', shard })
      }
    }
    if (open.size > 0) this.#requests.set(request, open)
    else effects.push({ type: 'answer', request })
    return [...effects, ...asks.effects(), ...anew]
  }

  /** The entities of a shard that is let go have stopped. */
  stopped(shard: number): ShardEffect[] {
    if (this.#states[shard]?.type !== 'releasing') return []
    this.#states[shard] = AWAY
    const effects: ShardEffect[] = []
    for (const [request, open] of this.#requests) {
      open.delete(shard)
      if (open.size > 0) continue
      this.#requests.delete(request)
      effects.push({ type: 'answer', request })
    }
    if (!this.#open || !this.#isMine(shard)) return [...effects, { type: 'bounce', shard }]
    // The view has changed meanwhile.
    const asks = new Asks(this.#facts.self)
    const acquired = this.#acquire(shard, asks)
    return [...effects, ...asks.effects(), ...acquired]
  }

  /** Lets go of everything, and takes nothing any more. */
  close(): ShardEffect[] {
    this.#open = false
    const effects: ShardEffect[] = []
    this.#states.forEach((state, shard) => {
      if (state.type === 'acquiring') effects.push(...this.#letGo(shard))
      if (state.type !== 'active') return
      this.#states[shard] = RELEASING
      effects.push({ type: 'stop', shard })
    })
    return effects
  }

  #isMine(shard: number): boolean {
    const { entity, self } = this.#facts
    return hostOf(entity, shard, this.#hosts) === self
  }

  #acquire(shard: number, asks: Asks): ShardEffect[] {
    const state = { type: 'acquiring' as const, waiting: new Map<string, number>(), lease: 0 }
    this.#states[shard] = state
    return this.#acquireOn(shard, state, [...this.#hosts], asks)
  }

  #acquireOn(
    shard: number,
    state: Extract<State, { readonly type: 'acquiring' }>,
    added: readonly string[],
    asks: Asks,
  ): ShardEffect[] {
    for (const host of state.waiting.keys()) if (!this.#hosts.has(host)) state.waiting.delete(host)
    for (const host of added) {
      const ask = asks.add(host, shard, () => ++this.#asks)
      if (ask !== undefined) state.waiting.set(host, ask)
    }
    return this.#complete(shard, state)
  }

  #complete(shard: number, state: Extract<State, { readonly type: 'acquiring' }>): ShardEffect[] {
    if (state.waiting.size > 0) return []
    if (!this.#facts.isStrict) {
      this.#states[shard] = ACTIVE
      return [{ type: 'activate', shard }]
    }
    if (state.lease > 0) return []
    state.lease = ++this.#asks
    return [{ type: 'lease', shard, ask: state.lease }]
  }

  #letGo(shard: number): ShardEffect[] {
    this.#states[shard] = AWAY
    return [{ type: 'bounce', shard }]
  }
}

/** Questions of one moment, one per host. */
class Asks {
  readonly #self: string
  readonly #byHost = new Map<string, { readonly ask: number; readonly shards: number[] }>()

  constructor(self: string) {
    this.#self = self
  }

  /** The number of the question; undefined for this node itself. */
  add(host: string, shard: number, next: () => number): number | undefined {
    if (host === this.#self) return undefined
    let question = this.#byHost.get(host)
    if (question === undefined) this.#byHost.set(host, (question = { ask: next(), shards: [] }))
    question.shards.push(shard)
    return question.ask
  }

  effects(): ShardEffect[] {
    return Array.from(this.#byHost, ([host, { ask, shards }]) => ({
      type: 'ask',
      host,
      ask,
      shards,
    }))
  }
}
