/** Checkers of what goes out: S7, S11, S13, S22, S23 with S24, S27, and S36's order of disk and word. */
import type { SwimDatagram, SwimReply, SwimRequest, Update } from '../../membership/swim/message.ts'
import { retransmitLimit, type SwimSettings } from '../../membership/swim/settings.ts'
import {
  COUNTER_CEILING,
  type Incarnation,
  type Statement,
} from '../../membership/swim/statement.ts'
import { datagramBytes } from '../swim-boundary.ts'
import {
  compare,
  demand,
  show,
  type Checker,
  type Mutation,
  type SwimNode,
  type SwimNodeInput,
} from './checker.ts'
import type { RecordWatch } from './record-watch.ts'

/** Every incarnation that a message speaks of; `own` statements are the sender's about itself. */
function spokenOf(
  message: SwimDatagram | SwimRequest | SwimReply,
): (Incarnation & { id: string })[] {
  if ('updates' in message) return message.updates.map(subjectOf)
  const found: Statement[] = 'self' in message ? [message.self] : []
  return 'entries' in message
    ? [...found, ...message.entries.map(({ statement }) => statement)]
    : found
}

function subjectOf(update: Update): Incarnation & { id: string } {
  return update.type === 'statement' ? update.statement : update
}

/** S7: nobody but its owner raises an incarnation, in tables and in packets. */
export class OnlyOwnerRaises implements Checker {
  readonly id = 'S7'
  readonly #issued = new Map<string, Incarnation>()

  started(node: SwimNode): void {
    this.#issue(node)
  }
  stepped(node: SwimNode): void {
    this.#issue(node)
  }
  mutation({ node, subject, after }: Mutation): void {
    if (after === undefined) return
    if (subject === node.id) this.#issue(node)
    this.#check(node, { ...after, id: subject })
  }
  sent(node: SwimNode, _to: string, message: SwimDatagram): void {
    this.streamed(node, message)
  }
  streamed(node: SwimNode, message: SwimDatagram | SwimRequest | SwimReply): void {
    for (const spoken of spokenOf(message)) this.#check(node, spoken)
  }

  #issue(node: SwimNode): void {
    const own = node.core!.self()
    const issued = this.#issued.get(node.id)
    if (issued === undefined || compare(own, issued) > 0) this.#issued.set(node.id, own)
  }

  #check(node: SwimNode, spoken: Incarnation & { id: string }): void {
    if (spoken.id === node.id) this.#issue(node)
    const issued = this.#issued.get(spoken.id) ?? { generation: 0, counter: 0 }
    const text = (): string =>
      `it speaks of ${spoken.id}@${show(spoken)}, issued is ${show(issued)}`
    demand(compare(spoken, issued) <= 0, this.id, node, text)
  }
}

/** S11: who leaves does not take it back, and who has left says nothing but acks. */
export class LeavingStays implements Checker {
  readonly id = 'S11'
  readonly #said = new Set<string>()
  readonly #done = new Set<string>()

  started(node: SwimNode): void {
    this.#said.delete(node.id)
    this.#done.delete(node.id)
  }
  stepped(node: SwimNode, input: SwimNodeInput): void {
    if (input.type === 'leave') this.#said.add(node.id)
  }
  left(node: SwimNode): void {
    this.#done.add(node.id)
  }
  sent(node: SwimNode, _to: string, message: SwimDatagram): void {
    if (this.#done.has(node.id)) {
      const isFinal = message.type === 'ack' || message.type === 'nack'
      demand(isFinal, this.id, node, () => `it has left and sends '${message.type}'`)
    }
    if (!this.#said.has(node.id)) return
    for (const update of message.updates) {
      if (update.type !== 'statement' || update.statement.id !== node.id) continue
      demand(update.statement.left, this.id, node, () => 'it leaves and says that it is alive')
    }
  }
}

/** S13: counters stay below the ceiling. */
export class CounterCeiling implements Checker {
  readonly id = 'S13'

  mutation({ node, subject, after }: Mutation): void {
    if (after === undefined) return
    const text = (): string => `${subject} is at ${show(after)}`
    demand(after.counter < COUNTER_CEILING, this.id, node, text)
  }
  sent(node: SwimNode, _to: string, { updates }: SwimDatagram): void {
    for (const { counter } of updates.map(subjectOf)) {
      demand(counter < COUNTER_CEILING, this.id, node, () => `it speaks of counter ${counter}`)
    }
  }
}

/** S22: a ping to a member held suspect carries the suspicion. */
export class Buddy implements Checker {
  readonly id = 'S22'
  readonly #watch: RecordWatch

  constructor(watch: RecordWatch) {
    this.#watch = watch
  }

