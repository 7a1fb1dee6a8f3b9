/**
 * Drives the catalog of a peer at the edge: it tells its gateway what it wants and offers, which tells the others, and
 * asks it who wants or offers a name. It is told nothing unasked: an edge peer that wants one topic need not know of
 * the other million.
 */
import type { Clock } from '../../runtime/index.ts'
import type { Courier, Origin } from '../courier/courier.ts'
import type { LinkEvent } from '../link/link.ts'
import type { Refusals } from '../refusals.ts'
import type { CatalogDetail, CatalogKind } from './catalog.ts'
import { CatalogCore } from './core.ts'
import type { LinkSource } from './driver.ts'
import { Learned } from './learned.ts'
import type { CatalogInput, CatalogSent } from './machine.ts'
import type { CatalogMemory, RunningCatalog } from './memory.ts'
import { CATALOG_KINDS } from './message.ts'
import type { CatalogMessage } from './message.ts'
import { laneOfType } from './protocol.ts'
import type { CatalogProtocol } from './protocol.ts'
import { Questions } from './questions.ts'
import type { CatalogSettings } from './settings.ts'
import { CatalogWork } from './work.ts'
import type { CatalogTies } from './work.ts'

/** What the catalog of an edge peer works with. */
export interface UplinkContext {
  readonly self: string
  readonly incarnation: number
  readonly settings: CatalogSettings
  readonly clock: Clock
  readonly chance: () => number
  readonly refusals: Refusals
  readonly protocol: CatalogProtocol
  readonly courier: Courier
  /** Links with gateways; the latest is the one that is asked. */
  readonly pool: LinkSource
  readonly memory: CatalogMemory
}

/** See the head of this file. */
export class UplinkDriver implements RunningCatalog {
  readonly #context: UplinkContext
  readonly #work: CatalogWork
  readonly #core: CatalogCore
  readonly #learned: Learned
  readonly #questions: Questions
  /** Key of the gateway that is asked. */
  #gateway: string | undefined

