/**
 * The streams of one node: frames of peers to cores, frames of cores to the courier, times, limits, and peers that are
 * gone. Everything else is asked of its surroundings: who serves a procedure here, who does elsewhere, what the policy
 * grants.
 *
 * A stream of this node to itself goes the same way, without the courier.
 */
import type { ClockTimer, Pid } from '../../../runtime/index.ts'
import type { Origin } from '../../courier/courier.ts'
import { Deadlines } from '../../machine/deadlines.ts'
import { CodecError, MessageError } from '../../wire/errors.ts'
import { HEADER_BYTES } from '../../wire/frame.ts'
import { WireType } from '../../wire/messages.ts'
import type { RpcContext } from '../context.ts'
import type { Registration } from '../procedures.ts'
import type { EndpointSettings, StreamEndpoint } from './endpoint.ts'
import { streamFault, unsentFault } from './frames.ts'
import type { StreamFault, StreamOpen } from './frames.ts'
import { InboundStream } from './inbound.ts'
import type { StreamService } from './inbound.ts'
import { OutboundStream } from './outbound.ts'
import type { OutboundPlan, StreamProvider } from './outbound.ts'
import { StreamPeers } from './peers.ts'
import type { StreamPeer } from './peers.ts'
import { StreamPlaces } from './places.ts'
import { StreamSelector } from './selector.ts'
import type { StreamTarget } from './selector.ts'
import type { StreamSettings } from './stream-core.ts'
import { StreamCore } from './stream-core.ts'
import {
  encodeStreamFrame,
  encodeStreamFront,
  encodeStreamOpen,
  readStreamFrame,
  readStreamOpen,
  STREAM_TYPES,
} from './stream-wire.ts'
import type { AddressedFrame } from './stream-wire.ts'
import type { StreamStats } from './stream.ts'
import { StreamTrack } from './track.ts'

/** What a caller wants. */
export interface OpenPlan extends OutboundPlan {
  readonly target: StreamTarget
  /** The process that opens it: the stream ends with it. */
  readonly owner: Pid | undefined
  readonly windowBytes: number | undefined
  readonly idleTimeoutMs: number | undefined
}

/** What the wire can say of a time that is left. */
const REMAINING_MS_MAX = 2_147_483_647

/** Numbers of streams grow with the time, so that those of a process that was restarted are new ones. */
const IDS_PER_MS = 1_000

const TOO_MUCH_WAITS = 'too much waits for that node'

/** See the head of this file. */
export class StreamDriver {
  readonly #context: RpcContext
  readonly #enter: (task: () => void) => void
  readonly #endpoint: EndpointSettings
  readonly #outbound = new Map<number, StreamTrack>()
  /** Everything that was opened here, also before it has a provider. */
  readonly #opening = new Set<OutboundStream>()
  readonly #peers: StreamPeers
  readonly #places: StreamPlaces
  readonly #byNode = new Map<string, Set<StreamTrack>>()
  readonly #byKey = new Map<number, StreamTrack>()
  readonly #deadlines = new Deadlines()
  readonly #selector: StreamSelector
  readonly #full = new Set<string>()
  readonly #stops: (() => void)[] = []
  /** Frames to this node itself. */
  #own: { readonly type: number; readonly payload: Uint8Array }[] = []
  #timer: ClockTimer | undefined
  #timerMs = Infinity
  #nextId: number
  #nextKey = 1
  #largeBytes = 0
  #isStopped = false
  readonly #counts = { opened: 0, served: 0, refused: 0, failed: 0 }

