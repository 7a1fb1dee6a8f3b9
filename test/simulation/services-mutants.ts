/**
 * The services with one rule taken out, each named, with the properties that must notice within some seeds. A mutant is one
 * replacement in one file; a text that is no longer there fails the test, so that the list follows the code.
 */

/** One rule less. */
export interface ServicesMutant {
  readonly rule: string
  /** From the root of the repository. */
  readonly file: string
  readonly from: string
  readonly to: string
  /** Seeds of which one shows it. */
  readonly seeds: readonly number[]
  /** It takes a wide world, with groups, last values and calls to all. */
  readonly isWide?: true
  /** Ids of the properties that notice. */
  readonly ids: readonly string[]
}

/** Every mutant. */
export const SERVICES_MUTANTS: readonly ServicesMutant[] = [
  {
    rule: 'what was received before is not delivered again',
    file: 'mesh/pubsub/receive-session.ts',
    from: "if (number < this.#next) return 'duplicate'",
    to: "if (number < -1) return 'duplicate'",
    seeds: [0, 1, 2, 3, 4, 5, 6, 7],
    ids: ['PS6', 'ML33'],
  },
  {
    rule: 'a call that may have run is not repeated without leave',
    file: 'mesh/rpc/retry.ts',
    from: "case 'slow':\n      return isIdempotent ? 'later' : 'never'",
    to: "case 'slow':\n      return 'later'",
    isWide: true,
    seeds: [6, 0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    ids: ['R7'],
  },
  {
    rule: 'a search that nobody answered says nothing',
    file: 'mesh/pubsub/waiting.ts',
    from: 'if (isUnanswered && ',
    to: 'if (isUnanswered && false && ',
    seeds: [83],
    ids: ['PS6'],
  },
  {
    rule: 'a search that ended with its process says nothing',
    file: 'mesh/pubsub/waiting.ts',
    from: 'routes.isFirst(topic) ||',
    to: '(routes.isFirst(topic) && (routes.sought(topic), true)) ||',
    isWide: true,
    seeds: [16],
    ids: ['PS6'],
  },
  {
    rule: 'a last value does not pass those that were published before it',
    file: 'mesh/pubsub/hub.ts',
    from: 'if (this.publisher.isToCome(topic, sequence)) continue',
    to: '',
    isWide: true,
    seeds: [6, 16, 17, 20, 21],
    ids: ['ML33', 'PS6'],
  },
  {
    rule: 'who watches and was only out of reach is told again',
    file: 'mesh/presence/owner.ts',
    from: 'if ([...watchersOf(own.topic)].includes(node)) {',
    to: 'if (false) {',
    isWide: true,
    seeds: [971],
    ids: ['PS14'],
  },
  {
    rule: 'messages that come back ask for the key again',
    file: 'mesh/courier/relay-way.ts',
    from: 'if (line.returned.length > 0 || waiting.has(node)) this',
    to: 'if (waiting.has(node)) this',
    isWide: true,
    seeds: [67],
    ids: ['PS14', 'MG10'],
  },
  {
    rule: 'a gateway answers its peers again when something has changed',
    file: 'mesh/catalog/standing.ts',
    from: 'if (before === 0 && changed.size > 0) book.dueMs = nowMs + book.delayMs',
    to: '',
    isWide: true,
    seeds: [0, 1],
    ids: ['PS13'],
  },
  {
    rule: 'topics of a peer that moved are told of by who it left, too',
    file: 'mesh/catalog/remote.ts',
    from: "if (kind === 'topic') return\n    const here",
    to: 'const here',
    isWide: true,
    seeds: [4171],
    ids: ['PS6'],
  },
  {
    rule: 'a stream that is over gives its place back',
    file: 'mesh/rpc/streams/places.ts',
    from: 'this.#size -= 1',
    to: '',
    seeds: [0, 1, 2, 3],
    ids: ['ML6'],
  },
  {
    rule: 'what a member of the own node has got of a group goes to no other',
    file: 'mesh/pubsub/publisher.ts',
    from: '      return undefined\n    }\n    drawn -= here',
    to: '    }\n    drawn -= here',
    isWide: true,
    seeds: [0, 1],
    ids: ['PS9'],
  },
  {
    rule: 'a message for a group goes to the node that was drawn',
    file: 'mesh/pubsub/publisher.ts',
    from: 'if (drawn < site.members) return site',
    to: 'if (drawn < site.members) return undefined',
    isWide: true,
    seeds: [0, 1],
    ids: ['PS9'],
  },
  {
    rule: 'a last value that is known is not given again',
    file: 'mesh/pubsub/receiver.ts',
    from: 'if (other !== undefined && !(isBelieved && isNewer(value, other))) return',
    to: '',
    isWide: true,
    seeds: [0, 1, 2, 3],
    ids: ['PS6', 'PS13', 'ML33'],
  },
  {
    rule: 'a last value that was deleted is over',
    file: 'mesh/pubsub/pubsub-functions.ts',
    from: 'memory.own.delete(topic)',
    to: '',
    isWide: true,
    seeds: [0, 1],
    ids: ['PS13', 'PS6', 'ML6', 'ML33'],
  },
  {
    rule: 'a call to all asks each provider',
    file: 'mesh/rpc/rpc-functions.ts',
    from: 'const asked = { ...options, node, attempts',
    to: 'const asked = { ...options, attempts',
    isWide: true,
    seeds: [0, 1],
    ids: ['R7', 'R20', 'R1'],
  },
  {
    rule: 'calls go to all providers in turn',
    file: 'mesh/rpc/selector.ts',
    from: 'return context.turn % candidates.length',
    to: 'return 0',
    isWide: true,
    seeds: [0, 1],
    ids: ['R14'],
  },
]
