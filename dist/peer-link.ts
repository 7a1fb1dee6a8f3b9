/**
 * The ordered channel to one peer, for as long as one link lives: what goes out, and what waits for an
 * answer. What comes in as a request is `peer-inbound.ts`.
 *
 * Invariants:
 * - One stream, one order: whatever one process says to another here arrives in that order, be it
 *   cast, call, link, exit or DOWN (G-37, X-20). A large value lets pass what is for others (outbox.ts).
 * - A message is sent once or not at all. When the link is lost, everything that waits fails with
 *   `noconnection` once, and a later link starts empty.
 * - An answer is one map look-up; nothing on the receiving side makes a promise.
 * - A peer that leaves is asked for nothing new, and answers what it was asked before (leave.ts).
 *
 * Most links of a node are there for membership and carry nothing of this layer, so its larger parts are made when they are needed.
 */
import {
  CallExitError,
  invariant,
  type Call,
  type ExitReason,
  type Logger,
  type MonitorRef,
  type Pid,
  type System,
} from '../runtime/index.ts'
import { WireType, type Codec, type PeerInfo, type PolicyAction } from '../mesh/index.ts'
import type { BehaviorRegistry } from './behavior-registry.ts'
import { CHUNK_HEADER_BYTES, ChunkAssembler, TAKEN_CAPABILITY } from './chunk.ts'
import type { ContractTable } from './contract-table.ts'
import {
  checkNames,
  MessageEncoder,
  parseMessage,
  ReplyStatus,
  SpawnStatus,
  type DistMessage,
  type WireTarget,
} from './control.ts'
import { DistProtocolError, DistRefusedError, MessageSerializationError } from './errors.ts'
import type { DistOptions } from './options.ts'
import type { OrderKey } from './order-keys.ts'
import { Outbox } from './outbox.ts'
import { PeerInbound } from './peer-inbound.ts'
import type { PeerServices } from './peer-services.ts'
import { Leave, LEAVE_CAPABILITY, type LeaveWord } from './leave.ts'
import type { Carrier } from './relay/carrier.ts'
import type { Spawner } from './spawner.ts'
import type { TermContext } from './term.ts'
import { Unlinks } from './unlinks.ts'

/** What all peer links of a node share. */
export interface PeerHost {
  readonly system: System
  readonly logger: Logger
  readonly codec: Codec<TermContext>
  readonly options: Readonly<DistOptions>
  readonly ownKeyHex: string
  readonly ownIncarnation: number
  readonly contracts: ContractTable
  readonly behaviors: BehaviorRegistry
  readonly spawner: Spawner
  readonly services: PeerServices
  /** Whether the realm lets that node do it. */
  isGranted(action: PolicyAction, peer: PeerInfo): boolean
  /** Counts a refusal and says so in the log. */
  refused(code: string, fields: Readonly<Record<string, unknown>>): void
}

/** How a spawn on the peer ended. */
export interface SpawnAnswer {
  readonly status: number
  readonly detail: unknown
  readonly contract: string | undefined
}

/** What a spawn asks for. */
export interface SpawnRequest {
  readonly behavior: string
  readonly arg: unknown
  readonly name: string | undefined
  readonly timeoutMs: number
  /** Keep its exit reason until the spawner's monitor or link arrives. */
  readonly watched: boolean
}

/** A pending spawn is settled once: by its answer, by the loss of the link, or by its caller. */
interface PendingSpawn {
  readonly settle: (answer: SpawnAnswer | undefined) => void
}

/** A spawn and its cancellation stay in order, and are for no process yet. */
const spawnKey = (id: number): string => `$spawn ${id}`

const LEAVE_TYPES: Readonly<Record<LeaveWord, number>> = {
  leave: WireType.distLeave,
  leave_ack: WireType.distLeaveAck,
}

/** Of a peer that has said nothing. */
const NOTHING_ASKED: PeerInbound['stats'] = Object.freeze({
  callsIn: 0,
  spawnsIn: 0,
  monitorsIn: 0,
  linksIn: 0,
})

