/**
 * Which nodes host a kind of entity, as one node knows it. Nodes tell each other when they see each other and when something
 * changes, as `pg` of OTP does: each says of itself only. What is known of a node ends with its connection.
 *
 * Invariant: `ready` is over when every node that was connected has answered, is lost, or does not answer in time; so who
 * takes shards then has asked everybody it sees.
 */
import { formatReason } from '../../runtime/index.ts'
import type { DistParts } from '../parts.ts'
import { ShardError } from './errors.ts'
import { helloOf, SHARDING_SERVICE, type Hello } from './messages.ts'

/** How long an answer may take before the node is asked again. */
const ASK_TIMEOUT_MS = 2_000
const RETRY_MS = 500

/** How often a start asks a node that is connected and does not answer. */
const TRIES_AT_START = 2

/** See the head of this file. */
export class HostBook {
  readonly #parts: DistParts
  readonly #own: Hello
  readonly #changed: () => void
  readonly #hosts = new Set<string>()
  /** How often a node said by itself what it hosts. */
  readonly #words = new Map<string, number>()
  readonly #pauses = new Set<() => void>()
  readonly #release: (() => void)[]
  #closed = false

  /** `changed` is called after every change of the hosts. */
  constructor(parts: DistParts, own: Hello, changed: () => void) {
    this.#parts = parts
    this.#own = own
    this.#changed = changed
    if (own.isHost) this.#hosts.add(parts.directory.ownKeyHex)
    this.#release = [
      parts.cluster.onNodeUp((_id, { key }) => void this.#greet(key.hex)),
      parts.cluster.onNodeDown((_id, _reason, { key }) => this.#lost(key.hex), { hidden: true }),
    ]
  }

  /** Keys of the nodes that host, this one included if it does. */
  get hosts(): ReadonlySet<string> {
    return new Set(this.#hosts)
  }

  /** Everybody who is connected now has been asked. Throws `ERR_SHARD_COUNT`. */
  async ready(): Promise<void> {
    const keys = this.#parts.cluster.getConnectedNodes().map(({ key }) => key.hex)
    const answers = await Promise.all(keys.map((keyHex) => this.#ask(keyHex, TRIES_AT_START)))
    const other = answers.find((hello) => hello !== undefined && hello.shards !== this.#own.shards)
    if (other === undefined) return
    const what = `has ${this.#own.shards} shards here and ${other.shards} elsewhere`
    throw new ShardError('ERR_SHARD_COUNT', { entity: this.#own.entity }, what)
  }

  /** A node said what it hosts. Throws `ERR_SHARD_COUNT` to it. */
  heard(keyHex: string, { shards, isHost }: Hello): void {
    if (isHost && shards !== this.#own.shards) {
      const what = `has ${this.#own.shards} shards, not ${shards}`
      throw new ShardError('ERR_SHARD_COUNT', { entity: this.#own.entity }, what)
    }
    this.#words.set(keyHex, this.#wordsOf(keyHex) + 1)
    this.#know(keyHex, isHost)
  }

  #know(keyHex: string, isHost: boolean): void {
    const before = this.#hosts.has(keyHex)
    if (isHost) this.#hosts.add(keyHex)
    else this.#hosts.delete(keyHex)
    if (before !== isHost && !this.#closed) this.#changed()
  }

  /** Says goodbye: this node hosts no more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const release of this.#release) release()
    for (const end of [...this.#pauses]) end()
    const { cluster, peers } = this.#parts
    const hello = { ...this.#own, isHost: false }
    for (const { key } of cluster.getConnectedNodes()) {
      peers.cast(key.hex, SHARDING_SERVICE, 'hello', hello)
    }
  }

  #wordsOf(keyHex: string): number {
    return this.#words.get(keyHex) ?? 0
  }

  #lost(keyHex: string): void {
    this.#words.delete(keyHex)
    if (this.#hosts.delete(keyHex)) this.#changed()
  }

  async #greet(keyHex: string): Promise<void> {
    try {
      await this.#ask(keyHex, Infinity)
    } catch (error) {
      const { entity } = this.#own
      const detail = formatReason(error)
      this.#parts.logger.error({ err: error, peer: keyHex, entity, detail }, 'a host does not fit')
    }
  }

  /** Tells a node what is hosted here and hears what is there; again until it answers or is lost. */
  async #ask(keyHex: string, tries: number): Promise<Hello | undefined> {
    const { peers, cluster } = this.#parts
    for (let tried = 0; tried < tries; tried++) {
      if (this.#closed || !cluster.isNodeConnected(keyHex)) return undefined
      const words = this.#wordsOf(keyHex)
      try {
        const options = { timeoutMs: ASK_TIMEOUT_MS }
        const answer = await peers.call(keyHex, SHARDING_SERVICE, 'hello', this.#own, options)
        const hello = helloOf(answer)
        // The node may have been lost while its answer was on its way through here, or have said something newer: it starts
        // the kind just after it answered that it does not host it.
        const isNews = cluster.isNodeConnected(keyHex) && this.#wordsOf(keyHex) === words
        if (hello !== undefined && isNews) this.#answered(keyHex, hello)
        return hello
      } catch (error) {
        const { code, reason } = error as { readonly code?: unknown; readonly reason?: unknown }
        // It has no such part: an older program, or `noproc` while it starts, when it will greet itself.
        if (code === 'ERR_CALL_EXIT' && reason === 'noproc') return undefined
        if (code === 'ERR_SHARD_COUNT' || code === 'ERR_PEER_DENIED') {
          this.#parts.refusals.count(code, { peer: keyHex })
          if (code === 'ERR_SHARD_COUNT') throw error
          return undefined
        }
      }
      if (tried + 1 < tries) await this.#pause()
    }
    return undefined
  }

  #answered(keyHex: string, { shards, isHost }: Hello): void {
    if (shards === this.#own.shards) this.#know(keyHex, isHost)
  }

  /** Over early when this node gives up. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel()
        this.#pauses.delete(end)
        resolve()
      }
      const timer = this.#parts.system.clock.setTimer(RETRY_MS, end)
      timer.unref()
      this.#pauses.add(end)
    })
  }
}
