/**
 * Requests of one peer: checked against its limits and the realm's policy, then handed to the runtime.
 * Over a limit the peer gets an answer with a code, never silence, where anybody waits.
 *
 * The peer speaks for its own processes only (see control.ts). What it may do to ours is what
 * any process may do: send, call, link, monitor, exit; but not to the processes of the node itself. A
 * process number can be guessed; a realm therefore grants `call` to those it trusts with that.
 */
import {
  CallError,
  CallExitError,
  CallTimeoutError,
  formatReason,
  type Call,
  type ExitReason,
  type Pid,
} from '../runtime/index.ts'
import { WireType } from '../mesh/index.ts'
import { ReplyStatus, SpawnStatus, type DistMessage, type WireTarget } from './control.ts'
import { DistProtocolError, DistRefusedError } from './errors.ts'
import type { PeerLink } from './peer-link.ts'
import { originOf, type PeerService } from './peer-services.ts'
import type { SpawnOutcome, Spawned } from './spawner.ts'

type Request = Exclude<
  DistMessage,
  {
    readonly type: 'reply' | 'spawn_reply' | 'down' | 'unlink_ack' | 'leave' | 'leave_ack' | 'taken'
  }
>
type Of<T extends DistMessage['type']> = Extract<DistMessage, { readonly type: T }>

/** Ended processes whose exit reason is kept for the monitor that is on its way. */
const WATCHED_MAX = 4096

/** The receiving half of a peer link. */
export class PeerInbound {
  readonly #peer: PeerLink
  /** `undefined` between the request and the runtime's taking it. */
  readonly #calls = new Map<number, Call | undefined>()
  /** Calls of services of the node that are not answered yet. */
  readonly #served = new Map<number, AbortController>()
  readonly #spawns = new Map<number, AbortController>()
  readonly #monitors = new Set<number>()
  readonly #links = new Set<string>()
  readonly #watched = new Map<number, Spawned>()
  readonly #mayCall: boolean
  readonly #maySpawn: boolean
  #lost = false

  constructor(peer: PeerLink) {
    const { host, link } = peer
    this.#peer = peer
    this.#mayCall = host.isGranted('call', link.peer)
    this.#maySpawn = host.isGranted('spawn', link.peer)
  }

  get stats(): {
    readonly callsIn: number
    readonly spawnsIn: number
    readonly monitorsIn: number
    readonly linksIn: number
  } {
    return {
      callsIn: this.#calls.size + this.#served.size,
      spawnsIn: this.#spawns.size,
      monitorsIn: this.#monitors.size,
      linksIn: this.#links.size,
    }
  }

  /** Whether the peer waits for an answer. */
  get isAsked(): boolean {
    return this.#calls.size + this.#served.size + this.#spawns.size > 0
  }

  handle(message: Request): void {
    switch (message.type) {
      case 'call':
        return this.#call(message)
      case 'cast':
        return this.#cast(message)
      case 'send':
        return this.#send(message)
      case 'link':
        return this.#link(message)
      case 'unlink':
        return this.#unlink(message)
      case 'exit':
        return this.#exit(message)
      case 'monitor':
        return this.#monitor(message)
      case 'demonitor':
        return this.#demonitor(message)
      case 'spawn':
        return this.#spawn(message)
      case 'cancel':
        return this.#cancel(message)
    }
  }

  /** A monitor of the peer has fired. */
  monitorSpent(ref: number): void {
    this.#monitors.delete(ref)
  }

  /** A link between these two is gone. */
  linkGone(theirId: number, ourId: number): void {
    this.#links.delete(`${theirId}/${ourId}`)
  }

