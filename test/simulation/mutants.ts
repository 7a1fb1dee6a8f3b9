/**
 * The membership core with one rule taken out or bent, each named, with the property that must notice.
 * A mutant is one replacement in one file; a text that is no longer there fails the test, so that the list
 * follows the core.
 */

/** Where a mutant shows itself. */
export type Killer =
  | 'chaos'
  | 'storm'
  | 'forgery'
  | 'pause'
  | 'long_partition'
  | 'crash'
  | 'loss'
  | 'island'
  | 'spread'
  | 'leave'
  | 'deaf'

/** One rule less. */
export interface Mutant {
  readonly rule: string
  readonly file: string
  readonly from: string
  readonly to: string
  readonly killer: Killer
  /** Ids of the properties that notice. */
  readonly ids: readonly string[]
}

/** Every mutant. */
export const MUTANTS: readonly Mutant[] = [
  {
    rule: 'an accusation of a later incarnation is refused',
    file: 'ledger.ts',
    from: 'if (age > 0) {',
    to: 'if (age > 0 && accusation.counter > 1_000_000) {',
    killer: 'forgery',
    ids: ['S7'],
  },
  {
    rule: 'an accusation of an earlier incarnation is stale',
    file: 'ledger.ts',
    from: 'if (age < 0) {',
    to: 'if (age < -1_000_000) {',
    killer: 'forgery',
    ids: ['S3'],
  },
  {
    rule: 'a statement must be signed by its subject',
    file: 'ledger.ts',
    from: 'if (problem === undefined) return true',
    to: 'if (problem !== null) return true',
    killer: 'forgery',
    ids: ['S43', 'S7'],
  },
  {
    rule: 'only what is newer replaces a record',
    file: 'ledger.ts',
    from: 'compareStatements(statement, record.statement) > 0 &&',
    to: 'compareStatements(statement, record.statement) !== 0 &&',
    killer: 'chaos',
    ids: ['S6'],
  },
  {
    rule: 'only the living are suspected',
    file: 'ledger.ts',
    from: "if (before.status !== 'alive') return",
    to: '',
    killer: 'chaos',
    ids: ['S8', 'S9', 'S14'],
  },
  {
    rule: 'the dead and those who left do not die again',
    file: 'ledger.ts',
    from: 'if (!isLiving(before.status)) return\n    const { table, suspicions, nowMs',
    to: 'const { table, suspicions, nowMs',
    killer: 'chaos',
    ids: ['S9', 'S14'],
  },
  {
    rule: 'a refuted suspicion ends',
    file: 'ledger.ts',
    from: "if (status !== 'suspect') suspicions.end(slot)",
    to: '',
    killer: 'chaos',
    ids: ['S15'],
  },
  {
    rule: 'a node refutes what is said against it',
    file: 'ledger.ts',
    from: 'if (mine) this.#refute(from)',
    to: 'if (slot === table.self) return',
    killer: 'chaos',
    ids: ['S10'],
  },
  {
    rule: 'tombstones are kept for their time',
    file: 'ledger.ts',
    from: 'nowMs + settings.tombstoneMs',
    to: 'nowMs + settings.tombstoneMs / 4',
    killer: 'chaos',
    ids: ['S8'],
  },
  {
    rule: 'a death is told to the application',
    file: 'ledger.ts',
    from: "this.#context.emit('down', record, from, accuser)",
    to: '',
    killer: 'chaos',
    ids: ['S14'],
  },
  {
    rule: 'a newcomer is told to the application',
    file: 'ledger.ts',
    from: "this.#context.emit('up', record, from)",
    to: '',
    killer: 'chaos',
    ids: ['S14'],
  },
  {
    rule: 'the addresses of the dead are kept for healing',
    file: 'ledger.ts',
    from: 'this.#listener.died(contactOf(before.statement))',
    to: '',
    killer: 'long_partition',
    ids: ['S37'],
  },
  {
    rule: 'a refutation raises the counter',
    file: 'own-life.ts',
    from: 'this.#say({ generation, counter: counter + 1 })',
    to: 'this.#say({ generation, counter })',
    killer: 'chaos',
    ids: ['S10', 'S12'],
  },
  {
    rule: 'a generation is on disk before it is said',
    file: 'own-life.ts',
    from: 'this.#context.sink.persist(generation)',
    to: 'this.#context.sink.persist(generation)\n    this.#say({ generation, counter: 0 })',
    killer: 'chaos',
    ids: ['S36'],
  },
  {
    rule: 'last words say that they are the last',
    file: 'own-life.ts',
    from: "left: this.#phase !== 'up',",
    to: "left: this.#phase === 'left',",
    killer: 'leave',
    ids: ['S11', 'S35'],
  },
  {
    rule: 'new metadata is a new incarnation',
    file: 'own-life.ts',
    from: "this.#meta = meta\n    if (this.#phase === 'up') this.#next()",
    to: "this.#meta = meta\n    if (this.#phase === 'up') this.#say(this.#statement)",
    killer: 'chaos',
    ids: ['S12', 'S14', 'S32', 'S37'],
  },
  {
    rule: 'who has left is silent',
    file: 'core.ts',
    from: "if (message.type !== 'ping') return\n      context.send(from, { type: 'ack', sequence: message.sequence, updates: [] })",
    to: "context.send(from, { type: 'gossip', updates: [] })",
    killer: 'leave',
    ids: ['S11'],
  },
  {
    rule: 'who slept gives others time to refute',
    file: 'core.ts',
    from: 'suspicions.postpone(lateMs, nowMs)',
    to: '',
    killer: 'pause',
    ids: ['S39'],
  },
  {
    rule: 'one probe at a time',
    file: 'prober.ts',
    from: 'Math.max(nowMs, probe.startMs + health.scale(settings.probeIntervalMs))',
    to: 'nowMs + 1',
    killer: 'chaos',
    ids: ['S20'],
  },
  {
    rule: 'silent helpers speak against us, nacks for us',
    file: 'prober.ts',
    from: 'health.apply(asked === 0 ? 1 : asked - nacks)',
    to: 'health.apply(1)',
    killer: 'crash',
    ids: ['S19'],
  },
  {
    rule: 'a stream is tried when datagrams get lost',
    file: 'prober.ts',
    from: 'const asks = settings.streamProbe && record?.statement.id === probe.id',
    to: 'const asks = settings.probeIntervalMs < 0 && record?.statement.id === probe.id',
    killer: 'loss',
    ids: ['S40'],
  },
  {
    rule: 'others are asked before anybody is suspected',
    file: 'prober.ts',
    from: 'if (helper === undefined) break',
    to: 'break',
    killer: 'deaf',
    ids: ['S37'],
  },
  {
    rule: 'a helper says when it gets no answer',
    file: 'relays.ts',
    from: "this.#answer('nack', relay.origin, relay.originSequence)",
    to: '',
    killer: 'crash',
    ids: ['S19'],
  },
  {
    rule: 'the dead leave the probing order',
    file: 'table.ts',
    from: 'if (wasLiving && !lives) this.schedule.remove(slot)',
    to: '',
    killer: 'chaos',
    ids: ['S23'],
  },
  {
    rule: 'a round reaches everybody',
    file: 'schedule.ts',
    from: 'new Permutation(size, this.#next?.key ?? this.#random.next())',
    to: 'new Permutation(Math.max(1, size - 1), this.#next?.key ?? this.#random.next())',
    killer: 'chaos',
    ids: ['S24'],
  },
  {
    rule: 'a ping tells its target that it is suspected',
    file: 'packer.ts',
    from: "(type === 'ack' || settings.buddy)",
    to: "type === 'ack'",
    killer: 'chaos',
    ids: ['S22'],
  },
  {
    rule: 'a datagram has a limit',
    file: 'packer.ts',
    from: 'settings.datagramBytesMax - sizes',
    to: '2 * settings.datagramBytesMax - sizes',
    killer: 'storm',
    ids: ['S27'],
  },
  {
    rule: 'news are sent a limited number of times',
    file: 'packer.ts',
    from: 'const limit = retransmitLimit(settings, table.living)',
    to: 'const limit = 4 * retransmitLimit(settings, table.living)',
    killer: 'chaos',
    ids: ['S27'],
  },
  {
    rule: 'local health has a ceiling',
    file: 'local-health.ts',
    from: 'this.#max - 1',
    to: 'this.#max',
    killer: 'chaos',
    ids: ['S19'],
  },
  {
    rule: 'a suspicion has a shortest time',
    file: 'suspicion.ts',
    from: 'if (confirmed >= confirmations) return shortestMs',
    to: 'if (confirmed >= confirmations) return shortestMs / 2',
    killer: 'chaos',
    ids: ['S15'],
  },
  {
    rule: 'news are gossiped between probes',
    file: 'gossiper.ts',
    from: 'this.#context.send(id, { type: ',
    to: 'void ({ type: ',
    killer: 'spread',
    ids: ['S31'],
  },
  {
    rule: 'an answer brings what differs',
    file: 'exchanges.ts',
    from: 'for (const entry of theirs.values()) this.#ledger.entry(entry, source)',
    to: '',
    killer: 'island',
    ids: ['S34'],
  },
  {
    rule: 'joining is tried again',
    file: 'joiner.ts',
    from: 'this.#nextAtMs = nowMs + this.#pauseMs * (0.5 + streams.join.fraction())',
    to: '',
    killer: 'island',
    ids: ['S34'],
  },
]