  /** `enter` does a task; what is thrown there is the affair of the process that owns the driver. */
  constructor(context: RpcContext, enter: (task: () => void) => void = (task) => task()) {
    this.#context = context
    this.#enter = enter
    const { clock, values, courier, settings } = context
    this.#endpoint = {
      clock,
      values,
      writesMax: settings.streamWritesMax,
      itemBytesMax: settings.streamItemBytesMax,
    }
    this.#peers = new StreamPeers(clock, settings.streamOpensPerSecondMax)
    this.#places = new StreamPlaces(clock, settings.handlerGraceMs)
    this.#selector = new StreamSelector(context)
    this.#nextId = Math.floor(clock.now() * IDS_PER_MS) + 1
    for (const [from, to] of STREAM_TYPES) {
      this.#stops.push(
        courier.handle(from, to, (origin, type, payload) =>
          enter(() => this.#arrive(origin, type, payload)),
        ),
      )
    }
    this.#stops.push(
      () => this.#selector.close(),
      courier.onGone((node, reason) => enter(() => this.#gone(node, reason))),
      courier.onDrain((node) => enter(() => this.#drained(node))),
    )
  }

  /** Opens a stream; what it needs comes later. */
  open(plan: OpenPlan): OutboundStream {
    const { settings, clock, system } = this.#context
    const { streamsOutboundMax } = settings
    const dueMs = clock.now() + (plan.timeoutMs ?? Infinity)
    const stream: OutboundStream = new OutboundStream(plan, {
      endpoint: this.#endpoint,
      select: this.#selector.for(plan.target),
      open: (provider, input, endpoint) => this.#start(plan, dueMs, provider, input, endpoint),
      over: (isFailed) => {
        this.#opening.delete(stream)
        unwatch()
        if (isFailed) this.#counts.failed += 1
      },
    })
    const unwatch =
      plan.owner === undefined
        ? (): void => {}
        : system.watch(plan.owner, () => stream.cancel(new Error('the process has ended')))
    const isFull = this.#opening.size >= streamsOutboundMax
    this.#opening.add(stream)
    this.#counts.opened += 1
    if (this.#isStopped) stream.lose(streamFault('unreachable', 'this node stops'))
    else if (isFull) {
      stream.lose(streamFault('overloaded', `${streamsOutboundMax} streams are open`))
    } else stream.start()
    return stream
  }

  /** Ends all of them. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    for (const stop of this.#stops) stop()
    const fault = streamFault('unreachable', 'the node that served or called stops')
    this.#places.stop()
    for (const track of this.#byKey.values()) track.core.abort(fault)
    for (const stream of this.#opening) stream.lose(fault)
    this.#timer?.cancel()
    this.#own = []
  }

  stats(): StreamStats {
    let [bytesUnacknowledged, bytesWaiting, bytesUnread, resent] = [0, 0, 0, 0]
    for (const { core } of this.#byKey.values()) {
      bytesUnacknowledged += core.bytesKept
      bytesWaiting += core.bytesWaiting
      bytesUnread += core.bytesUnread
      resent += core.resent
    }
    return {
      outbound: this.#opening.size,
      inbound: this.#places.size,
      ...this.#counts,
      resent,
      bytesUnacknowledged,
      bytesWaiting,
      bytesUnread,
    }
  }

  // --- the caller's side

  #start(
    plan: OpenPlan,
    dueMs: number,
    provider: StreamProvider,
    input: Uint8Array,
    endpoint: StreamEndpoint,
  ): StreamCore {
    const { codec, clock, courier, self, incarnation } = this.#context
    const streamId = this.#nextId++
    const settings = this.#settings(Infinity, plan.windowBytes, plan.idleTimeoutMs)
    const nowMs = clock.now()
    const track = this.#track('opener', streamId, provider, settings, endpoint)
    track.release = provider.begin()
    this.#outbound.set(streamId, track)
    const { procedure, mode } = plan
    const { windowFrames, windowBytes } = settings
    const remainingMs =
      dueMs === Infinity ? 0 : Math.min(REMAINING_MS_MAX, Math.max(1, Math.ceil(dueMs - nowMs)))
    const open = { streamId, incarnation, procedure, mode, windowFrames, windowBytes, remainingMs }
    const frame = encodeStreamOpen(codec, { ...open, input })
    if (provider.node === self) {
      this.#sendOwn(frame)
      return track.core
    }
    const outcome = courier.send(provider.node, 'rpc', frame, {
      via: provider.via,
      // As of a call: what its opener waits for no longer must not begin.
      timeoutMs: remainingMs === 0 ? undefined : remainingMs,
      lost: ({ mayHaveArrived, message }) =>
        this.#enter(() => track.openingLost(mayHaveArrived, message)),
    })
    if (outcome === 'refused') this.#loseLater(track, unsentFault(TOO_MUCH_WAITS))
    return track.core
  }

  // --- the provider's side

  #accept(origin: Origin, payload: Uint8Array): void {
    const open = readStreamOpen(this.#context.codec, payload)
    const peer = this.#peers.opens(origin.node, open.incarnation)
    if (peer === undefined || !peer.ids.use(open.streamId)) {
      this.#context.refusals.count('ERR_RPC_DUPLICATE', { from: origin.node })
      return
    }
    const { procedures } = this.#context.memory
    const registration = procedures.match('stream', open.procedure) as
      Registration<StreamService> | undefined
    const refusal = this.#refusal(origin, open, peer, registration)
    if (refusal !== undefined || registration === undefined) {
      this.#refuse(origin, open, refusal ?? streamFault('no_provider', 'it is not served there'))
      return
    }
    this.#serve(origin, open, peer, registration)
  }

  /** Why a stream is not accepted. */
  #refusal(
    origin: Origin,
    { input }: StreamOpen,
    peer: StreamPeer,
    registration: Registration<StreamService> | undefined,
  ): StreamFault | undefined {
    const { clock, refusals, isGranted, settings, self } = this.#context
    const isOwn = origin.node === self
    const isFlood =
      !isOwn && (!this.#peers.allows(origin.node) || peer.slots >= settings.streamsPerPeerMax)
    if (isFlood || this.#places.size >= settings.streamsInboundMax) {
      refusals.count('ERR_RPC_STREAM_OPENS_MAX', { from: origin.node })
      return streamFault('overloaded', 'too many streams')
    }
    if (!isOwn && !isGranted('call', origin)) {
      refusals.count('ERR_RPC_UNAUTHORIZED', { from: origin.node })
      return streamFault('unauthorized', 'the policy of the realm does not grant it')
    }
    if (registration === undefined) return undefined
    const { streamItemBytesMax } = settings
    if (input.length > streamItemBytesMax) {
      const message = `the input has ${input.length} bytes, at most ${streamItemBytesMax}`
      return streamFault('payload_too_large', message)
    }
    const job = { priority: 'normal', dueMs: Infinity, run: () => {}, dropped: () => {} } as const
    const answer = registration.gate.offer(job, clock.now())
    return answer.type === 'run'
      ? undefined
      : streamFault('overloaded', `${registration.settings.concurrency} streams of it run there`)
  }

  #serve(
    origin: Origin,
    open: StreamOpen,
    peer: StreamPeer,
    { gate, handler }: Registration<StreamService>,
  ): void {
    const { clock, refusals, settings: limits } = this.#context
    const beganMs = clock.now()
    const dueMs = open.remainingMs === 0 ? Infinity : beganMs + open.remainingMs
    const place = this.#places.take(peer, gate)
    this.#counts.served += 1
    const inbound = new InboundStream(open, origin, handler, {
      endpoint: this.#endpoint,
      detailsBytesMax: limits.errorDetailsBytesMax,
      dueMs,
      unheard: (error) => {
        const { procedure } = open
        refusals.count('ERR_RPC_RESULT_LOST', { procedure, error }, { level: 'debug' })
      },
      lingers: () => place.linger(),
      over: (isFailed) => {
        if (isFailed) this.#counts.failed += 1
        place.release()
      },
    })
    const settings = this.#settings(dueMs, undefined, undefined)
    const { node, via } = origin
    const track = this.#track('acceptor', open.streamId, { node, via }, settings, inbound.endpoint)
    peer.inbound.set(open.streamId, track)
    track.core.accept(open.windowFrames, open.windowBytes, beganMs)
    void inbound.run(track.core)
  }

  #refuse(origin: Origin, { streamId }: StreamOpen, fault: StreamFault): void {
    this.#counts.refused += 1
    this.#tell(origin, { streamId, side: 'acceptor', frame: { type: 'abort', fault } })
  }

  // --- both sides

  #settings(
    deadlineMs: number,
    windowBytes: number | undefined,
    idleMs: number | undefined,
  ): StreamSettings {
    const { settings: limits } = this.#context
    return {
      windowFrames: limits.streamWindowFrames,
      windowBytes: windowBytes ?? limits.streamWindowBytes,
      itemBytesMax: limits.streamItemBytesMax,
      probeMs: limits.streamProbeMs,
      silenceMs: limits.streamSilenceMs,
      idleMs: idleMs ?? limits.streamIdleMs,
      deadlineMs,
    }
  }