  /** Nobody waits for answers any more: what is queued is not done, what starts is stopped. */
  lost(): void {
    this.#lost = true
    const calls = [...this.#calls.values()]
    const spawns = [...this.#spawns.values()]
    const served = [...this.#served.values()]
    this.#calls.clear()
    this.#served.clear()
    this.#spawns.clear()
    this.#watched.clear()
    for (const call of calls) call?.fail(new CallExitError(call, 'noconnection'))
    for (const abort of [...served, ...spawns]) abort.abort('noconnection')
  }

  // --- messages -------------------------------------------------------------------------------

  #call(message: Of<'call'>): void {
    const { host } = this.#peer
    const { id, to, name, input, timeoutMs, from } = message
    if (this.#calls.has(id) || this.#served.has(id)) throw duplicate('call', id)
    const target = this.#local(to)
    const service = this.#service(to)
    const isDenied = service === undefined ? this.#denies(target) : !this.#mayUse(service)
    const code = isDenied
      ? 'ERR_PEER_DENIED'
      : this.#calls.size + this.#served.size >= host.options.peerCallsMax
        ? 'ERR_PEER_CALLS_MAX'
        : undefined
    if (code !== undefined) {
      this.#peer.answer(id, from, ReplyStatus.error, this.#refusal(code))
      return
    }
    if (service !== undefined) {
      void this.#serve(service, message)
      return
    }
    this.#calls.set(id, undefined)
    const call = host.system.inbound.call(target, name, input, {
      timeoutMs,
      reply: (value) => this.#reply(id, from, value),
      fail: (error) => this.#fail(id, from, error),
      from: from === 0 ? undefined : this.#theirs(from),
    })
    if (call !== undefined && this.#calls.has(id)) this.#calls.set(id, call)
  }

  #reply(id: number, from: number, value: unknown): void {
    this.#calls.delete(id)
    if (this.#lost) return
    this.#peer.answer(id, from, ReplyStatus.value, value)
    this.#peer.settled()
  }

  #fail(id: number, from: number, error: unknown): void {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    if (this.#lost) return
    this.#failed(call, id, from, error)
    this.#peer.settled()
  }

  #failed(call: Call | undefined, id: number, from: number, error: unknown): void {
    // Not of this call: a server passes on how a call of its own failed.
    const isOwn = error instanceof CallError && (call === undefined || error.server === call.server)
    // At a deadline the caller has its own; there is nothing to tell.
    if (isOwn && error instanceof CallTimeoutError) return
    if (isOwn && error instanceof CallExitError) {
      this.#peer.answer(id, from, ReplyStatus.exit, error.reason)
    } else this.#peer.answer(id, from, ReplyStatus.error, asError(error))
  }

  /** The deadline is the caller's: it cancels. */
  async #serve(service: PeerService, { id, name, input, from }: Of<'call'>): Promise<void> {
    const abort = new AbortController()
    this.#served.set(id, abort)
    const origin = originOf(this.#peer.link.peer)
    let status: number = ReplyStatus.value
    let answer: unknown
    try {
      answer = await service.call(origin, name ?? '', input, abort.signal)
    } catch (error) {
      status = ReplyStatus.error
      answer = asError(error)
    }
    if (!this.#served.delete(id)) return
    if (!abort.signal.aborted) this.#peer.answer(id, from, status, answer)
    this.#peer.settled()
  }

  #castService(service: PeerService, { name, input }: Of<'cast'>): void {
    if (!this.#mayUse(service)) {
      this.#refusal('ERR_PEER_DENIED')
      return
    }
    try {
      service.cast(originOf(this.#peer.link.peer), name ?? '', input)
    } catch (error) {
      const { host, keyHex } = this.#peer
      host.refused('ERR_DIST_MESSAGE', { peer: keyHex, detail: formatReason(error) })
    }
  }

  #cast(message: Of<'cast'>): void {
    const { to, name, input } = message
    const service = this.#service(to)
    if (service !== undefined) {
      this.#castService(service, message)
      return
    }
    const target = this.#local(to)
    if (this.#denies(target)) this.#refusal('ERR_PEER_DENIED')
    else this.#peer.host.system.inbound.cast(target, name, input)
  }

  #send({ to, message }: Of<'send'>): void {
    const target = this.#local(to)
    if (this.#denies(target)) this.#refusal('ERR_PEER_DENIED')
    else this.#peer.host.system.inbound.send(target, message)
  }

  #cancel({ id }: Of<'cancel'>): void {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    // Still queued: the runtime skips a settled call. The answer of a running one is dropped.
    call?.fail(new CallTimeoutError(call, call.timeoutMs))
    // Its place is free when the service has ended, or cancelling would be a way around the limit.
    this.#served.get(id)?.abort('cancelled')
    this.#spawns.get(id)?.abort('cancelled')
    this.#peer.settled()
  }

  // --- signals --------------------------------------------------------------------------------

  #link({ from, to }: Of<'link'>): void {
    const { host, unlinks } = this.#peer
    if (unlinks.isPending(to, from)) return
    const theirs = this.#theirs(from)
    const ours = this.#ours(to)
    const code = this.#denies(ours)
      ? 'ERR_PEER_DENIED'
      : this.#links.size >= host.options.peerLinksMax
        ? 'ERR_PEER_LINKS_MAX'
        : undefined
    if (code !== undefined) {
      this.#peer.exit(theirs, ours, this.#refusal(code), true)
      return
    }
    const ended = this.#endedWhileWatched(to)
    if (ended !== undefined) {
      this.#peer.exit(theirs, ours, ended.reason, true)
      return
    }
    this.#links.add(`${from}/${to}`)
    host.system.inbound.link(theirs, ours)
  }

  #unlink({ from, to, id }: Of<'unlink'>): void {
    this.linkGone(from, to)
    this.#peer.host.system.inbound.unlink(this.#theirs(from), this.#ours(to))
    this.#peer.signal(WireType.distUnlinkAck, [to, from, id], from)
  }

  #exit({ from, to, reason, viaLink }: Of<'exit'>): void {
    const ours = this.#ours(to)
    if (viaLink) this.linkGone(from, to)
    else if (this.#denies(ours)) {
      this.#refusal('ERR_PEER_DENIED')
      return
    }
    const theirs = from === 0 ? undefined : this.#theirs(from)
    this.#peer.host.system.inbound.exit(theirs, ours, reason, viaLink)
  }

