/**
 * Public keys of nodes, which messages for them are sealed with. A key proves itself: the node is its hash. Known are
 * those of members, those that came with sealed messages, and those that were asked for; for a node at the edge its
 * gateway is asked, for any other one the DHT. Whoever speaks to thousands at once asks for so many keys at a time; the
 * others have their turn after them, within the time of one question.
 *
 *     key_query   node 32
 *     key_reply   node 32 | public key 32, or nothing for one that is not known
 */
import { PUBLIC_KEY_BYTES } from '../identity/keys.ts'
import { NODE_KEY_BYTES, nodeKeyOfPublicKey } from '../identity/node-key.ts'
import { Deadlines } from '../machine/deadlines.ts'
import { setNewest } from '../machine/newest.ts'
import { encodeFrame } from '../wire/frame.ts'
import { WireType } from '../wire/messages.ts'
import type { Origin } from './courier.ts'
import type { Directory } from './directory.ts'

/** What it needs. */
export interface KeyBookParts {
  /** Key of this node, hex. */
  readonly self: string
  readonly publicKey: Uint8Array
  readonly directory: Directory
  /** Keys that are kept beside those of members. */
  readonly keysMax: number
  /** Keys that are asked for at once. */
  readonly queriesMax: number
  /** Keys that wait for that. */
  readonly queueMax: number
  readonly timeoutMs: number
  readonly now: () => number
  /** Sends a query or a reply to a node, by way of `via` if there is no link; `lost` when there is no way. */
  readonly send: (
    to: string,
    frame: Uint8Array,
    options: { readonly via?: string | undefined; readonly lost: () => void },
  ) => void
  readonly isLinked: (node: string) => boolean
  /** Calls `work` after what runs now. */
  readonly defer: (work: () => void) => void
}

/** Hears the key, or undefined. */
type Waiter = (publicKey: Uint8Array | undefined) => void

interface Query {
  readonly node: string
  readonly number: number
  /** Who is asked; undefined for the DHT. */
  readonly at: string | undefined
  readonly waiters: Waiter[]
  /** Of the question of the DHT. Ending one is two fifths of the work for a key, so a question of a node has none. */
  readonly abort: AbortController | undefined
  /** It had its turn. */
  isAsked: boolean
}

/** See the file header. */
export class KeyBook {
  readonly #parts: KeyBookParts
  readonly #keys = new Map<string, Uint8Array>()
  readonly #queries = new Map<string, Query>()
  readonly #byNumber = new Map<number, Query>()
  readonly #deadlines = new Deadlines()
  /** Those that wait for their turn, in order. */
  readonly #queue = new Set<Query>()
  #asked = 0
  #isHeld = false
  #number = 0

  constructor(parts: KeyBookParts) {
    this.#parts = parts
  }

  get nextDueMs(): number {
    return this.#deadlines.earliest()
  }

  /** The key of a node, if it is known. */
  known(node: string): Uint8Array | undefined {
    const kept = this.#keys.get(node)
    if (kept !== undefined) {
      this.#keys.delete(node)
      this.#keys.set(node, kept)
      return kept
    }
    if (node === this.#parts.self) return this.#parts.publicKey
    const listed = this.#parts.directory.publicKey(node)
    return listed !== undefined && isOf(listed, node) ? listed : undefined
  }

  /** A key that proves itself; false when it is not the one of that node. */
  learn(node: string, publicKey: Uint8Array): boolean {
    // It was found to be right when it was learnt.
    if (this.#keys.get(node) !== publicKey && !isOf(publicKey, node)) return false
    setNewest(this.#keys, node, publicKey, this.#parts.keysMax)
    this.#end(this.#queries.get(node), publicKey)
    return true
  }

  /**
   * Asks for a key: `at`, if given, which is the node itself, its gateway, or that of this node; else the DHT. Calls
   * `done` once, not before it returns.
   */
  find(node: string, at: string | undefined, done: Waiter): void {
    const running = this.#queries.get(node)
    if (running !== undefined) return void running.waiters.push(done)
    const { queriesMax, queueMax, timeoutMs, now, directory } = this.#parts
    const isFull = this.#asked >= queriesMax && this.#queue.size >= queueMax
    if (isFull || (at === undefined && directory.find === undefined)) {
      return this.#parts.defer(() => done(undefined))
    }
    this.#number += 1
    const number = this.#number
    const abort = at === undefined ? new AbortController() : undefined
    const query: Query = { node, number, at, waiters: [done], abort, isAsked: false }
    this.#queries.set(node, query)
    this.#byNumber.set(query.number, query)
    this.#deadlines.set(query.number, now() + timeoutMs)
    this.#queue.add(query)
    this.#pump()
  }

  /** Asks as much as may be asked now. A question that fails at once makes room within, not by calling this again. */
  #pump(): void {
    if (this.#isHeld) return
    this.#holding(() => {
      for (const query of this.#queue) {
        if (this.#asked >= this.#parts.queriesMax) return
        this.#queue.delete(query)
        this.#ask(query)
      }
    })
  }

  /** Nobody has a turn meanwhile; also when `work` throws they have theirs later. */
  #holding(work: () => void): void {
    this.#isHeld = true
    try {
      work()
    } finally {
      this.#isHeld = false
    }
  }

  #ask(query: Query): void {
    const { timeoutMs, directory, send } = this.#parts
    const { node, at, abort } = query
    query.isAsked = true
    this.#asked += 1
    const failed = (): void => this.#end(query, undefined)
    if (at !== undefined) return send(at, queryFrame(node), { lost: failed })
    directory.find?.(node, timeoutMs, abort!.signal).then((found) => {
      if (found === undefined || !this.learn(node, found.publicKey)) failed()
    }, failed)
  }

