/** A few cores on a table top: constant latency, cuts and losses by function, everything recorded. */
import { SwimCore, type SwimCoreOptions } from '../../../../mesh/membership/swim/core.ts'
import { hashStatement, hashText } from '../../../../mesh/membership/swim/hash.ts'
import type {
  Contact,
  SwimEvent,
  SwimInput,
  SwimSink,
} from '../../../../mesh/membership/swim/machine.ts'
import type {
  SwimDatagram,
  SwimReply,
  SwimRequest,
} from '../../../../mesh/membership/swim/message.ts'
import { swimSettings, type SwimSettings } from '../../../../mesh/membership/swim/settings.ts'
import type {
  MemberId,
  Statement,
  StatementAuthority,
  StatementFields,
} from '../../../../mesh/membership/swim/statement.ts'

export const EMPTY = new Uint8Array()

export const fakeSizes: SwimCoreOptions['sizes'] = {
  updateBytes: (update) => (update.type === 'statement' ? 200 + update.statement.meta.length : 80),
  headerBytes: (type) => (type === 'ping_req' ? 100 : 40),
  entryBytes: ({ statement }) => 220 + statement.meta.length,
}

/** The proof that `id` said that: nobody in a test knows how to make it but this function. */
export function proofOf(fields: StatementFields): string {
  const { high, low } = hashStatement(fields)
  return `signed by ${fields.id}: ${high} ${low}`
}

export const fakeAuthority: StatementAuthority = {
  sign: (fields) => Object.freeze({ ...fields, proof: proofOf(fields) }),
  check: (statement) => (statement.proof === proofOf(statement) ? undefined : 'ERR_SWIM_SIGNATURE'),
}

/** A signed statement with usual values. */
export function statementOf(
  id: MemberId,
  fields: Partial<Omit<StatementFields, 'id'>> = {},
): Statement {
  return fakeAuthority.sign({
    id,
    name: id,
    host: `host-${id}`,
    port: 1,
    left: false,
    meta: EMPTY,
    generation: 1,
    counter: 0,
    ...fields,
  })
}

/** Options of one core. */
export function coreOptions(
  id: MemberId,
  changes: Partial<Omit<SwimCoreOptions, 'self' | 'settings'>> & {
    self?: Partial<SwimCoreOptions['self']>
    settings?: Partial<SwimSettings>
  } = {},
): SwimCoreOptions {
  const { self, settings, ...rest } = changes
  return {
    self: { id, name: id, host: `host-${id}`, port: 1, meta: EMPTY, generation: 1, ...self },
    settings: swimSettings('lan', settings),
    authority: fakeAuthority,
    sizes: fakeSizes,
    seed: hashText(id),
    nowMs: 0,
    ...rest,
  }
}

/** One effect, as recorded. */
export type Effect =
  | { readonly type: 'send'; readonly to: MemberId; readonly message: SwimDatagram }
  | {
      readonly type: 'request'
      readonly requestId: number
      readonly to: Contact
      readonly message: SwimRequest
      readonly deadlineMs: number
    }
  | { readonly type: 'cancel'; readonly requestId: number }
  | { readonly type: 'reply'; readonly replyId: number; readonly message: SwimReply }
  | { readonly type: 'event'; readonly event: SwimEvent }
  | { readonly type: 'persist'; readonly generation: number }
  | { readonly type: 'refused'; readonly code: string; readonly from: MemberId | undefined }
  | { readonly type: 'left' }

/** A sink that keeps everything. */
export class Recorder implements SwimSink {
  readonly effects: Effect[] = []
  send(to: MemberId, message: SwimDatagram): void {
    this.effects.push({ type: 'send', to, message })
  }
  request(requestId: number, to: Contact, message: SwimRequest, deadlineMs: number): void {
    this.effects.push({ type: 'request', requestId, to, message, deadlineMs })
  }
  cancel(requestId: number): void {
    this.effects.push({ type: 'cancel', requestId })
  }
  reply(replyId: number, message: SwimReply): void {
    this.effects.push({ type: 'reply', replyId, message })
  }
  event(event: SwimEvent): void {
    this.effects.push({ type: 'event', event })
  }
  persist(generation: number): void {
    this.effects.push({ type: 'persist', generation })
  }
  refused(code: string, from: MemberId | undefined): void {
    this.effects.push({ type: 'refused', code, from })
  }
  left(): void {
    this.effects.push({ type: 'left' })
  }
}

/** One core under the microscope: each step answers what it did. */
export class Bench {
  readonly core: SwimCore
  readonly options: SwimCoreOptions
  nowMs: number

  constructor(id: MemberId, changes: Parameters<typeof coreOptions>[1] = {}) {
    this.options = coreOptions(id, changes)
    this.core = new SwimCore(this.options)
    this.nowMs = this.options.nowMs
  }