  #track(
    side: 'opener' | 'acceptor',
    streamId: number,
    { node, via }: Pick<StreamProvider, 'node' | 'via'>,
    settings: StreamSettings,
    endpoint: StreamEndpoint,
  ): StreamTrack {
    const key = this.#nextKey++
    const nowMs = this.#context.clock.now()
    const track = new StreamTrack({ key, side, streamId, node, via }, endpoint, {
      send: (from, frame) => this.#send(from, frame),
      reserve: (bytes) => this.#reserve(bytes),
      spent: (bytes) => this.#recycle(node, bytes),
      violated: (what) =>
        this.#context.refusals.count('ERR_RPC_STREAM_INVALID', { from: node, what }),
      closed: (ended) => this.#untrack(ended),
    })
    track.core = new StreamCore(side, settings, track, nowMs)
    const tracks = this.#byNode.get(node) ?? new Set()
    this.#byNode.set(node, tracks.add(track))
    this.#byKey.set(key, track)
    if (this.#full.has(node)) track.core.hold(true, nowMs)
    this.#setDue(key, track.core.tick(nowMs))
    return track
  }

  #untrack(track: StreamTrack): void {
    const { key, side, streamId, node } = track
    this.#byKey.delete(key)
    this.#deadlines.delete(key)
    const tracks = this.#byNode.get(node)
    tracks?.delete(track)
    if (tracks?.size === 0) this.#byNode.delete(node)
    if (side === 'opener') this.#outbound.delete(streamId)
    else this.#peers.get(node)?.inbound.delete(streamId)
  }

  #send(track: StreamTrack, frame: AddressedFrame['frame']): void {
    const { streamId, side, node, via } = track
    const { codec, courier, self } = this.#context
    if (node === self) return this.#sendOwn(encodeStreamFrame(codec, { streamId, side, frame }))
    const part = frame.type === 'data' || frame.type === 'reply' ? frame : undefined
    const bytes =
      part === undefined
        ? encodeStreamFrame(codec, { streamId, side, frame })
        : encodeStreamFront(codec, streamId, side, part)
    // A question goes behind the data, so that its answer tells what has got lost of them.
    const isNumbered = frame.type !== 'credit' && frame.type !== 'abort'
    const isBulk = isNumbered || (frame.type === 'credit' && frame.asks > 0)
    const outcome = courier.send(node, isBulk ? 'bulk' : 'rpc', bytes, { via, rest: part?.bytes })
    if (outcome === 'refused') this.#loseLater(track, streamFault('unreachable', TOO_MUCH_WAITS))
    else if (outcome === 'full' && isNumbered && !this.#full.has(node)) {
      this.#full.add(node)
      this.#hold(node, true)
    }
  }

  /** Outside a stream. */
  #tell(to: Origin, addressed: AddressedFrame): void {
    const { codec, courier, self } = this.#context
    const bytes = encodeStreamFrame(codec, addressed)
    if (to.node === self) this.#sendOwn(bytes)
    else courier.send(to.node, 'rpc', bytes, { via: to.via })
  }

  #sendOwn(frame: Uint8Array): void {
    this.#own.push({ type: frame[1]!, payload: frame.subarray(HEADER_BYTES) })
    if (this.#own.length > 1) return
    this.#context.clock.nextTurn(() => {
      const frames = this.#own
      this.#own = []
      const { self } = this.#context
      const origin: Origin = { node: self, roles: [], path: 'direct', via: undefined }
      if (this.#isStopped) return
      for (const { type, payload } of frames) {
        this.#enter(() => this.#arrive(origin, type, payload))
      }
    })
  }

  #loseLater(track: StreamTrack, fault: StreamFault): void {
    this.#context.clock.microtask(() => this.#enter(() => track.core.lose(fault)))
  }

  #hold(node: string, isHeld: boolean): void {
    const nowMs = this.#context.clock.now()
    for (const { core } of Array.from(this.#byNode.get(node) ?? [])) core.hold(isHeld, nowMs)
  }

  #drained(node: string): void {
    if (this.#full.delete(node)) this.#hold(node, false)
  }

  #gone(node: string, reason: string): void {
    const fault = streamFault('unreachable', `the node is gone (${reason})`)
    for (const { core } of Array.from(this.#byNode.get(node) ?? [])) core.lose(fault)
    this.#full.delete(node)
    this.#peers.gone(node)
  }

  /** The word of a peer is not enough: what waits for it here would bring it bytes that are for others. */
  #recycle(node: string, bytes: Uint8Array): void {
    const { clock, courier, self, values } = this.#context
    if (node === self || courier.bytesWaiting(node) > 0) return
    // A turn later: a link to a thread looks at what it was given until the end of this one.
    clock.nextTurn(() => values.recycle(bytes))
  }

  #reserve(bytes: number): boolean {
    if (bytes > 0 && this.#largeBytes + bytes > this.#context.settings.streamLargeBytesMax)
      return false
    this.#largeBytes += bytes
    return true
  }

  // --- what comes

  #arrive(origin: Origin, type: number, payload: Uint8Array): void {
    try {
      if (type === WireType.streamOpen) this.#accept(origin, payload)
      else this.#dispatch(origin, readStreamFrame(this.#context.codec, type, payload))
    } catch (error) {
      if (!(error instanceof MessageError || error instanceof CodecError)) throw error
      const { message } = error
      this.#context.refusals.count('ERR_RPC_FRAME', { from: origin.node, type, message })
    }
  }

  #dispatch(origin: Origin, addressed: AddressedFrame): void {
    const { streamId, side, frame } = addressed
    const track =
      side === 'acceptor'
        ? this.#outbound.get(streamId)
        : this.#peers.get(origin.node)?.inbound.get(streamId)
    if (track === undefined) return this.#unknown(origin, addressed)
    if (track.node !== origin.node) {
      this.#context.refusals.count('ERR_RPC_FOREIGN_REPLY', { from: origin.node })
      return
    }
    track.core.take(frame, this.#context.clock.now())
  }

  /** A part of a stream that is over, or that is not open yet. */
  #unknown(origin: Origin, { streamId, side, frame }: AddressedFrame): void {
    // Who cancels before its opening has come must not have the handler run.
    if (frame.type === 'abort' && side === 'opener') {
      this.#peers.get(origin.node)?.ids.use(streamId)
    }
    if (frame.type === 'credit' && frame.asks > 0) {
      const fault = streamFault('unreachable', 'that stream is not known there')
      const answering = side === 'opener' ? 'acceptor' : 'opener'
      this.#tell(origin, { streamId, side: answering, frame: { type: 'abort', fault } })
    }
    this.#context.refusals.count(
      'ERR_RPC_STREAM_LATE',
      { from: origin.node, type: frame.type },
      { level: 'debug' },
    )
  }

  // --- times

  #setDue(key: number, dueMs: number): void {
    this.#deadlines.set(key, dueMs)
    this.#arm()
  }

  #arm(): void {
    const earliestMs = this.#deadlines.earliest()
    if (earliestMs >= this.#timerMs || this.#isStopped) return
    this.#timer?.cancel()
    this.#timerMs = earliestMs
    const { clock } = this.#context
    this.#timer = clock.setTimer(Math.max(0, earliestMs - clock.now()), () =>
      this.#enter(() => this.#tick()),
    )
  }

  #tick(): void {
    this.#timerMs = Infinity
    const nowMs = this.#context.clock.now()
    while (this.#deadlines.earliest() <= nowMs) {
      const key = this.#deadlines.first()
      this.#deadlines.delete(key)
      const dueMs = this.#byKey.get(key)?.core.tick(nowMs) ?? Infinity
      if (dueMs !== Infinity) this.#deadlines.set(key, Math.max(dueMs, nowMs + 1))
    }
    this.#arm()
  }
}
