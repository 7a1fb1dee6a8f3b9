/**
 * The account of what whole nodes have said to each other: every message, call, monitor and link is entered when it
 * is made and when something comes of it, and in the end nothing may have come twice, to the wrong life of a node,
 * out of order, or not at all where it must. Lives are numbered: a node that starts again is another one.
 */

/** A numbered message. */
export interface Numbered {
  readonly from: number
  readonly to: number
  readonly n: number
}

/** A call that enters its number where it is handled. */
export interface CallRecord {
  readonly id: number
  readonly by: number
  /** The life that it is for. */
  readonly to: number
  readonly atMs: number
  answers: number
  replies: number
}

/** A monitor, or one end of a link. */
export interface WatchRecord {
  readonly what: string
  readonly by: number
  readonly of: number
  fired: number
  /** When it fired last. */
  firedMs: number
  /** What is watched was killed. */
  isDead: boolean
}

/** A link from a process of one life to one of another. */
export interface LinkRecord {
  readonly atMs: number
  readonly near: WatchRecord
  readonly far: WatchRecord
}

/** What was lost of what was said from some moment on. */
export interface Losses {
  readonly unexplained: number
  /** In sessions that had lost something before that moment already, until they ended. */
  readonly doomed: number
}

/** See the head of this file. */
export class DistAccount {
  sent = 0
  received = 0
  open = 0
  readonly #now: () => number
  /** When each message was said, by pair; they are numbered from 1. */
  readonly #said = new Map<string, number[]>()
  readonly #seen = new Map<string, number[]>()
  readonly #calls: CallRecord[] = []
  /** By number of a call: the lives that have handled it. */
  readonly #applied = new Map<number, number[]>()
  readonly #watches: WatchRecord[] = []
  readonly #links: LinkRecord[] = []
  readonly #faults: string[] = []

  constructor(now: () => number) {
    this.#now = now
  }