  /** Somebody asks for a key. A peer at the edge that is linked is asked itself. */
  asked({ node: from, via }: Pick<Origin, 'node' | 'via'>, payload: Uint8Array): boolean {
    if (payload.length !== NODE_KEY_BYTES) return false
    const node = Buffer.from(payload).toString('hex')
    const { send, isLinked } = this.#parts
    const reply = (key: Uint8Array | undefined): void =>
      // Who does not get it asks again.
      send(from, replyFrame(node, key), { via, lost: () => {} })
    const known = this.known(node)
    if (known !== undefined || from === node || !isLinked(node)) reply(known)
    else this.find(node, node, reply)
    return true
  }

  /** Somebody answers; false for what is no answer, or one that was not asked for. */
  answered(from: string, payload: Uint8Array): boolean {
    const node = Buffer.from(payload.subarray(0, NODE_KEY_BYTES)).toString('hex')
    const query = this.#queries.get(node)
    if (query === undefined || !query.isAsked || query.at !== from) return false
    if (payload.length === NODE_KEY_BYTES) {
      this.#end(query, undefined)
      return true
    }
    return this.learn(node, Uint8Array.from(payload.subarray(NODE_KEY_BYTES)))
  }

  tick(nowMs: number): void {
    // Whose time is over need not have a turn first.
    this.#holding(() => {
      while (this.#deadlines.earliest() <= nowMs) {
        this.#end(this.#byNumber.get(this.#deadlines.first()), undefined)
      }
    })
    this.#pump()
  }

  /** Nobody hears of anything any more. */
  close(): void {
    for (const { abort } of this.#queries.values()) abort?.abort()
    this.#queries.clear()
    this.#byNumber.clear()
    this.#deadlines.clear()
    this.#queue.clear()
  }

  #end(query: Query | undefined, publicKey: Uint8Array | undefined): void {
    if (query === undefined || this.#queries.get(query.node) !== query) return
    this.#queries.delete(query.node)
    this.#byNumber.delete(query.number)
    this.#deadlines.delete(query.number)
    this.#queue.delete(query)
    if (query.isAsked) this.#asked -= 1
    query.abort?.abort()
    for (const waiter of query.waiters) waiter(publicKey)
    this.#pump()
  }
}

function isOf(publicKey: Uint8Array, node: string): boolean {
  return publicKey.length === PUBLIC_KEY_BYTES && nodeKeyOfPublicKey(publicKey).hex === node
}

function queryFrame(node: string): Uint8Array {
  return encodeFrame(WireType.keyQuery, Buffer.from(node, 'hex'))
}

function replyFrame(node: string, publicKey: Uint8Array | undefined): Uint8Array {
  const parts = [Buffer.from(node, 'hex'), ...(publicKey === undefined ? [] : [publicKey])]
  return encodeFrame(WireType.keyReply, Buffer.concat(parts))
}