  constructor(context: UplinkContext, ties: CatalogTies) {
    this.#context = context
    this.#work = new CatalogWork(context, ties, () => this.close())
    const { self, incarnation, settings, memory, chance, clock, refusals } = context
    this.#learned = memory.reader instanceof Learned ? memory.reader : new Learned()
    this.#learned.changed = (change) => this.#work.changed(change)
    this.#core = new CatalogCore(
      { self, life: incarnation, settings, role: 'edge', version: memory.version + 1 },
      {
        send: (to, message) => this.#send(to, message),
        changed: () => {},
        relayed: () => {},
        synced: () => {},
        unsynced: () => {},
        refused: (code, peer, times) => this.#work.refuse(code, peer, times),
      },
    )
    this.#questions = new Questions(settings, chance, {
      ask: (message) => {
        return this.#gateway !== undefined && this.#send(this.#gateway, message) !== 'refused'
      },
      answered: (kind, name, groups, isPartial) => {
        const others = groups.filter(({ node }) => node !== self)
        this.#learned.answer(clock.now(), kind, name, others, isPartial)
      },
      released: (kind, name) => this.#learned.drop(kind, name),
      sought: (id) => this.#work.sought(id),
      refused: (code) => refusals.count(code, {}),
    })
    const nowMs = clock.now()
    for (const kind of CATALOG_KINDS) {
      for (const [pattern, detail] of memory.own[kind]) this.#core.set(nowMs, kind, pattern, detail)
    }
    // What the process before this one has learned may be out of date, and nobody else asks for it again.
    for (const { kind, name } of this.#learned.names()) this.#questions.again(nowMs, kind, name)
    for (const kind of CATALOG_KINDS) {
      for (const filter of memory.followed[kind].keys()) this.#questions.follow(nowMs, kind, filter)
    }
    memory.reader = this.#learned
    memory.running = this
  }

  /** When `tick` must be called. */
  get nextDueMs(): number {
    return Math.min(this.#core.nextDeadline(), this.#questions.nextDeadline())
  }

  get seeks(): number {
    return this.#questions.seeks
  }

  /** True when the gateway has acknowledged what this peer wants and offers. */
  get isTold(): boolean {
    return this.#gateway !== undefined && this.#core.isTold
  }

  /** Takes over the links that are there. */
  begin(): void {
    for (const link of this.#context.pool.links()) this.link({ type: 'up', link })
  }

  /** A link came up or went down. */
  link({ type, link }: LinkEvent): void {
    const { key, incarnation: life, kind: role } = link.peer
    const peer = key.hex
    if (type === 'up') {
      this.#gateway = peer
      this.#input({ type: 'linked', peer, life, role })
      return this.#work.do((nowMs) => this.#questions.linked(nowMs))
    }
    this.#input({ type: 'unlinked', peer })
    if (this.#gateway !== peer) return
    this.#gateway = undefined
    this.#work.do(() => this.#questions.unlinked())
  }

  /** A peer takes messages again. */
  drained(peer: string): void {
    this.#input({ type: 'drained', peer })
  }

  /** No way leads to that node any more, as far as this one knows: the gateway of now may know better. */
  gone(node: string): void {
    this.#work.do((nowMs) => {
      if (!this.#learned.knows(node)) return
      const names = Array.from(this.#learned.names())
      this.#learned.lose(node)
      for (const { kind, name } of names) this.#questions.again(nowMs, kind, name)
    })
  }

  /** A frame has come. */
  frame(origin: Origin, type: number, payload: Uint8Array): void {
    const message = this.#work.read(origin, type, payload)
    if (message !== undefined) this.#take(origin, message)
  }

  tick(): void {
    this.#work.rang()
    this.#work.do((nowMs) => {
      if (this.#core.nextDeadline() <= nowMs) this.#core.step(nowMs, { type: 'tick' })
      if (this.#questions.nextDeadline() <= nowMs) this.#questions.tick(nowMs)
    })
  }

  set(kind: CatalogKind, pattern: string, detail: CatalogDetail): void {
    this.#core.set(this.#context.clock.now(), kind, pattern, detail)
    this.#work.arm()
  }

  delete(kind: CatalogKind, pattern: string): void {
    if (this.#core.delete(this.#context.clock.now(), kind, pattern)) this.#work.arm()
  }

  /** Nothing more is wanted or offered here: what the gateway hears last, for the link ends next. */
  leave(): void {
    this.#work.do((nowMs) => {
      for (const kind of CATALOG_KINDS) {
        for (const pattern of Array.from(this.#core.own(kind).keys())) {
          this.#core.delete(nowMs, kind, pattern)
        }
      }
      this.#core.flush(nowMs)
    })
  }

  isSought(kind: CatalogKind, name: string): boolean {
    return this.#questions.isSought(this.#context.clock.now(), kind, name)
  }

  isUnanswered(kind: CatalogKind, name: string): boolean {
    return this.#questions.isUnanswered(kind, name)
  }

  isDoubtful(kind: CatalogKind, name: string): boolean {
    return this.#learned.isDoubtful(kind, name)
  }

  seek(kind: CatalogKind, name: string, timeoutMs: number, done: () => void): () => void {
    return this.#work.seek(
      (nowMs, id) => this.#questions.seek(nowMs, id, kind, name, timeoutMs),
      (id) => this.#questions.giveUp(id),
      done,
    )
  }

  follow(kind: CatalogKind, filter: string): void {
    this.#work.do((nowMs) => this.#questions.follow(nowMs, kind, filter))
  }

  unfollow(kind: CatalogKind, filter: string): void {
    this.#work.do((nowMs) => this.#questions.unfollow(nowMs, kind, filter))
  }

  unwanted(kind: CatalogKind, name: string, from: string): void {
    this.#work.do((nowMs) => this.#core.sayUnwanted(nowMs, kind, name, from))
  }

  /** Nothing happens any more; whoever waits gets what is known. Idempotent. */
  close(): void {
    this.#work.close(this, this.#core)
  }

  #take({ node, path }: Origin, message: CatalogMessage): void {
    switch (message.type) {
      case 'unwanted':
        return this.#work.do(() => {
          this.#learned.forget(node, message.kind, message.name)
          this.#questions.stale(message.kind, message.name)
        })
      case 'held':
        if (path !== 'direct') return this.#work.refuse('ERR_CATALOG_UNLINKED', node)
        return this.#input({ type: 'message', from: node, message })
      case 'answer':
        if (path !== 'direct' || node !== this.#gateway) {
          return this.#work.refuse('ERR_CATALOG_UNLINKED', node)
        }
        return this.#work.do((nowMs) => this.#questions.answer(nowMs, message))
      case 'question':
      case 'entries':
      case 'removals':
        return this.#work.refuse('ERR_CATALOG_MESSAGE', node)
    }
  }

  #input(input: CatalogInput): void {
    this.#work.do((nowMs) => this.#core.step(nowMs, input))
  }

  #send(to: string, message: CatalogMessage): CatalogSent {
    const { courier, pool, protocol } = this.#context
    if (message.type !== 'unwanted' && pool.link(to) === undefined) return 'refused'
    const frame = protocol.encode(message)
    const outcome = courier.send(to, laneOfType(frame[1]!), frame)
    return outcome === 'waiting' ? 'sent' : outcome
  }
}
