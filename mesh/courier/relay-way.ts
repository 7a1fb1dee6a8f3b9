/**
 * Messages to nodes without a link: sealed for their destination, in envelopes that others pass on. Messages that wait
 * together share an envelope; a large one goes in pieces, in turn with the small ones. `envelopesPerNodeMax` envelopes
 * are under way to one node, each until its destination has it or somebody gives it up: so a loss is known, and so it
 * is known when nothing is under way any more and messages may take another way.
 *
 * An envelope that was given up was not delivered, so its messages are sent again another way (`line.ts` says which)
 * until there is none left; then they are lost. Until the first one has arrived only one is under way, and those that
 * came back go before those that wait, so that messages of one lane keep their order. Nothing waits for
 * envelopes whose first link is gone, or of which nothing was heard for `envelopeWaitMs` (`under-way.ts`): their messages end
 * as ever, but others may pass them.
 */
import { setNewest } from '../machine/newest.ts'
import { HEADER_BYTES } from '../wire/frame.ts'
import { RouteError } from '../routing/greedy/errors.ts'
import type { RouteType } from '../routing/greedy/envelope.ts'
import type { RouteSendOptions } from '../routing/greedy/router.ts'
import { keyFromHex } from '../routing/kademlia/id.ts'
import type { KadKey } from '../routing/kademlia/id.ts'
import { cutNext, isCutUp } from './chunks.ts'
import type { Cut } from './chunks.ts'
import type { ServiceLane } from './courier.ts'
import type { CourierErrorCode } from './errors.ts'
import type { KeyBook } from './key-book.ts'
import { Line } from './line.ts'
import type { Helper } from './line.ts'
import type { Parcel } from './parcel.ts'
import { SEAL_OVERHEAD_BYTES } from './seal.ts'
import type { Seals } from './seal.ts'
import { UnderWay } from './under-way.ts'
import type { CourierSettings } from './settings.ts'
import type { Waiting } from './waiting.ts'

/** Nodes for which it is remembered by way of whom they were reached. */
const HELPERS_MAX = 4_096

/** Sends an envelope; resolves when its destination has it. */
export type SendEnvelope = (
  type: RouteType,
  destination: KadKey,
  payload: Uint8Array,
  options: RouteSendOptions,
) => Promise<unknown>

/** What it works with. */
export interface RelayWayParts {
  readonly settings: Pick<CourierSettings, 'envelopesPerNodeMax' | 'envelopeWaitMs'>
  readonly send: SendEnvelope
  /** Bytes of the payload of an envelope. */
  readonly payloadBytesMax: number
  readonly seals: Seals
  readonly keys: KeyBook
  readonly waiting: Waiting
  /** A node with a link, through which this one can be answered. */
  readonly home: () => string | undefined
  /** Whether everything goes by `home`. */
  readonly isEdge: boolean
  /** Nodes with links that may have one with that node, too; best first. */
  readonly helpers: (node: string) => readonly string[]
  /** Whom to ask for the key of a node that came without a gateway; undefined for the DHT. */
  readonly keysAt: () => string | undefined
  readonly now: () => number
  readonly relayed: (messages: number) => void
  readonly lose: (
    parcel: Parcel,
    code: CourierErrorCode,
    text: string,
    mayHaveArrived?: boolean,
  ) => void
  /** There is no way to a node through others. */
  readonly broken: (node: string) => void
  /** Nothing is under way to a node any more. */
  readonly rested: (node: string) => void
  /** Runs what a promise brings. */
  readonly guard: (work: () => void) => void
}

/** A large message under way. */
export interface Cutting extends Cut {
  readonly parcel: Parcel
  /** A piece of it has arrived. */
  hasArrived: boolean
  /** Its sender was told, or it has begun anew; nothing more of it is sent. */
  isOver: boolean
}

/** One envelope, and as what the line counts it. */
interface Trip {
  readonly node: string
  readonly key: Uint8Array
  readonly line: Line
  readonly kind: 'small' | 'pieces'
}

/** How an envelope ended. */
interface Ended {
  readonly code: 'arrived' | 'given_up' | CourierErrorCode
  readonly text: string
  /** It failed, and nobody said whether it was there. */
  readonly isUnknown: boolean
}

/** See the file header. */
export class RelayWay {
  readonly #parts: RelayWayParts
  readonly #lines = new Map<string, Line>()
  /** By way of whom messages for a node arrived last; oldest first. */
  readonly #helpers = new Map<string, string>()
  readonly #underWay: UnderWay
  readonly #frameBytesMax: number
  #id = 0

  constructor(parts: RelayWayParts) {
    this.#parts = parts
    this.#underWay = new UnderWay(parts.settings.envelopeWaitMs)
    this.#frameBytesMax = parts.payloadBytesMax - SEAL_OVERHEAD_BYTES
  }

  /** When `tick` has something to do. */
  get nextDueMs(): number {
    return this.#underWay.nextDueMs
  }

