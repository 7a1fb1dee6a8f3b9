/**
 * The global names of one node: what is claimed, by whom, and who waits for a registration. It outlives the process of
 * names, so a crash there loses nothing. Claims travel in a space of presence, `$names`.
 *
 * A registration is through when everybody who watches the space has acknowledged the claim and no better one is known.
 * Nodes tell their own claims before they acknowledge those of others, so of two that register at once, one is refused
 * before either is through, and nobody has to be ended for it.
 */
import { bareRef, type Ref } from '../../behaviours/index.ts'
import { asNobody, type Pid, type System } from '../../runtime/index.ts'
import type { Diff, OpenSpace, OwnEntry, SpaceSizes, SpaceTopic } from '../../mesh/index.ts'
import type { DistParts } from '../parts.ts'
import { isSame, metaOf, Claim, type Ending } from './claim.ts'
import { Claims, type Choice } from './claims.ts'
import { GlobalNameConflictError, GlobalRegistryError, GlobalTimeoutError } from './errors.ts'
import { NameEvents } from './events.ts'
import { NameLosers } from './name-losers.ts'
import type { NamesOptions } from './options.ts'
import { Registrar, type OwnName } from './registrar.ts'
import { endingFor, type GlobalEntry, type NameResolver } from './resolver.ts'
import type { StrictClaim } from './strict-names.ts'

/** Who waits for a registration to be through. */
interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  /** Takes back what would end the wait. */
  readonly release: () => void
}

/** Whose a name of this node is. */
export interface NameOwner {
  readonly pid: Pid
  readonly resolver: NameResolver
  readonly strict: StrictClaim | undefined
  waiting: Waiting | undefined
  /** Who had the name here before, as long as this is not through. */
  before: Registration | undefined
  /** Waits no more for others to acknowledge it. */
  unwatch: (() => void) | undefined
}

/** A registration of a process of this node. */
export interface Registration {
  readonly name: string
  readonly pid: Pid
  readonly contract: string | undefined
  readonly resolver: NameResolver
  /** Whoever has the name loses it. */
  readonly isOver: boolean
  readonly strict: StrictClaim | undefined
}

type Own = OwnName<NameOwner>

/** See the head of this file. */
export class NamesMemory {
  readonly claims: Claims = new Claims()
  readonly registrar: Registrar<NameOwner>
  readonly events: NameEvents
  readonly topic: SpaceTopic
  readonly #parts: DistParts
  readonly #self: string
  readonly #system: System
  readonly #options: Readonly<NamesOptions>
  readonly #space: OpenSpace
  readonly #entries = new Map<string, OwnEntry>()
  readonly #losers: NameLosers
  /** Names by number of their process, and the way to stop watching it. */
  readonly #ties = new Map<number, { readonly names: Set<string>; readonly stop: () => void }>()
  #pending = 0
  #isClosed = false

  constructor(parts: DistParts, options: Readonly<NamesOptions>, space: OpenSpace) {
    this.#parts = parts
    this.#self = parts.directory.ownKeyHex
    this.#system = parts.system
    this.#options = options
    this.#space = space
    this.topic = space.hold('')
    this.#losers = new NameLosers(parts.system, options.conflictGraceMs)
    this.events = new NameEvents((event, error) =>
      parts.refusals.count('ERR_GLOBAL_HANDLER', { event, error }),
    )
    this.registrar = new Registrar<NameOwner>({
      claims: this.claims,
      say: (name, body, before) => this.#say(name, metaOf(body), before),
      unsay: (claim) => this.#unsay(claim),
      choose: (own, rival) => this.#choose(own, rival),
      refused: (own, to) => this.#refused(own, to),
      lost: (own, to, how) => this.#lost(own, to, how),
      decided: (name, winner, losers) => this.#decided(name, winner, losers),
    })
  }

  get pending(): number {
    return this.#pending
  }

  /** Entries of this node and of others, and their bytes. */
  sizes(): SpaceSizes {
    return this.#space.sizes()
  }

  /** The pid that a claim names. */
  pidOf(claim: Claim): Pid {
    if (claim.node === this.#self) {
      const own = this.registrar.own.get(claim.key)
      if (own?.claim === claim) return own.owner.pid
    }
    return this.#system.pidFor(claim.node, claim.process, claim.life)
  }

