/**
 * One life of one participant, member or peer at the edge: what it stands for between its start and its crash, and what it
 * wants, offers and says of itself, so that all of it can be ended and compared.
 */
import type {
  Advertisement,
  Mesh,
  Peer,
  PresenceWatch,
  Subscription,
  TrackedPresence,
} from '../../mesh/index.ts'
import type { Subscriber } from './services-topics.ts'

/** What those who use services have in common. */
export type Participant = Mesh | Peer

/** See the file header. */
export class Life {
  /** Place of the participant in the world; the same in all of its lives. */
  readonly seat: number
  /** Of all lives in the world. */
  readonly number: number
  readonly isMember: boolean
  readonly node: Participant
  readonly subscriptions: Set<{
    readonly handle: Subscription
    readonly subscriber: Subscriber
    end(): void
  }> = new Set()
  readonly advertisements: Map<string, Advertisement> = new Map()
  readonly tracked: Map<string, TrackedPresence> = new Map()
  readonly watches: PresenceWatch[] = []
  /** Numbers of subscriptions elsewhere of which this one certainly knows. */
  readonly certain: Set<number> = new Set()
  /** Of a peer: since when it has no gateway; undefined while it has one. */
  awayFromMs: number | undefined
  /** Its program does nothing now. */
  isPaused = false
  isOver = false
  overMs: number | undefined

  constructor(seat: number, number: number, node: Participant) {
    this.seat = seat
    this.number = number
    this.node = node
    this.isMember = 'membership' in node
  }

  get key(): string {
    return this.node.key.hex
  }

  /** For messages. */
  get name(): string {
    return `${this.isMember ? 'n' : 'edge '}${this.seat + 1}.${this.number}`
  }
}