  step(input: SwimInput, nowMs: number = this.nowMs): Effect[] {
    this.nowMs = nowMs
    const recorder = new Recorder()
    this.core.step(nowMs, input, recorder)
    return recorder.effects
  }

  datagram(from: MemberId, message: SwimDatagram): Effect[] {
    return this.step({ type: 'datagram', from, message })
  }

  gossip(from: MemberId, ...updates: SwimDatagram['updates']): Effect[] {
    return this.datagram(from, { type: 'gossip', updates })
  }

  /** Gives it members that are alive. */
  meet(...ids: MemberId[]): void {
    for (const id of ids) this.gossip(id, { type: 'statement', statement: statementOf(id) })
  }

  /** Ticks on time until `untilMs`; answers all effects with their times. */
  run(untilMs: number): { atMs: number; effect: Effect }[] {
    const effects: { atMs: number; effect: Effect }[] = []
    for (;;) {
      const atMs = this.core.nextDeadline()
      if (atMs > untilMs) break
      for (const effect of this.step({ type: 'tick' }, Math.max(atMs, this.nowMs))) {
        effects.push({ atMs: this.nowMs, effect })
      }
    }
    this.nowMs = untilMs
    return effects
  }

  /** Ticks on until an effect is as wanted; answers all effects with their times. */
  until(wanted: (effect: Effect) => boolean): { atMs: number; effect: Effect }[] {
    const effects: { atMs: number; effect: Effect }[] = []
    for (let tick = 0; tick < 10_000; tick++) {
      const atMs = Math.max(this.core.nextDeadline(), this.nowMs)
      const done = this.step({ type: 'tick' }, atMs)
      effects.push(...done.map((effect) => ({ atMs, effect })))
      if (done.some(wanted)) return effects
    }
    throw new Error('it never happens')
  }

  statusOf(id: MemberId): string | undefined {
    return this.core.member(id)?.status
  }
}

/** Effects of one type. */
export function only<Type extends Effect['type']>(
  effects: readonly Effect[],
  type: Type,
): Extract<Effect, { type: Type }>[] {
  return effects.filter((effect): effect is Extract<Effect, { type: Type }> => effect.type === type)
}

/** Codes of refusals. */
export function refusals(effects: readonly Effect[]): string[] {
  return only(effects, 'refused').map(({ code }) => code)
}

interface Node {
  readonly id: MemberId
  core: SwimCore
  up: boolean
  host: string
  /** Inputs and ticks wait until then. */
  pausedUntilMs: number
}

interface Pending {
  readonly atMs: number
  readonly order: number
  run(): void
}

/** What a {@link FakeWorld} saw. */
export interface Seen {
  readonly atMs: number
  readonly at: MemberId
  readonly effect: Effect
}

export class FakeWorld {
  nowMs = 0
  latencyMs = 5
  /** False for what the network loses. */
  delivers: (from: MemberId, to: MemberId, lane: 'datagram' | 'stream') => boolean = () => true
  /** Called after each step. */
  onStep: (node: MemberId, core: SwimCore) => void = () => {}
  readonly seen: Seen[] = []
  readonly nodes = new Map<MemberId, Node>()
  readonly #settings: Partial<SwimSettings>
  readonly #queue: Pending[] = []
  readonly #requests = new Map<string, boolean>()
  #order = 0
  #replies = 0

  constructor(settings: Partial<SwimSettings> = {}) {
    this.#settings = settings
  }

