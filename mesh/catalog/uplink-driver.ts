/**
 * Drives the catalog of a peer at the edge: it tells its gateway what it wants and offers, which tells the others, and
 * asks it who wants or offers a name. It is told nothing unasked: an edge peer that wants one topic need not know of
 * the other million.
 */
import type { Clock } from '../../runtime/index.ts'
import type { Courier, Origin } from '../courier/courier.ts'
import { peerErrorCode } from '../link/errors.ts'
import type { LinkEvent } from '../link/link.ts'
import { Turns } from '../machine/turns.ts'
import type { Refusals } from '../refusals.ts'
import type { CatalogChange, CatalogDetail, CatalogKind } from './catalog.ts'
import { CatalogCore } from './core.ts'
import type { CatalogTies, LinkSource } from './driver.ts'
import { tellHandlers } from './functions.ts'
import { Learned } from './learned.ts'
import type { CatalogInput, CatalogSent } from './machine.ts'
import type { CatalogMemory, RunningCatalog } from './memory.ts'
import { CATALOG_KINDS } from './message.ts'
import type { CatalogMessage } from './message.ts'
import { laneOfType } from './protocol.ts'
import type { CatalogProtocol } from './protocol.ts'
import { Questions } from './questions.ts'
import type { CatalogSettings } from './settings.ts'

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
  readonly #ties: CatalogTies
  readonly #core: CatalogCore
  readonly #learned: Learned
  readonly #questions: Questions
  readonly #turns: Turns<() => void>
  readonly #seeks = new Map<number, () => void>()
  readonly #changes: CatalogChange[] = []
  /** Key of the gateway that is asked. */
  #gateway: string | undefined
  #seekId = 0
  #armed = false

  constructor(context: UplinkContext, ties: CatalogTies) {
    this.#context = context
    this.#ties = ties
    const { self, incarnation, settings, memory, chance, clock, refusals } = context
    this.#learned = memory.reader instanceof Learned ? memory.reader : new Learned()
    this.#learned.changed = (change) => void this.#changes.push(change)
    this.#core = new CatalogCore(
      { self, life: incarnation, settings, role: 'edge', version: memory.version + 1 },
      {
        send: (to, message) => this.#send(to, message),
        changed: () => {},
        relayed: () => {},
        synced: () => {},
        unsynced: () => {},
        refused: (code, peer, times = 1) => refusals.count(code, { peer }, { times }),
      },
    )
    this.#questions = new Questions(settings, chance, {
      ask: (message) => {
        return this.#gateway !== undefined && this.#send(this.#gateway, message) !== 'refused'
      },
      answered: (kind, name, groups) => {
        const others = groups.filter(({ node }) => node !== self)
        this.#learned.answer(clock.now(), kind, name, others)
      },
      released: (kind, name) => this.#learned.drop(kind, name),
      sought: (id) => {
        const done = this.#seeks.get(id)
        this.#seeks.delete(id)
        done?.()
      },
      refused: (code) => refusals.count(code, {}),
    })
    this.#turns = new Turns<() => void>({
      work: (run) => this.#work(run),
      worked: ties.worked,
      failed: (error) => {
        this.close()
        ties.failed(error)
      },
    })
    const nowMs = clock.now()
    for (const kind of CATALOG_KINDS) {
      for (const [pattern, detail] of memory.own[kind]) this.#core.set(nowMs, kind, pattern, detail)
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
      return this.#do((nowMs) => this.#questions.linked(nowMs))
    }
    this.#input({ type: 'unlinked', peer })
    if (this.#gateway !== peer) return
    this.#gateway = undefined
    this.#do(() => this.#questions.unlinked())
  }

  /** A peer takes messages again. */
  drained(peer: string): void {
    this.#input({ type: 'drained', peer })
  }

  /** No way leads to that node any more. */
  gone(node: string): void {
    this.#do(() => this.#learned.forget(node))
  }

  /** A frame has come. */
  frame(origin: Origin, type: number, payload: Uint8Array): void {
    const { protocol, refusals } = this.#context
    const peer = origin.node
    let message: CatalogMessage
    try {
      message = protocol.decode(type, payload, (times) => {
        refusals.count('ERR_CATALOG_ENTRY', { peer }, { times })
      })
    } catch (error) {
      if (peerErrorCode(error) === undefined) throw error
      return refusals.count('ERR_CATALOG_MESSAGE', { peer, err: error })
    }
    this.#take(origin, message)
  }

  tick(): void {
    this.#armed = false
    this.#do((nowMs) => {
      if (this.#core.nextDeadline() <= nowMs) this.#core.step(nowMs, { type: 'tick' })
      if (this.#questions.nextDeadline() <= nowMs) this.#questions.tick(nowMs)
    })
  }

  set(kind: CatalogKind, pattern: string, detail: CatalogDetail): void {
    this.#core.set(this.#context.clock.now(), kind, pattern, detail)
    this.#arm()
  }

  delete(kind: CatalogKind, pattern: string): void {
    if (this.#core.delete(this.#context.clock.now(), kind, pattern)) this.#arm()
  }

  isSought(kind: CatalogKind, name: string): boolean {
    return this.#questions.isSought(this.#context.clock.now(), kind, name)
  }

  seek(kind: CatalogKind, name: string, timeoutMs: number, done: () => void): () => void {
    this.#seekId += 1
    const id = this.#seekId
    if (this.#turns.closed) {
      done()
      return () => {}
    }
    this.#seeks.set(id, done)
    this.#do((nowMs) => {
      if (this.#seeks.has(id)) this.#questions.seek(nowMs, id, kind, name, timeoutMs)
    })
    return () => {
      if (this.#seeks.delete(id)) this.#do(() => this.#questions.giveUp(id))
    }
  }

  unwanted(kind: CatalogKind, name: string, from: string): void {
    this.#do((nowMs) => this.#core.sayUnwanted(nowMs, kind, name, from))
  }

  /** Nothing happens any more; whoever waits gets what is known. Idempotent. */
  close(): void {
    this.#turns.close()
    const { memory } = this.#context
    if (memory.running === this) {
      memory.seeks += this.seeks
      memory.version = Math.max(...CATALOG_KINDS.map((kind) => this.#core.version(kind)))
      memory.running = undefined
    }
    const waiting = Array.from(this.#seeks.values())
    this.#seeks.clear()
    for (const done of waiting) done()
  }

  #take({ node, path }: Origin, message: CatalogMessage): void {
    const { refusals } = this.#context
    switch (message.type) {
      case 'unwanted':
        return this.#do(() => {
          this.#learned.forget(node, message.kind, message.name)
          this.#questions.stale(message.kind, message.name)
        })
      case 'held':
        if (path !== 'direct') return refusals.count('ERR_CATALOG_UNLINKED', { peer: node })
        return this.#input({ type: 'message', from: node, message })
      case 'answer':
        if (path !== 'direct' || node !== this.#gateway) {
          return refusals.count('ERR_CATALOG_UNLINKED', { peer: node })
        }
        return this.#do((nowMs) => this.#questions.answer(nowMs, message))
      case 'question':
      case 'entries':
      case 'removals':
        return refusals.count('ERR_CATALOG_MESSAGE', { peer: node })
    }
  }

  #do(run: (nowMs: number) => void): void {
    this.#turns.take(() => run(this.#context.clock.now()))
  }

  #input(input: CatalogInput): void {
    this.#do((nowMs) => this.#core.step(nowMs, input))
  }

  #work(run: () => void): void {
    run()
    const { memory, refusals } = this.#context
    for (const change of this.#changes.splice(0)) {
      tellHandlers(memory.handlers[change.entry.kind], change, (err) => {
        refusals.count('ERR_CATALOG_HANDLER', { err }, { level: 'error' })
      })
    }
  }

  #arm(): void {
    if (this.#armed) return
    this.#armed = true
    this.#ties.worked()
  }

  #send(to: string, message: CatalogMessage): CatalogSent {
    const { courier, pool, protocol } = this.#context
    if (message.type !== 'unwanted' && pool.link(to) === undefined) return 'refused'
    const frame = protocol.encode(message)
    const outcome = courier.send(to, laneOfType(frame[1]!), frame)
    return outcome === 'waiting' ? 'sent' : outcome
  }
}