  /** The next message from one life to another. */
  message(from: number, to: number): Numbered {
    const pair = `${from} to ${to}`
    const said = this.#said.get(pair) ?? []
    this.#said.set(pair, said)
    said.push(this.#now())
    this.sent += 1
    return { from, to, n: said.length }
  }

  /** A message has come to `life`. */
  heard(life: number, { from, to, n }: Numbered): void {
    if (to !== life) this.#faults.push(`a message for life ${to} came to life ${life}`)
    const pair = `${from} to ${to}`
    const seen = this.#seen.get(pair)
    if (seen === undefined) this.#seen.set(pair, [n])
    else seen.push(n)
    this.received += 1
  }

  call(by: number, to: number): CallRecord {
    const call = { id: this.#calls.length, by, to, atMs: this.#now(), answers: 0, replies: 0 }
    this.#calls.push(call)
    this.open += 1
    return call
  }

  answered(call: CallRecord, isReply: boolean): void {
    call.answers += 1
    if (isReply) call.replies += 1
    if (call.answers === 1) this.open -= 1
  }

  /** A call is handled at `life`. */
  applied(life: number, id: number): void {
    const lives = this.#applied.get(id)
    if (lives === undefined) this.#applied.set(id, [life])
    else lives.push(life)
  }

  monitor(by: number, of: number): WatchRecord {
    const watch = watchOf('monitor', by, of)
    this.#watches.push(watch)
    return watch
  }

  link(by: number, of: number): LinkRecord {
    const [near, far] = [watchOf('link', by, of), watchOf('link', of, by)]
    const link = { atMs: this.#now(), near, far }
    this.#links.push(link)
    return link
  }

  /**
   * What was said between those lives from `fromMs` on and never came. A session that loses something ends within `timeoutMs`
   * with all that was said in it, so what went into it in this time is lost with what was lost before.
   */
  losses(lives: readonly number[], fromMs: number, timeoutMs: number): Losses {
    let [unexplained, doomed] = [0, 0]
    for (const from of lives) {
      for (const to of lives) {
        const missing = this.#missing(from, to).filter((atMs) => atMs >= fromMs)
        if (missing.length === 0) continue
        const isDoomed = this.#lostSomething(from, to, fromMs - timeoutMs, fromMs)
        const explained = isDoomed ? missing.filter((atMs) => atMs < fromMs + timeoutMs).length : 0
        doomed += explained
        unexplained += missing.length - explained
      }
    }
    return { unexplained, doomed }
  }

  /** When those messages were said that never came. */
  #missing(from: number, to: number): readonly number[] {
    const pair = `${from} to ${to}`
    const seen = new Set(this.#seen.get(pair))
    return (this.#said.get(pair) ?? []).filter((_, index) => !seen.has(index + 1))
  }

  /**
   * Whether a message, a call or a link of two lives to each other from that time never arrived; of other signals it cannot
   * be seen. A link has not if only its near side hears, later, that the connection is gone: the far one knew of no link.
   */
  #lostSomething(a: number, b: number, fromMs: number, untilMs: number): boolean {
    const isThen = (atMs: number): boolean => atMs >= fromMs && atMs < untilMs
    const isOfBoth = (x: number, y: number): boolean => (x === a && y === b) || (x === b && y === a)
    const isLost = ({ id, by, to, atMs }: CallRecord): boolean =>
      isOfBoth(by, to) && isThen(atMs) && !this.#applied.has(id)
    const isLinkLost = ({ near, far, atMs }: LinkRecord): boolean =>
      isOfBoth(near.by, near.of) &&
      isThen(atMs) &&
      near.firedMs >= untilMs &&
      far.fired === 0 &&
      !near.isDead &&
      !far.isDead
    const isMessageLost = [...this.#missing(a, b), ...this.#missing(b, a)].some(isThen)
    return isMessageLost || this.#calls.some(isLost) || this.#links.some(isLinkLost)
  }

  /** What is wrong when everything has had its time; `isDead` says which lives were killed. */
  faults(isDead: (life: number) => boolean): string[] {
    const faults = [...this.#faults]
    if (this.open !== 0) faults.push(`${this.open} calls wait for ever`)
    for (const [pair, numbers] of this.#seen) {
      const isInOrder = numbers.every((n, i) => i === 0 || n > numbers[i - 1]!)
      if (!isInOrder) faults.push(`${pair}: ${numbers.join(' ')}`)
    }
    for (const call of this.#calls) faults.push(...this.#ofCall(call))
    for (const watch of this.#watches) faults.push(...ofWatch(watch, isDead))
    for (const { near, far } of this.#links) {
      // Who was killed itself hears nothing more.
      faults.push(...(far.isDead ? atMostOnce(near) : ofWatch(near, isDead)), ...atMostOnce(far))
      // Who has heard that the connection is gone is not alone with it.
      const isAlone = far.fired > near.fired && !near.isDead && !far.isDead && !isDead(near.by)
      if (isAlone) faults.push(`link ${near.by} to ${near.of} ended at one side only`)
    }
    return faults
  }

  #ofCall({ id, to, answers, replies }: CallRecord): string[] {
    const lives = this.#applied.get(id) ?? []
    const faults: string[] = []
    if (answers > 1) faults.push(`call ${id} was answered ${answers} times`)
    if (lives.length > 1) faults.push(`call ${id} was handled ${lives.length} times`)
    if (replies > lives.length) faults.push(`call ${id} was answered and not handled`)
    if (lives.some((life) => life !== to)) faults.push(`call ${id} for ${to} came to ${lives[0]}`)
    return faults
  }
}

function watchOf(what: string, by: number, of: number): WatchRecord {
  return { what, by, of, fired: 0, firedMs: 0, isDead: false }
}

function atMostOnce({ what, by, of, fired }: WatchRecord): string[] {
  return fired > 1 ? [`${what} ${by} of ${of} fired ${fired} times`] : []
}

/** Who watches something that has ended hears of it, once. */
function ofWatch(watch: WatchRecord, isDead: (life: number) => boolean): string[] {
  const { what, by, of, fired } = watch
  const isOver = watch.isDead || isDead(of)
  if (isOver && fired === 0 && !isDead(by)) return [`${what} ${by} of ${of} never fired`]
  return atMostOnce(watch)
}