/** Retry of a frame that a willing link refused. */
const RETRY_MS = 5

/** The channel over one link. */
export class PeerLink {
  readonly link: Carrier
  readonly keyHex: string
  readonly incarnation: number
  readonly host: PeerHost
  readonly context: TermContext
  readonly #encoder: MessageEncoder
  #madeOutbox: Outbox | undefined
  #madeInbound: PeerInbound | undefined
  #assembler: ChunkAssembler | undefined
  /** Whether the peer wants to know how much was taken of chunks, and how much that is since it was told. */
  readonly #tellsTaken: boolean
  #takenBytes = 0
  readonly #calls = new Map<number, Call>()
  readonly #spawns = new Map<number, PendingSpawn>()
  /** Monitors of ours that watch there: the peer may end these and no others. */
  readonly #monitors = new Set<number>()
  readonly unlinks: Unlinks
  /** Undefined while both sides stay. */
  #leave: Leave | undefined
  readonly #stopDrain: () => void
  #lastId = 0
  #lost = false

  constructor(host: PeerHost, link: Carrier) {
    this.host = host
    this.link = link
    this.keyHex = link.peer.key.hex
    this.incarnation = link.peer.incarnation
    this.context = {
      system: host.system,
      ownKeyHex: host.ownKeyHex,
      ownIncarnation: host.ownIncarnation,
      peerKeyHex: this.keyHex,
      peerIncarnation: this.incarnation,
      contracts: host.contracts,
      errorStacks: host.options.errorStacks,
    }
    this.#encoder = new MessageEncoder(host.codec, this.context)
    this.unlinks = new Unlinks(host.options.peerUnlinksMax)
    this.#tellsTaken = link.peer.capabilities.includes(TAKEN_CAPABILITY)
    this.#stopDrain = link.onDrain((lane) => {
      if (lane === 'dist') this.#drained()
    })
  }

  /** Numbers for a look from outside. */
  get stats(): PeerStats {
    return {
      callsOut: this.#calls.size,
      spawnsOut: this.#spawns.size,
      monitorsOut: this.#monitors.size,
      bytesWaiting: this.#bytesWaiting,
      ...(this.#madeInbound?.stats ?? NOTHING_ASKED),
    }
  }

  /** Whether somebody waits for an answer, or something waits to be sent. */
  get busy(): boolean {
    // Asked again and again about every link at rest.
    if (this.#calls.size + this.#spawns.size + this.#monitors.size > 0) return true
    if (this.#madeInbound?.isAsked === true) return true
    return this.#bytesWaiting + this.link.bytesQueued > 0
  }

  get #bytesWaiting(): number {
    return this.#madeOutbox?.bytesWaiting ?? 0
  }

  get #inbound(): PeerInbound {
    return (this.#madeInbound ??= new PeerInbound(this))
  }

  get #outbox(): Outbox {
    return (this.#madeOutbox ??= this.#makeOutbox())
  }

  #makeOutbox(): Outbox {
    const { host, link } = this
    const outbox = new Outbox(link, {
      frameBytesMax: link.peer.frameBytesMax,
      outboxBytesMax: host.options.outboxBytesMax,
      reserveBytesMax: host.options.outboxReserveBytesMax,
      valueBytesMax: host.options.valueBytesMax,
      chunkWindowBytes: this.#tellsTaken ? host.options.chunkWindowBytes : undefined,
      now: () => host.system.clock.now(),
      // A turn later: a link to a thread looks at what it was given until the end of this one.
      recycle: (frame) => host.system.clock.nextTurn(() => host.codec.recycle(frame)),
      overflow: () => this.#giveUp(),
      retry: () => void host.system.clock.setTimer(RETRY_MS, () => this.#drained()),
    })
    if (this.#lost) outbox.close()
    return outbox
  }

  // --- outgoing -------------------------------------------------------------------------------

  /** False if it was refused here; a value that does not travel is logged. */
  send(to: WireTarget, message: unknown): boolean {
    return this.#offerMessage(WireType.distSend, [to, message], to, undefined)
  }

  /** As `send`. */
  cast(to: WireTarget, name: string | undefined, input: unknown): boolean {
    return this.#offerMessage(WireType.distCast, [to, name ?? null, input], to, name)
  }

  /** Sends a call, or settles it. */
  call(call: Call, to: WireTarget): void {
    if (this.#leave?.isPeerLeaving === true) {
      call.fail(new CallExitError(call, 'noconnection'))
      return
    }
    const id = ++this.#lastId
    const { name, input, timeoutMs, from } = call
    try {
      checkNames(to, name)
      const frame = this.#encoder.encode(WireType.distCall, [
        id,
        to,
        name ?? null,
        input,
        timeoutMs,
        this.ownId(from),
      ])
      this.#calls.set(id, call)
      call.wireId = id
      if (this.#outbox.offer(WireType.distCall, frame, to)) return
      this.#calls.delete(id)
      call.fail(this.#backlog())
    } catch (error) {
      call.fail(error)
    }
  }

  /** The caller of a call to `to` gave up. */
  callSettled(call: Call, to: OrderKey): void {
    if (this.#calls.get(call.wireId) !== call) return
    this.#calls.delete(call.wireId)
    this.signal(WireType.distCancel, [call.wireId], to)
  }

  /** Starts a behaviour there; `settle` gets `undefined` if the link is lost. Gives its number. */
  spawn(request: SpawnRequest, settle: PendingSpawn['settle']): number {
    const id = ++this.#lastId
    const { behavior, arg, name, timeoutMs, watched } = request
    checkNames(behavior, name, 'behaviour')
    const message = [id, behavior, arg, name ?? null, timeoutMs, watched]
    const frame = this.#encoder.encode(WireType.distSpawn, message)
    if (this.#leave?.isPeerLeaving === true) {
      this.host.system.clock.microtask(() => settle(undefined))
      return id
    }
    if (!this.#outbox.offer(WireType.distSpawn, frame, spawnKey(id))) throw this.#backlog()
    this.#spawns.set(id, { settle })
    return id
  }

  /** Nobody waits for that spawn any more. */
  cancelSpawn(id: number): void {
    if (this.#spawns.delete(id)) this.signal(WireType.distCancel, [id], spawnKey(id))
  }

  /** Monitors a process or name there; `owner` is 0 for code outside processes. */
  monitor(ref: MonitorRef, owner: Pid | undefined, to: WireTarget): void {
    this.#monitors.add(ref.id)
    this.signal(WireType.distMonitor, [ref.id, this.ownId(owner), to], to)
  }

  demonitor(ref: MonitorRef, owner: Pid | undefined, to: OrderKey): void {
    if (!this.#monitors.delete(ref.id)) return
    this.signal(WireType.distDemonitor, [ref.id, this.ownId(owner)], to)
  }

  /** A process here that process `owner` of the peer monitored has ended. */
  down(refId: number, owner: number, reason: ExitReason): void {
    this.#madeInbound?.monitorSpent(refId)
    this.signal(WireType.distDown, [refId, reason], owner)
  }

  makeLink(from: Pid, to: Pid): void {
    this.unlinks.linked(from.id, to.id)
    this.signal(WireType.distLink, [from.id, to.id], to.id)
  }

  unlink(from: Pid, to: Pid): void {
    this.#madeInbound?.linkGone(to.id, from.id)
    const id = this.unlinks.begin(from.id, to.id)
    if (id !== undefined) this.signal(WireType.distUnlink, [from.id, to.id, id], to.id)
    else this.link.fail('ERR_PEER_UNLINKS_MAX', 'the peer acknowledges no removals of links')
  }

  exit(to: Pid, from: Pid | undefined, reason: ExitReason, viaLink: boolean): void {
    if (viaLink && from !== undefined) this.#madeInbound?.linkGone(to.id, from.id)
    this.signal(WireType.distExit, [this.ownId(from), to.id, reason, viaLink], to.id)
  }

  /** Sends what must not be lost. */
  signal(type: number, message: readonly unknown[], key: OrderKey): void {
    if (!this.#lost) this.#outbox.force(type, this.#encoder.encodeSignal(type, message), key)
  }

  /** Answers a call of process `to` of the peer. What cannot be sent becomes an error that says so. */
  answer(id: number, to: number, status: number, value: unknown): void {
    if (this.#lost) return
    const type = WireType.distReply
    let frame: Uint8Array
    try {
      frame =
        status === ReplyStatus.exit
          ? this.#encoder.encodeSignal(type, [id, status, value])
          : this.#encoder.encode(type, [id, status, value])
    } catch (error) {
      if (!(error instanceof MessageSerializationError)) throw error
      this.host.refused(error.code, { peer: this.keyHex, path: error.path })
      frame = this.#encoder.encode(type, [id, ReplyStatus.error, error])
    }
    if (this.#outbox.offer(type, frame, to)) return
    const refusal = this.#encoder.encode(type, [id, ReplyStatus.error, this.#backlog()])
    this.#outbox.force(type, frame.length < refusal.length ? frame : refusal, to)
  }

  // --- leave ----------------------------------------------------------------------------------

  /** This node leaves; `quiet` is called once, when the peer waits for nothing more, or is lost. */
  leave(quiet: () => void): void {
    const isKnown = this.link.peer.capabilities.includes(LEAVE_CAPABILITY)
    if (this.#lost || !isKnown) quiet()
    else this.#leaving().begin(quiet)
  }

  /** A call or spawn of the peer is not under way any more. */
  settled(): void {
    this.#leave?.step()
  }

  #leaving(): Leave {
    this.#leave ??= new Leave({
      say: (word) => this.signal(LEAVE_TYPES[word], [], undefined),
      bytesWaiting: () => this.#bytesLeaving,
      unanswered: () => this.stats.callsIn + this.stats.spawnsIn,
    })
    return this.#leave
  }

  /** A link takes what it has to the end. A session is cut short by members' news, so what it has must have arrived. */
  get #bytesLeaving(): number {
    const { acknowledges, bytesQueued } = this.link
    return this.#bytesWaiting + (acknowledges === true ? bytesQueued : 0)
  }

  #drained(): void {
    this.#madeOutbox?.drained()
    this.#leave?.step()
  }

  /** The number of a process of ours, 0 for anything else. */
  ownId(pid: Pid | undefined): number {
    const { system } = this.host
    const ours = pid?.node === system.node && pid.incarnation === system.incarnation
    return ours ? pid.id : 0
  }

  // --- incoming -------------------------------------------------------------------------------

  /** Handles a frame of this layer. Throws `ERR_DIST_...` and `ERR_CODEC_...` for the link to end. */
  receive(type: number, payload: Uint8Array): void {
    if (this.#lost) return
    if (type !== WireType.distChunk) return this.#receiveMessage(type, payload)
    this.#assembler ??= new ChunkAssembler(this.host.options.valueBytesMax, this.host.codec)
    const whole = this.#assembler.push(payload)
    if (whole !== undefined) {
      this.#receiveMessage(whole.type, whole.payload)
      this.#assembler.recycle(whole)
    }
    if (!this.#tellsTaken) return
    // Once for all that came in this turn, and with its other answers.
    if (this.#takenBytes === 0) this.host.system.clock.microtask(() => this.#tellTaken())
    this.#takenBytes += payload.length - CHUNK_HEADER_BYTES
  }

  #tellTaken(): void {
    const bytes = this.#takenBytes
    this.#takenBytes = 0
    this.signal(WireType.distTaken, [bytes], undefined)
  }

  #onTaken(bytes: number): void {
    if (this.#outbox.taken(bytes)) return
    throw new DistProtocolError('ERR_DIST_MESSAGE', 'the peer took more of chunks than was sent')
  }

  #receiveMessage(type: number, payload: Uint8Array): void {
    const message = parseMessage(type, this.host.codec.decode(payload, this.context))
    switch (message.type) {
      case 'reply':
        return this.#onReply(message)
      case 'spawn_reply':
        return this.#onSpawnReply(message)
      case 'down':
        if (!this.#monitors.delete(message.ref)) return
        return this.host.system.inbound.down(this.#ownRef(message.ref), message.reason)
      case 'unlink_ack':
        return this.unlinks.acknowledged(message.to, message.from, message.id)
      case 'leave':
      case 'leave_ack':
        return this.#leaving().hear(message.type)
      case 'taken':
        return this.#onTaken(message.bytes)
      case 'call':
      case 'cast':
      case 'send':
      case 'link':
      case 'unlink':
      case 'exit':
      case 'monitor':
      case 'demonitor':
      case 'spawn':
      case 'cancel':
        return this.#inbound.handle(message)
    }
  }

  #onReply({ id, status, value }: Extract<DistMessage, { type: 'reply' }>): void {
    const call = this.#calls.get(id)
    // Late: its caller gave up. The number is never used again.
    if (call === undefined) return
    this.#calls.delete(id)
    if (status === ReplyStatus.value) call.reply(value)
    else if (status === ReplyStatus.exit) call.fail(new CallExitError(call, value))
    else if (status === ReplyStatus.error && value instanceof Error) call.fail(value)
    else {
      call.fail(new CallExitError(call, 'noconnection'))
      throw new DistProtocolError('ERR_DIST_MESSAGE', `the peer answered with status ${status}`)
    }
  }

  #onSpawnReply(message: Extract<DistMessage, { type: 'spawn_reply' }>): void {
    const { id, status, detail, contract } = message
    const pending = this.#spawns.get(id)
    if (pending !== undefined) {
      this.#spawns.delete(id)
      pending.settle({ status, detail, contract })
    } else if (status === SpawnStatus.ok) {
      // Its caller has given up while the answer was on the way: nobody knows this process.
      this.signal(WireType.distExit, [0, detail, 'kill', false], Number(detail))
    }
  }

  // --- the end --------------------------------------------------------------------------------

  /** The link is gone: once, and nothing is delivered or sent after it. */
  lost(): void {
    invariant(!this.#lost, 'ERR_INVARIANT_PEER_LOST_TWICE')
    this.#lost = true
    this.#stopDrain()
    this.#madeOutbox?.close()
    this.#assembler?.clear()
    this.#madeInbound?.lost()
    this.#monitors.clear()
    this.unlinks.clear()
    const calls = [...this.#calls.values()]
    const spawns = [...this.#spawns.values()]
    this.#calls.clear()
    this.#spawns.clear()
    // The runtime has these on its own list too; a call is settled once.
    for (const call of calls) call.fail(new CallExitError(call, 'noconnection'))
    for (const spawn of spawns) spawn.settle(undefined)
    this.#leave?.over()
  }

  #giveUp(): void {
    this.link.fail('ERR_PEER_OVERLOADED', 'what must not be lost does not fit into the outbox')
  }

  #backlog(): DistRefusedError {
    const text = `${this.#outbox.bytesWaiting} bytes wait for ${this.link.peer.nodeId}`
    return new DistRefusedError('ERR_PEER_BACKLOG', text)
  }

  #ownRef(id: number): MonitorRef {
    const { system } = this.host
    return system.monitorRefFor(system.node, id)
  }

  #offerMessage(
    type: number,
    message: readonly unknown[],
    to: WireTarget,
    name: string | undefined,
  ): boolean {
    try {
      checkNames(to, name)
      if (this.#outbox.offer(type, this.#encoder.encode(type, message), to)) return true
      this.host.refused('ERR_PEER_BACKLOG', { peer: this.keyHex, to, name })
    } catch (error) {
      if (!(error instanceof MessageSerializationError)) throw error
      const { code, path } = error
      this.host.refused(code, { peer: this.keyHex, path, detail: error.message, to, name })
    }
    return false
  }
}

/** Numbers of a {@link PeerLink}. */
export interface PeerStats {
  readonly callsOut: number
  readonly spawnsOut: number
  readonly monitorsOut: number
  readonly bytesWaiting: number
  readonly callsIn: number
  readonly spawnsIn: number
  readonly monitorsIn: number
  readonly linksIn: number
}
