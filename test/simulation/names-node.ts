/**
 * One node that knows nothing but names, as a function: what it does depends on its state and the input only. Its state can
 * be written down (`digest`), and made again by giving it the same inputs, so a search may keep states as numbers and run
 * the machines of `dist/names` once for each step of a node, not once for each order of all events.
 *
 * Instead of numbers of changes it acknowledges claims themselves, and the number of a claim is made from what it says; both
 * are used for nothing but to tell claims apart.
 */
import { createHash } from 'node:crypto'
import { Claim, metaOf, type ClaimBody, type Ended } from '../../dist/names/claim.ts'
import { Claims } from '../../dist/names/claims.ts'
import { Registrar } from '../../dist/names/registrar.ts'
import type { Chooser } from './names-model.ts'

/** What a node says to another one. */
export type NameMessage =
  | { readonly type: 'diff'; readonly joins: readonly Claim[]; readonly leaves: readonly Claim[] }
  /** Pending claims of who gets it are known to who sends it. */
  | { readonly type: 'ack'; readonly of: readonly Claim[] }

/** What happens to a node. */
export type NameInput =
  | { readonly type: 'register'; readonly name: string; readonly over: boolean }
  /** The process that has a name, or waits for it, ends. */
  | { readonly type: 'exit'; readonly name: string }
  | { readonly type: 'message'; readonly from: number; readonly message: NameMessage }
  /** The link to a node is cut. */
  | { readonly type: 'gone'; readonly peer: number }
  /** It is there again. */
  | { readonly type: 'come'; readonly peer: number }

/** What it says. */
export interface NameOutput {
  readonly to: number
  readonly message: NameMessage
}

/** The process of a node that wants a name. */
interface Wish {
  outcome: 'waits' | 'through' | 'refused' | 'exited'
  lost: number
}

/** Keys of nodes, the first one with the best right. */
export const keyOfNode = (node: number): string => String(node + 1).repeat(64)
const nodeOfKey = (key: string): number => Number(key[0]) - 1

/** See the head of this file. */
export class NameNode {
  readonly #index: number
  readonly #claims = new Claims()
  readonly #registrar: Registrar<Wish>
  readonly #mine = new Map<string, Claim>()
  readonly #wishes = new Map<string, Wish>()
  readonly #peers = new Set<number>()
  /** Peers that know the pending claim of a name. */
  readonly #acked = new Map<string, Set<number>>()
  #idMax = 0
  #out: NameOutput[] = []