  sent(node: SwimNode, to: string, message: SwimDatagram): void {
    if (message.type !== 'ping' || this.#watch.of(node, to)?.status !== 'suspect') return
    const told = message.updates.some(
      ({ type, ...rest }) => type === 'suspect' && 'id' in rest && rest.id === to,
    )
    demand(told, this.id, node, () => `${to} is held suspect and not told so`)
  }
}

/**
 * S23 and S24: probes go to living members only, and reach each within 2N - 1 probes. Who slept probes its
 * suspects out of turn, so the count begins anew.
 */
export class FairProbes implements Checker {
  readonly id = 'S23'
  readonly #watch: RecordWatch
  readonly #nodes: number
  readonly #intervalMs: number
  readonly #clockOf: (node: SwimNode) => number
  readonly #stepMs: number[] = []
  readonly #probes: { count: number; last: Map<string, number> }[] = []
  #relaying = false

  constructor(
    watch: RecordWatch,
    nodes: number,
    { intervalMs, clockOf }: { intervalMs: number; clockOf: (node: SwimNode) => number },
  ) {
    this.#watch = watch
    this.#nodes = nodes
    this.#intervalMs = intervalMs
    this.#clockOf = clockOf
  }

  started(node: SwimNode): void {
    this.#probes[node.index] = { count: 0, last: new Map() }
  }
  stepping(node: SwimNode, input: SwimNodeInput): void {
    const nowMs = this.#clockOf(node)
    if (nowMs - (this.#stepMs[node.index] ?? nowMs) > this.#intervalMs) {
      const { count, last } = this.#probes[node.index]!
      for (const id of last.keys()) last.set(id, count)
    }
    this.#stepMs[node.index] = nowMs
    this.#relaying = input.type === 'datagram' && input.message.type === 'ping_req'
  }
  mutation({ node, subject, before, after }: Mutation): void {
    const { count, last } = this.#probes[node.index]!
    const lives = after?.status === 'alive' || after?.status === 'suspect'
    const lived = before?.status === 'alive' || before?.status === 'suspect'
    if (lives && !lived) last.set(subject, count)
    else if (!lives) last.delete(subject)
  }
  sent(node: SwimNode, to: string, message: SwimDatagram): void {
    if (message.type !== 'ping' || this.#relaying) return
    const probes = this.#probes[node.index]!
    const held = this.#watch.of(node, to)?.status
    demand(held === 'alive' || held === 'suspect', this.id, node, () => `it probes ${to}, ${held}`)
    probes.count++
    probes.last.set(to, probes.count)
    for (const [id, at] of probes.last) {
      if (id === node.id) continue
      const gap = probes.count - at
      demand(
        gap <= 2 * this.#nodes - 1,
        'S24',
        node,
        () => `${id} was not probed for ${gap} probes`,
      )
    }
  }
}

/** S27: datagrams stay below their limit, and news are sent a limited number of times. */
export class SendLimits implements Checker {
  readonly id = 'S27'
  readonly #settings: SwimSettings
  readonly #nodes: number
  readonly #sent = new Map<string, number>()

  constructor(settings: SwimSettings, nodes: number) {
    this.#settings = settings
    this.#nodes = nodes
  }

  /** A death after a life, or after the last one was forgotten, is news again. */
  mutation({ node, subject, before, after }: Mutation): void {
    if (after?.status !== 'dead' || before?.status === 'dead') return
    this.#sent.delete(`${node.index} ${node.life} ${subject}@${show(after)}`)
  }
  sent(node: SwimNode, _to: string, message: SwimDatagram): void {
    const bytes = datagramBytes(message)
    const { datagramBytesMax } = this.#settings
    demand(bytes <= datagramBytesMax, this.id, node, () => `${message.type} has ${bytes} bytes`)
    if (message.type !== 'gossip') return
    const limit = retransmitLimit(this.#settings, this.#nodes)
    for (const update of message.updates) {
      if (update.type !== 'dead') continue
      const key = `${node.index} ${node.life} ${update.id}@${show(update)}`
      const count = (this.#sent.get(key) ?? 0) + 1
      this.#sent.set(key, count)
      demand(
        count <= limit,
        this.id,
        node,
        () => `the death of ${update.id} was sent ${count} times`,
      )
    }
  }
}

/** S36: nothing is said with a generation that is not on disk. */
export class PersistedFirst implements Checker {
  readonly id = 'S36'

  sent(node: SwimNode, _to: string, message: SwimDatagram): void {
    this.streamed(node, message)
  }
  streamed(node: SwimNode, message: SwimDatagram | SwimRequest | SwimReply): void {
    for (const { id, generation } of spokenOf(message)) {
      const holds = id !== node.id || generation <= node.diskGeneration
      demand(holds, this.id, node, () => `it speaks as generation ${generation}, not on disk`)
    }
  }
}