  entryOf(claim: Claim): GlobalEntry {
    const { key: name, node } = claim
    return { name, ref: this.refOf(claim), nodeId: this.#parts.directory.nameOf(node) }
  }

  /** The same object each time, unless its contract is not known here yet. */
  refOf(claim: Claim): Ref<unknown> {
    if (claim.found !== undefined) return claim.found
    const { contracts } = this.#parts
    const { contract } = claim
    const pid = this.pidOf(claim)
    const ref = contract === undefined ? bareRef(pid) : contracts.refTo(pid, contract)
    if (contract === undefined || contracts.get(contract) !== undefined) claim.found = ref
    return ref
  }

  /** Claims a name; throws when that cannot be. What comes of it is told to `waiting`, if that is set. */
  claim(registration: Registration): Own {
    const { name, pid, contract, resolver, isOver, strict } = registration
    this.#check(registration)
    const how = endingFor(resolver)
    const fence = strict?.token ?? 0
    const given = { process: pid.id, contract, fence, how }
    const before = this.registrar.own.get(name)
    const owner: NameOwner = {
      ...{ pid, resolver, strict, waiting: undefined, unwatch: undefined },
      before: before === undefined ? undefined : registrationOf(before),
    }
    const own = this.#observed([name], () => {
      if (before !== undefined) {
        this.#forget(before)
        before.owner.strict?.release()
      }
      const { registrar } = this
      const made = isOver
        ? registrar.claimOver(name, owner, given)
        : registrar.claim(name, owner, given)
      this.#tie(made)
      return made
    })
    if (before?.owner.waiting !== undefined) {
      this.#settle(before, () => new GlobalNameConflictError(name, this.#parts.mesh.nodeId))
    }
    return own
  }

  /** Resolves when the registration is through. */
  through(own: Own, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      // Whoever heard of it may have taken it back already.
      if (this.registrar.own.get(own.name) !== own) return reject(withdrawn(own.name))
      const { system } = this.#parts
      const gaveUp = (why: () => GlobalRegistryError): void => {
        if (own.owner.waiting === undefined) return
        const { before } = own.owner
        this.#settle(own, why)
        if (before !== undefined && this.#system.isAlive(before.pid)) this.claim(before)
        else this.release(own)
      }
      const late = (): GlobalRegistryError => {
        const nodeIds = this.#lagging(own)
        const { refusals } = this.#parts
        refusals.count('ERR_GLOBAL_TIMEOUT', { name: own.name, nodes: nodeIds })
        const what = `not acknowledged within ${timeoutMs} ms`
        return new GlobalTimeoutError(own.name, what, nodeIds)
      }
      const timer = system.clock.setTimer(timeoutMs, () => gaveUp(late))
      const off =
        signal === undefined
          ? undefined
          : system.onAbort(signal, (cause) => gaveUp(() => aborted(own.name, cause)))
      this.#pending += 1
      const release = (): void => {
        timer.cancel()
        off?.()
      }
      own.owner.waiting = { resolve, reject, release }
      this.watch(own)
    })
  }

  /** Makes it a held one when all have acknowledged it. */
  watch(own: Own): void {
    const { owner } = own
    let isOver = false
    const unwatch = this.topic.whenAcknowledged(own.claim.version, () => {
      isOver = true
      owner.unwatch = undefined
      this.#observed([own.name], () => this.registrar.acknowledged(own))
      if (this.registrar.own.get(own.name) === own) this.#settle(own, undefined)
    })
    if (!isOver) owner.unwatch = unwatch
  }

  /** Nodes that have not acknowledged it, as they are called. */
  #lagging({ claim }: Own): readonly string[] {
    const { directory } = this.#parts
    return this.topic.lagging(claim.version).map((node) => directory.nameOf(node))
  }

  /** The process has the name no more. */
  release(own: Own): void {
    if (this.registrar.own.get(own.name) !== own) return
    this.#forget(own)
    own.owner.strict?.release()
    this.#observed([own.name], () => this.registrar.release(own))
  }

  /** Somebody unregisters it; who waits for it to be through waits in vain. */
  withdraw(own: Own): void {
    this.#settle(own, () => withdrawn(own.name))
    this.release(own)
  }

  /** The right to the name is lost: the process must be gone before another has it. */
  evict(own: Own): void {
    if (this.registrar.own.get(own.name) !== own) return
    const { pid } = own.owner
    this.#settle(
      own,
      () => new GlobalRegistryError('ERR_GLOBAL_LOST', own.name, 'its lease was lost'),
    )
    this.release(own)
    this.#system.exit(pid, 'kill')
  }

  /** What others say; `isFirst` means that this is all. */
  take({ joins, leaves }: Diff, isFirst: boolean): void {
    const ownKeyHex = this.#self
    const others = (entries: Diff['joins']): Claim[] =>
      entries.filter((entry): entry is Claim => entry instanceof Claim && entry.node !== ownKeyHex)
    const come = others(joins)
    let gone = others(leaves)
    if (isFirst && this.claims.size > 0) {
      const all = new Set<Claim>(come)
      gone = this.claims.without((claim) => claim.node === ownKeyHex || all.has(claim))
    }
    const names = (): string[] => [...come, ...gone].map(({ key }) => key)
    const surplus = this.#observed(names, () => this.registrar.changed(come, gone))
    for (const { node } of surplus) this.#parts.refusals.count('ERR_GLOBAL_CLAIM_INVALID', { node })
    if (isFirst) for (const name of Array.from(this.registrar.own.keys())) this.registrar.look(name)
  }

  /** The node has stopped. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const own of Array.from(this.registrar.own.values())) {
      this.#forget(own)
      own.owner.strict?.release()
      this.#settle(
        own,
        () => new GlobalRegistryError('ERR_GLOBAL_STOPPED', own.name, 'the node stopped'),
      )
    }
    this.#losers.close()
    this.events.clear()
    this.topic.close()
  }

  #check({ name, pid, isOver }: Registration): void {
    const { ownNamesMax, pendingMax } = this.#options
    if (this.#isClosed) {
      throw new GlobalRegistryError('ERR_GLOBAL_STOPPED', name, 'the node stopped')
    }
    if (this.#system.process(pid) === undefined) {
      throw new GlobalRegistryError('ERR_GLOBAL_PROCESS', name, 'there is no such process')
    }
    const known = this.claims.of(name)[0]
    if (!isOver && known !== undefined) throw this.#taken(name, known)
    if (known === undefined && this.registrar.own.size >= ownNamesMax) {
      throw new GlobalRegistryError('ERR_GLOBAL_NAMES_MAX', name, `there are ${ownNamesMax} names`)
    }
    if (this.#pending >= pendingMax) {
      const what = `${pendingMax} registrations wait`
      throw new GlobalRegistryError('ERR_GLOBAL_PENDING_MAX', name, what)
    }
  }

  #taken(name: string, by: Claim): GlobalNameConflictError {
    return new GlobalNameConflictError(name, this.#parts.directory.nameOf(by.node))
  }

  #say(name: string, meta: unknown[], before: Claim | undefined): Claim {
    if (before === undefined && !this.topic.hasRoom(name, meta)) {
      const what = `names of this node have ${this.#options.ownBytesMax} bytes`
      throw new GlobalRegistryError('ERR_GLOBAL_BYTES_MAX', name, what)
    }
    const known = before === undefined ? undefined : this.#entries.get(name)
    const entry =
      known === undefined ? this.topic.join(name, meta) : this.topic.replace(known, meta)
    this.#entries.set(name, entry)
    return entry.public as Claim
  }

  #unsay({ key: name }: Claim): void {
    const entry = this.#entries.get(name)
    this.#entries.delete(name)
    if (entry !== undefined && !this.#isClosed) this.topic.leave(entry)
  }

  #choose({ claim, owner: { resolver } }: Own, rival: Claim): Choice {
    if (resolver === 'notify_all_name') return 'none'
    if (typeof resolver === 'string') return 'own'
    const own = this.entryOf(claim)
    const other = this.entryOf(rival)
    const fail = (error: unknown): Choice => {
      this.#parts.refusals.count('ERR_GLOBAL_RESOLVER', { name: claim.key, error })
      return 'own'
    }
    try {
      const chosen = asNobody(() => resolver(claim.key, own, other))
      if (chosen === own) return 'own'
      if (chosen === other) return 'rival'
      return chosen === undefined ? 'none' : fail(new TypeError('it gave neither of the two'))
    } catch (error) {
      return fail(error)
    }
  }

  /** Nobody is waiting for a name that a process was started under; the start has long gone on. */
  #refused(own: Own, to: Claim): void {
    const { waiting } = own.owner
    if (waiting === undefined) return this.#lost(own, to, endingFor(own.owner.resolver))
    this.#forget(own)
    own.owner.strict?.release()
    this.#settle(own, () => this.#taken(own.name, to))
  }

  #lost(own: Own, to: Claim, how: Ending): void {
    this.#forget(own)
    own.owner.strict?.release()
    this.#losers.tell(own.name, own.owner.pid, this.pidOf(to), how)
  }

  #decided(name: string, winner: Claim | undefined, losers: readonly Claim[]): void {
    if (!this.events.isHeard('conflictResolved')) return
    const entries = losers.map((claim) => this.entryOf(claim))
    this.events.emit('conflictResolved', name, winner && this.entryOf(winner), entries)
  }

  #settle({ owner }: Own, error: (() => Error) | undefined): void {
    const { waiting } = owner
    if (waiting === undefined) return
    owner.waiting = undefined
    owner.before = undefined
    this.#pending -= 1
    waiting.release()
    if (error === undefined) waiting.resolve()
    else waiting.reject(error())
  }

  #tie(own: Own): void {
    const { pid } = own.owner
    const tied = this.#ties.get(pid.id)
    if (tied !== undefined) {
      tied.names.add(own.name)
      return
    }
    const names = new Set([own.name])
    const stop = this.#system.watch(pid, () => this.#ended(pid.id))
    this.#ties.set(pid.id, { names, stop })
  }

  /** It is of no more interest when its process ends. */
  #forget({ name, owner }: Own): void {
    owner.unwatch?.()
    owner.unwatch = undefined
    const { pid } = owner
    const tied = this.#ties.get(pid.id)
    if (tied?.names.delete(name) !== true || tied.names.size > 0) return
    this.#ties.delete(pid.id)
    tied.stop()
  }

  #ended(id: number): void {
    const tied = this.#ties.get(id)
    this.#ties.delete(id)
    for (const name of tied?.names ?? []) {
      const own = this.registrar.own.get(name)
      if (own?.owner.pid.id !== id) continue
      this.#settle(
        own,
        () => new GlobalRegistryError('ERR_GLOBAL_PROCESS', name, 'the process ended'),
      )
      this.release(own)
    }
  }

  /** Tells who listens of what has come of these names. */
  #observed<T>(names: readonly string[] | (() => readonly string[]), change: () => T): T {
    const { events } = this
    if (!events.isHeard('registered') && !events.isHeard('unregistered')) return change()
    const list = new Set(typeof names === 'function' ? names() : names)
    const before = new Map(Array.from(list, (name) => [name, this.#held(name)] as const))
    const result = change()
    for (const [name, was] of before) {
      const is = this.#held(name)
      if (was !== undefined && is !== undefined && isSameProcess(was, is)) continue
      if (is !== undefined) events.emit('registered', this.entryOf(is))
      else if (was !== undefined) events.emit('unregistered', this.entryOf(was))
    }
    return result
  }

  #held(name: string): Claim | undefined {
    const holder = this.claims.holder(name)
    return holder?.state === 'held' ? holder : undefined
  }
}

/** What gives a process of this node its held name back; not under a lease, for that was given back already. */
function registrationOf({ name, owner, claim }: Own): Registration | undefined {
  const { pid, resolver, strict } = owner
  if (strict !== undefined || claim.state !== 'held') return undefined
  return { name, pid, contract: claim.contract, resolver, isOver: true, strict: undefined }
}

function aborted(name: string, cause: unknown): GlobalRegistryError {
  return new GlobalRegistryError('ERR_GLOBAL_ABORTED', name, 'aborted', { cause })
}

function withdrawn(name: string): GlobalRegistryError {
  const what = 'unregistered before it was through'
  return new GlobalRegistryError('ERR_GLOBAL_ABORTED', name, what)
}

function isSameProcess(a: Claim, b: Claim): boolean {
  return isSame(a, b) || (a.node === b.node && a.life === b.life && a.process === b.process)
}
