/**
 * Values of all sizes with their hashes, to everybody: in messages and answers, in streams whose reader is slow, as last values of
 * topics. Who receives one keeps it for a while, looks at it again and again, and passes it on: memory that is used again
 * must never be that of a value which somebody still has.
 */
import { createHash } from 'node:crypto'
import { contract, implement, noreply, reply } from '../../behaviours/index.ts'
import type { Contract, Server } from '../../behaviours/index.ts'
import type { FoveaNode } from '../../dist/index.ts'
import type { Entropy } from '../../runtime/index.ts'
import { formatReason } from '../../runtime/index.ts'

interface Piece {
  readonly data: Uint8Array
  readonly hash: string
}

interface Numbered extends Piece {
  readonly from: string
  readonly epoch: number
  readonly n: number
}

interface BytesApi {
  call: { echo(piece: Piece): Piece }
  cast: { take(piece: Numbered): void; passed(piece: Piece): void }
}

const BytesContract: Contract<BytesApi> = contract('bytes/1', {
  call: { echo: true },
  cast: { take: true, passed: true },
})

/** What was sent to one node, and how. */
interface Line {
  epoch: number
  n: number
  isOpen: boolean
}

const CALL_TIMEOUT_MS = 60_000
/** Pieces that stay with their receiver. */
const KEPT = 12
const STREAM_ITEMS = 8
/** Whole, in pieces, and in memory that is used again. */
const SIZES: readonly number[] = [16, 300, 900, 5_000, 20_000, 99_000, 150_000, 400_000]
/** So rarely a piece is larger than a megabyte, where nothing forbids it. */
const HUGE_OF = 40
const HUGE_BYTES = 1_100_000
const TOPIC = 'last'

const hashOf = (data: Uint8Array): string => createHash('sha1').update(data).digest('hex')

/** See the file header. */
export class BytesLoad {
  readonly #node: FoveaNode
  readonly #entropy: Entropy
  readonly #run: string
  /** Other nodes, by key. */
  readonly #others: readonly string[]
  readonly #lines = new Map<string, Line>()
  /** Where each sender is, by its run. */
  readonly #heard = new Map<string, { epoch: number; n: number }>()
  readonly #kept: Piece[] = []
  readonly #last = new Map<string, Piece>()
  readonly #counts: Record<string, number> = {}
  readonly #open = new Set<Promise<void>>()
  readonly faults: string[] = []
  #isWorking = false
  #drawn = 0

  constructor(node: FoveaNode, entropy: Entropy, run: string, others: readonly string[]) {
    this.#node = node
    this.#entropy = entropy
    this.#run = run
    this.#others = others
  }

  /** What others ask for and say here. */
  async serve(): Promise<void> {
    const server: Server<BytesApi, undefined> = implement<BytesApi, undefined, undefined>(
      BytesContract,
      {
        init: () => undefined,
        call: {
          echo: (state, piece) => {
            this.#look(piece, 'asked')
            return reply(piece, state)
          },
        },
        cast: {
          take: (state, piece) => {
            this.#took(piece)
            return noreply(state)
          },
          passed: (state, piece) => {
            this.#look(piece, 'passed on')
            return noreply(state)
          },
        },
      },
    )
    const { system, mesh } = this.#node
    await server.start(undefined, { system, name: 'bytes' })
    await mesh.rpc.advertiseStream('bytes', async function* (count: unknown) {
      for (let left = Number(count); left > 0; left--) yield piece()
    })
    const piece = (): Piece => this.#piece()
    mesh.pubsub.subscribe(`${TOPIC}.*`, ({ topic, payload }) => {
      const value = payload as Piece
      this.#look(value, topic)
      this.#last.set(topic, value)
    })
  }

  start(): void {
    this.#isWorking = true
    for (const key of this.#others) {
      this.#track(this.#talk(key))
      this.#track(this.#stream(key))
    }
    this.#track(this.#publish())
  }

