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
    rule: 'an opening that may have arrived is not tried elsewhere',
    file: 'mesh/rpc/streams/track.ts',
    from: 'if (!mayHaveArrived) return',
    to: 'return',
    seeds: [41],
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
    rule: 'what is published waits for who was lost together with the way',
    file: 'mesh/pubsub/waiting.ts',
    from: "isUnknown || catalog.isDoubtful('topic', topic)",
    to: 'isUnknown',
    seeds: [308],
    ids: ['PS6'],
  },
  {
    rule: 'a gateway answers its peers again when something has changed',
    file: 'mesh/catalog/standing.ts',
    from: 'if (this.#peers.has(id)) this.#changed.add(id)',
    to: '',
    seeds: [13],
    ids: ['PS14'],
  },
  {
    rule: 'a stream that is over gives its place back',
    file: 'mesh/rpc/streams/driver.ts',
    from: 'this.#slots -= 1',
    to: '',
    seeds: [0, 1, 2, 3],
    ids: ['ML6'],
  },
]
