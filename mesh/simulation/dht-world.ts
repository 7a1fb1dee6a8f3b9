/**
 * A world of nodes of the DHT: who knows whom at the start, how one joins, what is truly nearest, and
 * lookups, puts and gets as calls that run the world until they are done. Statistics, chaos runs and
 * benchmarks are written against this class.
 *
 * Nodes begin cold, through seeds, or warm: with tables as long life fills them (`filledTable`). All wall
 * clocks agree.
 */
import { RoutingCore } from '../routing/kademlia/core.ts'
import { keyFromWords, type KadKey } from '../routing/kademlia/id.ts'
import type { LookupHop, LookupResult, LookupSpec } from '../routing/kademlia/machine.ts'
import type { Contact, Sender } from '../routing/kademlia/message.ts'
import { routingSettings, type RoutingSettings } from '../routing/kademlia/settings.ts'
import { RecordsCore } from '../routing/records/core.ts'
import type {
  Operation,
  OperationFailure,
  OperationOptions,
  OperationOutcome,
} from '../routing/records/machine.ts'
import type { DhtRecord, RecordFields } from '../routing/records/record.ts'
import { recordsSettings, type RecordsSettings } from '../routing/records/settings.ts'
import { Chance, Purpose, Sequence, hashNumbers } from './chance.ts'
import { check, COUNT, NODES } from './checked.ts'
import { CoreWorld, type Seat, type WorldOptions } from './core-world.ts'
import type { DhtCommand, DhtEvent, DhtMachine, DhtProtocol } from './dht-boundary.ts'
import { DhtNode, type DhtDisk } from './dht-node.ts'
import { filledTable, inKeyOrder, nearest } from './dht-oracle.ts'
import { WARM_UP_MS, warmUp } from './dht-warm.ts'
import { runFaults, type FaultCounts } from './fault-runner.ts'
import type { Fault } from './faults.ts'
import { KeyedRecordAuthority, immutableKey, mutableKey } from './keyed-record-authority.ts'

/** How a world of the DHT is made. */
export interface DhtWorldOptions extends Pick<
  WorldOptions<DhtProtocol>,
  'seed' | 'nodes' | 'network' | 'links' | 'diskMs' | 'inboxMax' | 'trace'
> {
  readonly settings?: RoutingSettings
  readonly records?: RecordsSettings
  /** So many of the first nodes run from the start, with filled tables; default all. */
  readonly warm?: number
  /** Whom a node that starts later asks; default nodes 0, 1 and 2. */
  readonly seeds?: readonly number[]
  /** Nodes that only ask; default none. */
  readonly isClient?: (index: number) => boolean
  /** Keys that are not drawn by lot, as of Sybils; `drawn` gives those of others. */
  readonly keyOf?: (index: number, drawn: (index: number) => KadKey) => KadKey | undefined
  /** Default: a private address of its own for each. */
  readonly hostOf?: (index: number) => string
  /** An enemy instead of a node of ours. */
  readonly hostile?: (self: Contact, index: number) => DhtMachine | undefined
  /** Makes the cores, when they are not to be the library's; for tests of tests. */
  readonly makeRouting?: (options: ConstructorParameters<typeof RoutingCore>[0]) => RoutingCore
  readonly makeRecords?: (options: ConstructorParameters<typeof RecordsCore>[0]) => RecordsCore
}

/** A lookup that was begun; filled in as the world runs. */
export interface PendingLookup {
  readonly lookupId: number
  readonly index: number
  /** Of the node that does it. */
  readonly life: number
  readonly spec: LookupSpec
  readonly hops: LookupHop[]
  result: LookupResult | undefined
}

/** An operation that was begun; filled in as the world runs. */
export interface PendingOperation {
  readonly operationId: number
  readonly index: number
  readonly life: number
  readonly operation: Operation
  outcome: OperationOutcome | undefined
  /** Set when it failed. */
  code: OperationFailure | undefined
  /** Called when it is over, if its node lives to see that. */
  whenOver: (() => void) | undefined
}