  start(id: MemberId, self: Partial<SwimCoreOptions['self']> = {}): SwimCore {
    const options = coreOptions(id, { settings: this.#settings, nowMs: this.nowMs, self })
    const core = new SwimCore(options)
    this.nodes.set(id, { id, core, up: true, host: options.self.host, pausedUntilMs: 0 })
    return core
  }

  /** A cluster that has joined through its first member. */
  cluster(count: number): MemberId[] {
    const ids = Array.from({ length: count }, (_, index) => `n${index}`)
    for (const id of ids) this.start(id)
    for (const id of ids.slice(1)) this.join(id, 'n0')
    this.run(this.nowMs + 3_000)
    return ids
  }

  join(id: MemberId, ...seeds: MemberId[]): void {
    const contacts = seeds.map((seed) => ({ id: undefined, host: `host-${seed}`, port: 1 }))
    this.input(id, { type: 'join', contacts })
  }

  crash(id: MemberId): void {
    const node = this.nodes.get(id)
    if (node !== undefined) node.up = false
  }

  /** The node starts again with the same key; what it knew is gone. */
  restart(id: MemberId, self: Partial<SwimCoreOptions['self']>, ...seeds: MemberId[]): void {
    this.crash(id)
    this.start(id, self)
    if (seeds.length > 0) this.join(id, ...seeds)
  }

  /** True when all of them hold all of them alive. */
  agrees(ids: readonly MemberId[]): boolean {
    return ids.every((id) => ids.every((other) => this.statusAt(id, other) === 'alive'))
  }

  pause(id: MemberId, forMs: number): void {
    const node = this.nodes.get(id)
    if (node !== undefined) node.pausedUntilMs = this.nowMs + forMs
  }

  core(id: MemberId): SwimCore {
    const node = this.nodes.get(id)
    if (node === undefined) throw new Error(`no node ${id}`)
    return node.core
  }

  statusAt(id: MemberId, subject: MemberId): string | undefined {
    return this.core(id).member(subject)?.status
  }

  events(id: MemberId, subject: MemberId): string[] {
    return this.seen.flatMap(({ at, effect }) =>
      at === id && effect.type === 'event' && effect.event.member.id === subject
        ? [effect.event.type]
        : [],
    )
  }

  input(id: MemberId, input: SwimInput): void {
    const node = this.nodes.get(id)
    if (node === undefined || !node.up) return
    if (node.pausedUntilMs > this.nowMs) {
      this.#at(node.pausedUntilMs, () => this.input(id, input))
      return
    }
    const recorder = new Recorder()
    const { core } = node
    core.step(this.nowMs, input, recorder)
    for (const effect of recorder.effects) this.#apply(node, effect)
    this.onStep(id, core)
  }

  /** Lets time pass. */
  run(untilMs: number): void {
    for (;;) {
      const next = this.#next()
      if (next === undefined || next.atMs > untilMs) break
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.run()
    }
    this.nowMs = untilMs
  }

  #next(): Pending | undefined {
    let best = this.#queue[0]
    for (const pending of this.#queue) {
      if (best === undefined || pending.atMs < best.atMs) best = pending
      else if (pending.atMs === best.atMs && pending.order < best.order) best = pending
    }
    for (const node of this.nodes.values()) {
      if (!node.up) continue
      const atMs = Math.max(node.core.nextDeadline(), node.pausedUntilMs)
      if (best === undefined ? atMs < Infinity : atMs < best.atMs) {
        best = { atMs, order: -1, run: () => this.input(node.id, { type: 'tick' }) }
      }
    }
    if (best === undefined) return undefined
    const at = this.#queue.indexOf(best)
    if (at >= 0) this.#queue.splice(at, 1)
    return best
  }

  #at(atMs: number, run: () => void): void {
    this.#queue.push({ atMs, order: this.#order++, run })
  }

  #apply(node: Node, effect: Effect): void {
    this.seen.push({ atMs: this.nowMs, at: node.id, effect })
    const arrivesAtMs = this.nowMs + this.latencyMs
    switch (effect.type) {
      case 'send': {
        if (!this.delivers(node.id, effect.to, 'datagram')) return
        const { message } = effect
        this.#at(arrivesAtMs, () =>
          this.input(effect.to, { type: 'datagram', from: node.id, message }),
        )
        return
      }
      case 'request':
        return this.#request(node, effect)
      case 'cancel':
        this.#requests.delete(`${node.id}/${effect.requestId}`)
        return
      case 'persist':
        this.#at(arrivesAtMs, () =>
          this.input(node.id, { type: 'persisted', generation: effect.generation }),
        )
        return
      default:
    }
  }

  #request(node: Node, effect: Extract<Effect, { type: 'request' }>): void {
    const { requestId, to, message, deadlineMs } = effect
    const key = `${node.id}/${requestId}`
    const { core } = node
    this.#requests.set(key, true)
    const answer = (input: SwimInput) => {
      if (node.core !== core || !this.#requests.delete(key)) return
      this.input(node.id, input)
    }
    this.#at(deadlineMs, () => answer({ type: 'request_failed', requestId }))
    const target = [...this.nodes.values()].find(({ id, host }) =>
      to.id === undefined ? host === to.host : id === to.id,
    )
    if (target === undefined || !this.delivers(node.id, target.id, 'stream')) return
    this.#at(this.nowMs + this.latencyMs, () => {
      if (!target.up) return
      const replyId = ++this.#replies
      const before = this.seen.length
      this.input(target.id, { type: 'request', from: node.id, replyId, message })
      for (const { effect: done } of this.seen.slice(before)) {
        if (done.type !== 'reply' || done.replyId !== replyId) continue
        if (!this.delivers(target.id, node.id, 'stream')) return
        this.#at(this.nowMs + this.latencyMs, () =>
          answer({ type: 'reply', requestId, from: target.id, message: done.message }),
        )
      }
    })
  }
}