  /** Whether whole messages for that node are under way. */
  isBusy(node: string): boolean {
    return this.#lines.get(node)?.isBusy === true
  }

  /** Bytes of large messages that are cut in part, and of messages that came back. */
  bytesOf(node: string): number {
    return this.#lines.get(node)?.bytes ?? 0
  }

  /** The link with that node is gone: what went by it is waited for no more. */
  unlinked(node: string): void {
    this.#underWay.lost(node)
  }

  tick(nowMs: number): void {
    this.#underWay.tick(nowMs)
  }

  /** Sends what waits for that node, as far as it may. */
  move(node: string): void {
    const { waiting, keys, settings, isEdge, home } = this.#parts
    const line = this.#lineOf(node)
    if (line.isAsking) return
    const key = keys.known(node)
    if (key === undefined) {
      if (line.returned.length > 0 || waiting.has(node)) this.#ask(node, line)
      return
    }
    while (line.mayBegin(settings.envelopesPerNodeMax)) {
      // What waits for a gateway is not given to nobody.
      if (line.returned.length === 0 && isEdge && home() === undefined) break
      const isNext = line.returned.length > 0 || waiting.has(node)
      if (line.cuttings.length > 0 && (!isNext || line.pieceIsNext))
        this.#sendPiece(node, key, line)
      else if (isNext) this.#sendNext(node, key, line)
      else break
    }
    if (line.isIdle) this.#lines.delete(node)
  }

  /** Everything that is under way in part is lost. */
  close(): void {
    for (const { cuttings, returned } of this.#lines.values()) {
      const text = 'the courier has ended'
      for (const parcel of returned) this.#parts.lose(parcel, 'ERR_COURIER_STOPPED', text)
      for (const cutting of cuttings) this.#loseCutting(cutting, 'ERR_COURIER_STOPPED', text)
    }
    this.#lines.clear()
  }