  #monitor({ ref, owner, to }: Of<'monitor'>): void {
    const { host, keyHex } = this.#peer
    if (this.#monitors.has(ref)) throw duplicate('monitor', ref)
    const code = !this.#mayCall
      ? 'ERR_PEER_DENIED'
      : this.#monitors.size >= host.options.peerMonitorsMax
        ? 'ERR_PEER_MONITORS_MAX'
        : undefined
    if (code !== undefined) {
      this.#peer.down(ref, owner, this.#refusal(code))
      return
    }
    const ended = typeof to === 'number' ? this.#endedWhileWatched(to) : undefined
    if (ended !== undefined) {
      this.#peer.down(ref, owner, ended.reason)
      return
    }
    this.#monitors.add(ref)
    const { system } = host
    system.inbound.monitor(system.monitorRefFor(keyHex, ref), this.#theirs(owner), this.#local(to))
  }

  #demonitor({ ref, owner }: Of<'demonitor'>): void {
    const { host, keyHex } = this.#peer
    this.#monitors.delete(ref)
    host.system.inbound.demonitor(host.system.monitorRefFor(keyHex, ref), this.#theirs(owner))
  }

  // --- spawn ----------------------------------------------------------------------------------

  #spawn(message: Of<'spawn'>): void {
    const { id, behavior, arg, name, timeoutMs, watched } = message
    const { host, keyHex } = this.#peer
    if (this.#spawns.has(id)) throw duplicate('spawn', id)
    const entry = host.behaviors.find(behavior, true)
    const refused = !this.#maySpawn
      ? { status: SpawnStatus.denied, code: 'ERR_SPAWN_DENIED' }
      : entry === undefined
        ? { status: SpawnStatus.notFound, code: 'ERR_BEHAVIOR_NOT_FOUND' }
        : undefined
    if (refused !== undefined || entry === undefined) {
      host.refused(refused?.code ?? '', { peer: keyHex, behavior })
      this.#spawnReply(id, [refused?.status, null, null])
      return
    }
    const abort = new AbortController()
    this.#spawns.set(id, abort)
    const order = { entry, arg, name, timeoutMs, owner: keyHex, signal: abort.signal }
    void host.spawner
      .spawn(order)
      .then((outcome) => this.#spawned(id, outcome, entry.contract?.name, watched))
  }

  #spawned(
    id: number,
    outcome: SpawnOutcome,
    contract: string | undefined,
    watched: boolean,
  ): void {
    this.#started(id, outcome, contract, watched)
    this.#peer.settled()
  }

  #started(
    id: number,
    outcome: SpawnOutcome,
    contract: string | undefined,
    watched: boolean,
  ): void {
    const { host, keyHex } = this.#peer
    const wanted = this.#spawns.get(id)?.signal.aborted === false && !this.#lost
    this.#spawns.delete(id)
    if (outcome.spawned === undefined) {
      if (outcome.status === SpawnStatus.refused) {
        host.refused(String(outcome.detail), { peer: keyHex })
      }
      if (wanted) this.#spawnReply(id, [outcome.status, outcome.detail ?? null, null])
      return
    }
    const { pid } = outcome.spawned
    if (!wanted) {
      host.system.exit(pid, 'kill')
      return
    }
    if (watched) {
      if (this.#watched.size >= WATCHED_MAX) {
        for (const oldest of this.#watched.keys()) {
          this.#watched.delete(oldest)
          break
        }
      }
      this.#watched.set(pid.id, outcome.spawned)
    }
    this.#spawnReply(id, [SpawnStatus.ok, pid.id, contract ?? null])
  }