  constructor(index: number, nodes: number, chooser: Chooser) {
    this.#index = index
    for (let peer = 0; peer < nodes; peer++) if (peer !== index) this.#peers.add(peer)
    this.#registrar = new Registrar<Wish>({
      claims: this.#claims,
      say: (name, body, before) => this.#say(name, body, before),
      unsay: (claim) => {
        this.#mine.delete(claim.key)
        this.#tell([], [claim])
      },
      choose: (_own, rival) => chooser(index, nodeOfKey(rival.node)),
      refused: ({ owner }) => void (owner.outcome = 'refused'),
      lost: ({ owner }) => void (owner.lost += 1),
      decided: () => {},
    })
  }

  /** Whether it may still register a name. */
  mayRegister(name: string): boolean {
    return !this.#wishes.has(name)
  }

  /** Whether a process of it has a name, or waits for it. */
  mayExit(name: string): boolean {
    return this.#registrar.own.has(name)
  }

  /** Its claims that wait to be acknowledged by `peer`. */
  unacked(peer: number): readonly Claim[] {
    const pending = [...this.#mine.values()].filter(({ state }) => state === 'pending')
    return pending.filter(({ key }) => this.#acked.get(key)?.has(peer) !== true)
  }

  handle(input: NameInput): readonly NameOutput[] {
    this.#out = []
    switch (input.type) {
      case 'register':
        this.#register(input.name, input.over)
        break
      case 'exit':
        this.#exit(input.name)
        break
      case 'message':
        this.#message(input.from, input.message)
        break
      case 'gone':
        this.#gone(input.peer)
        break
      case 'come':
        this.#come(input.peer)
        break
    }
    this.#acknowledge()
    return this.#out
  }

  /** All that its next steps depend on, of one name. */
  part(name: string): string {
    const known = Array.from(this.#claims.of(name), digestOf).sort()
    const wish = this.#wishes.get(name)
    const acked = Array.from(this.#acked.get(name) ?? []).sort()
    const wanted = wish === undefined ? '' : `${wish.outcome} ${wish.lost}`
    const ended = this.#registrar.own.get(name)?.ended.map(endedText).join('') ?? ''
    return `${known.join(' ')}|${wanted}|${acked.join('')}|${ended}`
  }

  /** All that its next steps depend on. */
  digest(names: readonly string[]): string {
    const peers = Array.from(this.#peers).sort().join('')
    return [peers, this.#idMax, ...names.map((name) => this.part(name))].join('/')
  }

  peers(): string {
    return Array.from(this.#peers).sort().join('')
  }

  /** What is wrong with a name here and now. */
  faultsNow(name: string): string[] {
    const { outcome, lost } = this.#wishes.get(name) ?? { outcome: 'waits', lost: 0 }
    const who = `${name} at ${this.#index}`
    const faults: string[] = []
    if (lost > 1) faults.push(`${who} was told ${lost} times`)
    if (lost > 0 && outcome === 'refused') faults.push(`${who} was refused and lost`)
    return faults
  }

  /** What can be said of a name when nothing is under way. */
  atRest(name: string): {
    readonly view: string
    readonly claims: number
    readonly holder: number | undefined
    readonly outcome: Wish['outcome'] | undefined
    readonly lost: number
  } {
    const wish = this.#wishes.get(name)
    const holder = this.#claims.holder(name)
    return {
      view: Array.from(this.#claims.of(name), digestOf).sort().join(' '),
      claims: this.#claims.of(name).length,
      holder: holder === undefined ? undefined : nodeOfKey(holder.node),
      ...{ outcome: wish?.outcome, lost: wish?.lost ?? 0 },
    }
  }

  #register(name: string, over: boolean): void {
    const wish: Wish = { outcome: 'waits', lost: 0 }
    if (!over && this.#claims.of(name).length > 0) {
      // It is told so at once, and nobody hears of it.
      this.#wishes.set(name, { outcome: 'refused', lost: 0 })
      return
    }
    this.#wishes.set(name, wish)
    const process = this.#index + 1
    const given = { process, contract: undefined, fence: 0, how: 'exit' } as const
    if (over) this.#registrar.claimOver(name, wish, given)
    else this.#registrar.claim(name, wish, given)
  }

  #exit(name: string): void {
    const own = this.#registrar.own.get(name)
    if (own === undefined) return
    own.owner.outcome = 'exited'
    this.#registrar.release(own)
  }

  #message(from: number, message: NameMessage): void {
    if (message.type === 'diff') {
      this.#registrar.changed(message.joins, message.leaves)
      const of = message.joins.filter(({ state }) => state === 'pending')
      if (of.length > 0) this.#send(from, { type: 'ack', of })
      return
    }
    for (const claim of message.of) {
      const own = this.#mine.get(claim.key)
      if (own?.version === claim.version) this.#acked.get(claim.key)?.add(from)
    }
  }

  /** Both tell what they have; who has nothing, nothing. */
  #come(peer: number): void {
    this.#peers.add(peer)
    const joins = Array.from(this.#mine.values()).sort(byKey)
    if (joins.length > 0) this.#send(peer, { type: 'diff', joins, leaves: [] })
  }

  #gone(peer: number): void {
    this.#peers.delete(peer)
    for (const acked of this.#acked.values()) acked.delete(peer)
    const key = keyOfNode(peer)
    const known = Array.from(this.#claims.names()).flatMap((name) => this.#claims.of(name))
    this.#registrar.changed(
      [],
      known.filter(({ node }) => node === key),
    )
  }

  /** What everybody who is there knows is held. */
  #acknowledge(): void {
    for (const own of Array.from(this.#registrar.own.values())) {
      const acked = this.#acked.get(own.name)
      if (own.claim.state !== 'pending' || acked === undefined) continue
      if (Array.from(this.#peers).some((peer) => !acked.has(peer))) continue
      this.#registrar.acknowledged(own)
      if (this.#registrar.own.get(own.name) === own) own.owner.outcome = 'through'
    }
    for (const [name] of this.#acked) {
      if (this.#mine.get(name)?.state !== 'pending') this.#acked.delete(name)
    }
  }

  #say(name: string, body: ClaimBody, before: Claim | undefined): Claim {
    const meta = metaOf(body)
    const claim = new Claim({
      ...{ topic: '$names', key: name, node: keyOfNode(this.#index), life: 1 },
      ...{ version: numberOf(meta), previousRef: undefined, meta, bytes: 0 },
    })
    this.#idMax = Math.max(this.#idMax, body.id)
    this.#mine.set(name, claim)
    if (claim.state === 'pending') this.#acked.set(name, new Set())
    this.#tell([claim], before === undefined ? [] : [before])
    return claim
  }

  #tell(joins: readonly Claim[], leaves: readonly Claim[]): void {
    for (const peer of this.#peers) this.#send(peer, { type: 'diff', joins, leaves })
  }

  #send(to: number, message: NameMessage): void {
    this.#out.push({ to, message })
  }
}

/** A message as a text; the same one for those that are the same. */
export function digestOfMessage(message: NameMessage): string {
  if (message.type === 'ack') return `ack ${message.of.map(digestOf).join()}`
  const { joins, leaves } = message
  return `diff +${joins.map(digestOf).join()} -${leaves.map(digestOf).join()}`
}

function digestOf({ key, node, process, state, id, counter, wins, ends }: Claim): string {
  const ended = ends.map(endedText).join('')
  return `${key}#${node[0]}.${id};p${process}${state[0]}c${counter}w${wins}[${ended}]`
}

function endedText({ node, id, how }: Ended): string {
  return `#${node[0]}.${id};${how[0]}`
}

const HASH_DIGITS = 12

function numberOf(meta: readonly unknown[]): number {
  const hash = createHash('sha256').update(JSON.stringify(meta)).digest('hex')
  return Number.parseInt(hash.slice(0, HASH_DIGITS), 16)
}

function byKey(a: Claim, b: Claim): number {
  return a.key < b.key ? -1 : 1
}