  #ask(node: string, line: Line): void {
    const { keys, waiting, guard, keysAt, broken } = this.#parts
    line.isAsking = true
    const at = waiting.first(node)?.via ?? keysAt()
    keys.find(node, at, (key) =>
      guard(() => {
        line.isAsking = false
        if (key !== undefined) return this.move(node)
        const text = `the key of ${node} is not known`
        for (const parcel of line.takeReturned()) {
          this.#parts.lose(parcel, 'ERR_COURIER_UNREACHABLE', text)
        }
        if (line.isIdle) this.#lines.delete(node)
        broken(node)
      }),
    )
  }

  #sendNext(node: string, key: Uint8Array, line: Line): void {
    const { waiting, relayed } = this.#parts
    const isAgain = line.returned.length > 0
    const parcels = this.#batch(isAgain ? line.returned : waiting.fromFirst(node))
    if (isAgain) line.returned.splice(0, parcels.length)
    else for (const parcel of parcels) waiting.remove(parcel)
    const [first] = parcels
    if (first === undefined) return
    line.pieceIsNext = true
    if (!isAgain) relayed(parcels.length)
    if (first.frame.length > this.#frameBytesMax) {
      this.#id = (this.#id + 1) >>> 0
      const { frame } = first
      const cut = { id: this.#id, frame, offset: 0, parcel: first }
      line.cuttings.push({ ...cut, hasArrived: false, isOver: false })
      return
    }
    const frames = parcels.map(({ frame }) => frame)
    this.#send({ node, key, line, kind: 'small' }, first, frames, ({ code, text, isUnknown }) => {
      if (code === 'given_up') return line.bringBack(parcels)
      if (code === 'arrived') return
      for (const parcel of parcels) this.#parts.lose(parcel, code, text, isUnknown)
    })
  }

  /** The first messages that may share an envelope; one that is too large for any is alone. */
  #batch(parcels: Iterable<Parcel>): readonly Parcel[] {
    const batch: Parcel[] = []
    let bytes = 0
    for (const parcel of parcels) {
      const first = batch[0] ?? parcel
      const isSame = parcel.via === first.via && routeType(parcel.lane) === routeType(first.lane)
      bytes += parcel.frame.length
      if (!isSame || (batch.length > 0 && bytes > this.#frameBytesMax)) break
      batch.push(parcel)
    }
    return batch
  }

  #sendPiece(node: string, key: Uint8Array, line: Line): void {
    const cutting = line.cuttings.shift()!
    line.pieceIsNext = false
    const piece = cutNext(cutting, this.#frameBytesMax - HEADER_BYTES)
    if (!isCutUp(cutting)) line.cuttings.push(cutting)
    const trip: Trip = { node, key, line, kind: 'pieces' }
    this.#send(trip, cutting.parcel, [piece], ({ code, text, isUnknown }) => {
      if (code === 'arrived') {
        cutting.hasArrived = true
        return
      }
      const at = line.cuttings.indexOf(cutting)
      if (at >= 0) line.cuttings.splice(at, 1)
      const why = code === 'given_up' ? 'ERR_COURIER_UNREACHABLE' : code
      // With nothing of it there, it may begin anew another way.
      const isFresh = code === 'given_up' && !cutting.hasArrived && !cutting.isOver
      if (!isFresh) return this.#loseCutting(cutting, why, text, isUnknown)
      cutting.isOver = true
      line.bringBack([cutting.parcel])
    })
  }

  #send(
    { node, key, line, kind }: Trip,
    { lane, via }: Parcel,
    frames: readonly Uint8Array[],
    ended: (how: Ended) => void,
  ): void {
    const { seals, send, guard, home, now } = this.#parts
    const way = via ?? line.helper
    const back = line.helper ?? home()
    const sealed = seals.seal(key, frames, back)
    line[kind] += 1
    const crossing = this.#underWay.begin(now(), () => {
      line[kind] -= 1
      line.detached += 1
      this.#after(node, line)
    })
    const options = {
      ...{ via: keyOrNone(way), sourceVia: keyOrNone(back), isUndialable: true },
      firstHop: (hop: string) => crossing.by(hop),
    }
    const sent =
      sealed === undefined
        ? Promise.reject(new RouteError('ERR_ROUTE_UNHANDLED', 'nothing can be sealed for it'))
        : send(routeType(lane), keyFromHex(node), sealed, options)
    sent.then(
      () => {
        line[crossing.end() ? kind : 'detached'] -= 1
        line.arrived(way)
        if (way === line.helper) this.#remember(node, way)
        ended({ code: 'arrived', text: '', isUnknown: false })
        guard(() => this.#after(node, line))
      },
      (error: unknown) => {
        const { code, message } = error as RouteError
        line[crossing.end() ? kind : 'detached'] -= 1
        ended({ code: endOf(code), text: message, isUnknown: UNKNOWN.has(code) })
        guard(() => {
          if (GIVEN_UP.has(code)) this.#tryNext(node, line, way)
          this.#after(node, line)
        })
      },
    )
  }

  /** The way was none: the next one, or everything is lost that waits for it. */
  #tryNext(node: string, line: Line, way: string | undefined): void {
    const { helpers, broken, lose } = this.#parts
    this.#remember(node, undefined)
    if (line.next(way, () => helpers(node))) return
    const text = `nobody passes messages on to ${node}`
    for (const parcel of line.takeReturned()) lose(parcel, 'ERR_COURIER_UNREACHABLE', text)
    for (const cutting of line.cuttings.splice(0)) {
      this.#loseCutting(cutting, 'ERR_COURIER_UNREACHABLE', text)
    }
    broken(node)
  }

  #after(node: string, line: Line): void {
    if (this.#lines.get(node) !== line) return
    const { now, lose } = this.#parts
    for (const parcel of line.takeExpired(now())) {
      lose(parcel, 'ERR_COURIER_TIMEOUT', `no way to ${node} was found in time`)
    }
    if (!line.isBusy) this.#parts.rested(node)
    this.move(node)
  }

  #loseCutting(
    cutting: Cutting,
    code: CourierErrorCode,
    text: string,
    mayHaveArrived = false,
  ): void {
    if (cutting.isOver) return
    cutting.isOver = true
    this.#parts.lose(cutting.parcel, code, text, mayHaveArrived)
  }

  #remember(node: string, helper: Helper): void {
    if (helper === undefined) this.#helpers.delete(node)
    else setNewest(this.#helpers, node, helper, HELPERS_MAX)
  }

  #lineOf(node: string): Line {
    const known = this.#lines.get(node)
    if (known !== undefined) return known
    const line = new Line(this.#helpers.get(node))
    this.#lines.set(node, line)
    return line
  }
}

/** How an envelope fails that was not delivered, because the way that it took is none. */
const GIVEN_UP: ReadonlySet<string> = new Set(['ERR_ROUTE_NONE', 'ERR_ROUTE_HOPS_MAX'])

/** How an envelope fails that may be there all the same. */
const UNKNOWN: ReadonlySet<string> = new Set([
  ...['ERR_ROUTE_TIMEOUT', 'ERR_ROUTE_ABORTED', 'ERR_ROUTE_STOPPED'],
])

function endOf(code: string): Ended['code'] {
  if (GIVEN_UP.has(code)) return 'given_up'
  if (code === 'ERR_ROUTE_STOPPED') return 'ERR_COURIER_STOPPED'
  return code === 'ERR_ROUTE_TIMEOUT' ? 'ERR_COURIER_TIMEOUT' : 'ERR_COURIER_UNREACHABLE'
}

function routeType(lane: ServiceLane): RouteType {
  return lane === 'pubsub' ? 'publish' : 'call'
}

function keyOrNone(hex: string | undefined): KadKey | undefined {
  return hex === undefined ? undefined : keyFromHex(hex)
}