  #spawnReply(id: number, rest: readonly unknown[]): void {
    // Whoever asked knows no process of it yet: nothing is in order with it.
    this.#peer.signal(WireType.distSpawnReply, [id, ...rest], undefined)
  }

  /** How a process ended that was spawned to be watched, once; it is watched from now on. */
  #endedWhileWatched(id: number): { readonly reason: ExitReason } | undefined {
    if (this.#watched.size === 0) return undefined
    const spawned = this.#watched.get(id)
    this.#watched.delete(id)
    return spawned?.ended
  }

  // --- who ------------------------------------------------------------------------------------

  #service(to: WireTarget): PeerService | undefined {
    return typeof to === 'string' ? this.#peer.host.services.find(to) : undefined
  }

  #mayUse({ action }: PeerService): boolean {
    const { host, link } = this.#peer
    return host.isGranted(action, link.peer)
  }

  /** The realm does not let this peer talk to processes, or nobody may talk to that one. */
  #denies(target: Pid | string): boolean {
    return !this.#mayCall || this.#peer.host.spawner.isPrivate(target)
  }

  #refusal(code: string): DistRefusedError {
    const { host, keyHex, link } = this.#peer
    host.refused(code, { peer: keyHex })
    return new DistRefusedError(code, `${link.peer.nodeId} is refused here: ${code}`)
  }

  #theirs(id: number): Pid {
    const { host, keyHex, incarnation } = this.#peer
    return host.system.pidFor(keyHex, id, incarnation)
  }

  #ours(id: number): Pid {
    const { system } = this.#peer.host
    return system.pidFor(system.node, id, system.incarnation)
  }

  #local(to: WireTarget): Pid | string {
    return typeof to === 'string' ? to : this.#ours(to)
  }
}

/** A server may fail a call with any value. */
function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(formatReason(error))
}

function duplicate(message: string, id: number): DistProtocolError {
  return new DistProtocolError('ERR_DIST_MESSAGE', `the peer used ${message} number ${id} twice`)
}