/** Wall time at which every world begins. */
export const DHT_EPOCH_MS = 1_800_000_000_000

const DAY_MS = 86_400_000
const NO_BYTES: Uint8Array = new Uint8Array(0)
const WAIT_MS = 600_000

/** See the head of this file. */
export class DhtWorld {
  readonly core: CoreWorld<DhtProtocol>
  readonly settings: RoutingSettings
  readonly recordsSettings: RecordsSettings
  /** Chance of the set-up and of whoever arranges a scenario. */
  readonly luck: Sequence
  /** Requests and replies so far, by type. */
  readonly messages: Readonly<Record<string, number>>
  /** Disks by seat; what is on them survives a crash. */
  readonly disks: readonly DhtDisk[]
  /** What each seat's node said last about its table, as kept on its disk. */
  readonly #snapshots: (readonly Contact[] | undefined)[] = []
  readonly #machines: (DhtMachine | undefined)[] = []
  readonly #contacts: Contact[]
  readonly #options: DhtWorldOptions
  readonly #ordered: readonly Contact[]
  readonly #secret: number
  readonly #warm: number
  readonly #lookups = new Map<number, PendingLookup>()
  readonly #operations = new Map<number, PendingOperation>()
  #numbers = 0

  constructor(options: DhtWorldOptions) {
    const { seed, nodes, warm = nodes } = options
    check('nodes', nodes, NODES)
    check('warm', warm, COUNT)
    this.#options = options
    this.#warm = warm
    this.settings = options.settings ?? routingSettings()
    this.recordsSettings = options.records ?? recordsSettings()
    this.luck = new Sequence(hashNumbers(seed, 2))
    this.#secret = hashNumbers(seed, 1)
    this.disks = Array.from({ length: nodes }, () => new Map())
    const keys = keysOf(options)
    this.core = new CoreWorld<DhtProtocol>({
      ...options,
      idOf: (index) => keys[index]!.hex,
      hostOf: options.hostOf ?? privateHost,
      boot: (seat) => this.#boot(seat),
    })
    this.#contacts = this.core.nodes.map(({ id, host, port, index }) =>
      Object.freeze({ id, host, port, key: keys[index]! }),
    )
    this.#ordered = inKeyOrder(
      this.#contacts.slice(0, warm).filter((_, index) => options.isClient?.(index) !== true),
    )
    const messages: Record<string, number> = {}
    this.messages = messages
    this.core.observe({
      event: (_, event) => this.#event(event),
      streamed: (_, { type }) => void (messages[type] = (messages[type] ?? 0) + 1),
      stopped: ({ index }) => {
        const machine = this.#machines[index]
        if (machine instanceof DhtNode) this.#snapshots[index] = machine.routing.snapshot()
        this.#machines[index] = undefined
      },
    })
    for (let index = 0; index < warm; index++) this.core.start(index)
  }

  get nowMs(): number {
    return this.core.nowMs
  }

  /** What every wall clock shows. */
  get wallMs(): number {
    return DHT_EPOCH_MS + this.core.nowMs
  }

  /** Address and key of a node. */
  contactOf(index: number): Contact {
    const contact = this.#contacts[index]
    if (contact === undefined) throw new RangeError(`no node ${index}`)
    const { port } = this.core.node(index)
    if (contact.port === port) return contact
    return (this.#contacts[index] = Object.freeze({ ...contact, port }))
  }

  /** The node at a seat; it must run and be one of ours. */
  dhtNode(index: number): DhtNode {
    const machine = this.#machines[index]
    if (!(machine instanceof DhtNode)) throw new RangeError(`node ${index} is down or an enemy`)
    return machine
  }

  /** Nodes of ours that run, with their seats. */
  living(): { readonly index: number; readonly node: DhtNode }[] {
    return this.#machines.flatMap((node, index) =>
      node instanceof DhtNode ? [{ index, node }] : [],
    )
  }

  /** Contacts of running servers, enemies too. */
  servers(): Contact[] {
    const { isClient } = this.#options
    return this.core
      .running()
      .filter(({ index }) => isClient?.(index) !== true)
      .map(({ index }) => this.contactOf(index))
  }

  /** The true k nearest running servers, but for `except`; `servers` when they are at hand. */
  nearest(
    key: KadKey,
    count: number = this.settings.k,
    except?: number,
    servers: readonly Contact[] = this.servers(),
  ): Contact[] {
    if (except === undefined) return nearest(servers, key, count)
    const { id } = this.contactOf(except)
    return nearest(servers, key, count + 1)
      .filter((contact) => contact.id !== id)
      .slice(0, count)
  }

  /** A key drawn by lot. */
  randomKey(): KadKey {
    return keyFromWords(
      Uint32Array.from({ length: 8 }, () => Math.floor(this.luck.next() * 2 ** 32)),
    )
  }

  /** A running node of ours, drawn by lot. */
  randomNode(): number {
    const living = this.living()
    return living[this.luck.below(living.length)]!.index
  }

  /** Another one. */
  randomNodeBut(index: number): number {
    const others = this.living().filter((living) => living.index !== index)
    return others[this.luck.below(others.length)]!.index
  }

  /** Lets a running node bootstrap; through the usual seeds by default. */
  join(index: number, seeds: readonly number[] = this.#options.seeds ?? [0, 1, 2]): void {
    const contacts = seeds.filter((seed) => seed !== index).map((seed) => this.contactOf(seed))
    this.core.command(index, { type: 'bootstrap', contacts })
  }

  /** Starts a node and lets it join. */
  startJoining(
    index: number,
    seeds?: readonly number[],
    how?: { readonly disk?: 'kept' | 'lost'; readonly moved?: boolean },
  ): void {
    if (this.core.start(index, how)) this.join(index, seeds)
  }

  /** Tells running nodes of ours that a node is down, as SWIM would. */
  tellDown(index: number): void {
    const { id } = this.contactOf(index)
    for (const { index: other } of this.living()) this.core.command(other, { type: 'down', id })
  }

  /** Tells every running node of ours of every running server, as SWIM would. */
  tellUp(): void {
    const servers = this.servers()
    for (const { index } of this.living()) {
      for (const contact of servers) {
        if (contact.id === this.contactOf(index).id) continue
        this.core.command(index, { type: 'candidate', contact })
      }
    }
  }

  /** Gives a node a command. */
  command(index: number, command: DhtCommand): boolean {
    return this.core.command(index, command)
  }

  run(ms: number): void {
    this.core.run(ms)
  }

  runUntil(condition: () => boolean, withinMs: number, everyMs?: number): number | undefined {
    return this.core.runUntil(condition, withinMs, everyMs)
  }

  /** Begins a lookup; {@link settle} waits for it. */
  startLookup(index: number, target: KadKey, spec: Partial<LookupSpec> = {}): PendingLookup {
    const lookupId = ++this.#numbers
    const full: LookupSpec = { kind: 'find_node', ...spec, target }
    const { life } = this.core.node(index)
    const pending: PendingLookup = {
      lookupId,
      index,
      life,
      spec: full,
      hops: [],
      result: undefined,
    }
    this.#lookups.set(lookupId, pending)
    this.command(index, { type: 'lookup', lookupId, spec: full })
    return pending
  }

  /** Nobody waits for it any more. */
  cancelLookup({ lookupId, index }: PendingLookup): void {
    this.#lookups.delete(lookupId)
    this.command(index, { type: 'cancel_lookup', lookupId })
  }

  /** Looks up a key and lets time pass until that is done. */
  lookup(index: number, target: KadKey, spec?: Partial<LookupSpec>): LookupResult {
    const pending = this.startLookup(index, target, spec)
    this.settle([pending])
    return pending.result!
  }

  /** Begins an operation; {@link settle} waits for it. */
  start(index: number, operation: Operation): PendingOperation {
    const operationId = ++this.#numbers
    const pending: PendingOperation = {
      operationId,
      index,
      life: this.core.node(index).life,
      operation,
      outcome: undefined,
      code: undefined,
      whenOver: undefined,
    }
    this.#operations.set(operationId, pending)
    this.command(index, { type: 'operation', operationId, operation })
    return pending
  }

  /** Puts a record and lets time pass until that is done. */
  put(
    index: number,
    record: DhtRecord,
    more: { options?: OperationOptions; publish?: boolean; expectedSequence?: number } = {},
  ): PendingOperation {
    const pending = this.start(index, { type: 'put', record, options: {}, ...more })
    this.settle([pending])
    return pending
  }

  /** Gets a record and lets time pass until that is done. */
  get(index: number, key: KadKey, options: OperationOptions = {}): PendingOperation {
    const pending = this.start(index, { type: 'get', key, options })
    this.settle([pending])
    return pending
  }

  /** Lets time pass until all of these are done; throws when one never is while its node lives. */
  settle(pending: readonly (PendingLookup | PendingOperation)[], withinMs: number = WAIT_MS): void {
    let first = 0
    const done = (): boolean => {
      while (first < pending.length && this.#isOver(pending[first]!)) first++
      return first === pending.length
    }
    if (this.runUntil(done, withinMs, 5) === undefined) {
      throw new Error(`not done after ${withinMs} ms at node ${pending[first]!.index}`)
    }
  }

  /** A mutable record of a publisher, which need not run. */
  mutable(
    index: number,
    name: string,
    given: { value?: Uint8Array; sequence?: number; ttlMs?: number } = {},
  ): DhtRecord {
    const { id } = this.contactOf(index)
    return this.sign(index, { kind: 'mutable', key: mutableKey(id, name), name, ...given })
  }

  /** An immutable record with that value. */
  immutable(index: number, value: Uint8Array, given: { ttlMs?: number } = {}): DhtRecord {
    return this.sign(index, { kind: 'immutable', key: immutableKey(value), value, ...given })
  }

  /** A provider record of a node. */
  provider(
    index: number,
    key: KadKey,
    given: { sequence?: number; ttlMs?: number } = {},
  ): DhtRecord {
    const { host, port } = this.contactOf(index)
    return this.sign(index, { kind: 'provider', key, host, port, ...given })
  }

  /** Signs as a node. */
  sign(
    index: number,
    {
      ttlMs = DAY_MS,
      ...given
    }: Pick<RecordFields, 'kind' | 'key'> & Partial<RecordFields> & { readonly ttlMs?: number },
  ): DhtRecord {
    const { id } = this.contactOf(index)
    const expiresAtMs = this.wallMs + ttlMs
    const rest = { sequence: 1, name: '', value: NO_BYTES, host: '', port: 0 }
    return this.authorityOf(id).sign({ publisher: id, expiresAtMs, ...rest, ...given })
  }

  /** Signs as that publisher. */
  authorityOf(publisher: string): KeyedRecordAuthority {
    return new KeyedRecordAuthority(this.#secret, publisher)
  }

  /** Queues a schedule of faults; `setMeta` says what a node does when it is to change something. */
  runFaults(
    faults: readonly Fault[],
    setMeta: (node: number, bytes: number) => void = () => {},
  ): FaultCounts {
    return runFaults(this.core, faults, {
      leave: (node) => {
        this.core.stop(node)
        this.tellDown(node)
      },
      join: (node, seeds) => this.join(node, seeds),
      setMeta,
    })
  }

  #isOver(pending: PendingLookup | PendingOperation): boolean {
    if (this.core.node(pending.index).life !== pending.life) return true
    return 'hops' in pending ? pending.result !== undefined : pending.outcome !== undefined
  }

  #event(event: DhtEvent): void {
    switch (event.type) {
      case 'lookup_hop':
        this.#lookups.get(event.lookupId)?.hops.push(event.hop)
        break
      case 'lookup_done': {
        const pending = this.#lookups.get(event.lookupId)
        if (pending !== undefined) pending.result = event.result
        this.#lookups.delete(event.lookupId)
        break
      }
      case 'done':
      case 'failed': {
        const pending = this.#operations.get(event.operationId)
        this.#operations.delete(event.operationId)
        if (pending === undefined) break
        pending.outcome = event.outcome
        if (event.type === 'failed') pending.code = event.code
        pending.whenOver?.()
        break
      }
      default:
    }
  }

  #boot(seat: Seat): DhtMachine {
    const { index, generation, nowMs } = seat
    const self = this.contactOf(index)
    if (generation === 1) {
      this.disks[index]!.clear()
      this.#snapshots[index] = undefined
    }
    const isFirst = index < this.#warm && generation === 1 && nowMs === 0
    const machine = this.#options.hostile?.(self, index) ?? this.#makeNode(seat, self, isFirst)
    this.#machines[index] = machine
    return machine
  }

  #makeNode(seat: Seat, self: Contact, isFirst: boolean): DhtNode {
    const { index, seed, nowMs } = seat
    const options = this.#options
    const { settings } = this
    const mode = options.isClient?.(index) === true ? 'client' : 'server'
    const snapshot = this.#snapshots[index]
    const makeRouting = options.makeRouting ?? ((given): RoutingCore => new RoutingCore(given))
    const makeRecords = options.makeRecords ?? ((given): RecordsCore => new RecordsCore(given))
    return new DhtNode({
      self,
      mode,
      disk: this.disks[index]!,
      proven: (from, sender) => this.#proven(from, sender),
      makeRouting: () => {
        const routing = makeRouting({
          self: { ...self, mode },
          settings,
          seed,
          nowMs: isFirst ? -WARM_UP_MS : nowMs,
          ...(snapshot === undefined ? {} : { snapshot }),
        })
        if (isFirst) this.#warmUp(routing, self, seed)
        return routing
      },
      makeRecords: (routing, sender) =>
        makeRecords({
          self: { id: self.id, key: self.key },
          sender,
          settings: this.recordsSettings,
          authority: this.authorityOf(self.id),
          routing,
          seed: hashNumbers(seed, 3),
          nowMs,
          wallNowMs: () => this.wallMs,
        }),
    })
  }

  #warmUp(routing: RoutingCore, self: Contact, seed: number): void {
    const { k, pingsPerSecondMax } = this.settings
    const luck = new Sequence(seed)
    const contacts = filledTable(self.key, this.#ordered, k, luck)
    const latency = this.#options.network?.latency ?? { type: 'uniform', minMs: 1, maxMs: 5 }
    warmUp(routing, { contacts, pingsPerSecondMax, latency, luck })
  }

  /** Who gives an address that is not where it is counts as a client, as if its address were unproven. */
  #proven(from: string, sender: Sender): Sender {
    const node = this.core.nodeOf(from)
    if (node?.host === sender.host && node.port === sender.port) return sender
    return { ...sender, mode: 'client' }
  }
}

function keysOf({ seed, nodes, keyOf }: DhtWorldOptions): KadKey[] {
  const chance = new Chance(hashNumbers(seed, 4))
  const drawn = (index: number): KadKey => {
    const word = (_: unknown, at: number): number => chance.bits(Purpose.start, index, at, 0)
    return keyFromWords(Uint32Array.from({ length: 8 }, word))
  }
  return Array.from({ length: nodes }, (_, index) => keyOf?.(index, drawn) ?? drawn(index))
}

/** Different for 16 million nodes, and of no network that anybody counts. */
function privateHost(index: number): string {
  return `10.${(index >>> 16) & 255}.${(index >>> 8) & 255}.${index & 255}`
}