  /** No new work; resolves when what was begun has ended. */
  async rest(): Promise<void> {
    this.#isWorking = false
    while (this.#open.size > 0) await Promise.all(this.#open)
    for (const piece of [...this.#kept, ...this.#last.values()]) this.#look(piece, 'kept')
    this.#kept.length = 0
  }

  /** What happened; `sent` and `taken` by key and run of the other. */
  view(): object {
    const heard = Object.fromEntries(this.#heard)
    return {
      counts: this.#counts,
      faults: this.faults,
      sent: Object.fromEntries(this.#lines),
      heard,
    }
  }

  async #talk(key: string): Promise<void> {
    const { remoteCall } = this.#node
    const to = { name: 'bytes', node: key, contract: BytesContract }
    while (this.#isWorking) {
      const line = this.#lineTo(key)
      for (let left = 1 + this.#pick(5); left > 0; left--) {
        const { epoch, n } = line
        const numbered = { ...this.#piece(true), from: this.#run, epoch, n: n + 1 }
        if (!remoteCall.cast(to, 'take', numbered)) break
        line.n += 1
        this.#count('casts')
      }
      const asked = this.#piece(true)
      try {
        const echo = await remoteCall.call(to, 'echo', asked, { timeoutMs: CALL_TIMEOUT_MS })
        if (hashOf((echo as Piece).data) !== asked.hash) this.#fault('an echo is another value')
        this.#count('calls')
      } catch (error) {
        this.#count(`call ${String((error as { code?: string }).code)}`)
        await this.#pause(500)
      }
      await this.#pause(this.#pick(250))
    }
  }

  /** Each epoch begins with a monitor and ends with its DOWN. */
  #lineTo(key: string): Line {
    const known = this.#lines.get(key)
    if (known?.isOpen === true) return known
    const line = { epoch: (known?.epoch ?? 0) + 1, n: 0, isOpen: true }
    this.#lines.set(key, line)
    this.#node.remoteMonitor.monitor({ name: 'bytes', node: key }, (_target, reason) => {
      line.isOpen = false
      this.#count(`down ${formatReason(reason)}`)
    })
    return line
  }

  async #stream(key: string): Promise<void> {
    while (this.#isWorking) {
      const items: Piece[] = []
      try {
        const { rpc } = this.#node.mesh
        const stream = rpc.stream<Piece>('bytes', STREAM_ITEMS, { node: key, mode: 'server' })
        for await (const item of stream) {
          items.push(item)
          await this.#pause(100)
        }
        if (items.length < STREAM_ITEMS) this.#fault(`a stream had ${items.length} items`)
        this.#count('streams')
      } catch (error) {
        this.#count(`stream ${String((error as { code?: string }).code)}`)
        await this.#pause(500)
      }
      for (const item of items) this.#look(item, 'streamed')
    }
  }

  async #publish(): Promise<void> {
    const topic = `${TOPIC}.${this.#node.key.hex.slice(0, 8)}`
    while (this.#isWorking) {
      const { pubsub } = this.#node.mesh
      await pubsub.publish(topic, this.#piece(), { qos: 1, retain: true }).then(
        () => this.#count('published'),
        (error: unknown) => this.#count(`publish ${String((error as { code?: string }).code)}`),
      )
      await this.#pause(1_000)
    }
  }

  #took(piece: Numbered): void {
    const { from, epoch, n, data, hash } = piece
    this.#look(piece, 'cast')
    this.#count('taken')
    const before = this.#heard.get(from)
    const expected = before?.epoch === epoch ? before.n + 1 : 1
    // A process that has begun anew may be told what was for the one before it.
    const isRight = before === undefined || (n === expected && epoch >= before.epoch)
    if (!isRight)
      this.#fault(`${n} of epoch ${epoch} of ${from} came after ${JSON.stringify(before)}`)
    this.#heard.set(from, { epoch, n })
    for (const each of this.#kept) this.#look(each, 'kept')
    this.#kept.push({ data, hash })
    if (this.#kept.length <= KEPT) return
    const passed = this.#kept.shift()!
    const node = this.#others[this.#pick(this.#others.length)]!
    this.#node.remoteCall.cast({ name: 'bytes', node, contract: BytesContract }, 'passed', passed)
  }

  #look({ data, hash }: Piece, what: string): void {
    this.#count('looks')
    if (hashOf(data) !== hash) this.#fault(`${what}: ${data.length} bytes have changed`)
  }

  /** No two are the same. */
  #piece(mayBeHuge = false): Piece {
    const isHuge = mayBeHuge && this.#pick(HUGE_OF) === 0
    const size = (isHuge ? HUGE_BYTES : SIZES[this.#pick(SIZES.length)]!) + this.#pick(1_000)
    const data = new Uint8Array(size).fill(++this.#drawn & 255)
    new DataView(data.buffer).setFloat64(0, this.#drawn)
    return { data, hash: hashOf(data) }
  }

  #fault(what: string): void {
    if (this.faults.length < 20) this.faults.push(`${this.#run}: ${what}`)
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1
  }

  #pick(n: number): number {
    return Math.floor(this.#entropy.random() * n)
  }

  #pause(ms: number): Promise<void> {
    const { clock } = this.#node.system
    return new Promise((resolve) => void clock.setTimer(Math.max(1, ms), resolve))
  }

  #track(work: Promise<void>): void {
    this.#open.add(work)
    void work.finally(() => this.#open.delete(work))
  }
}
