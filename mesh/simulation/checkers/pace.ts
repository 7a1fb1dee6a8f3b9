/** Checkers of time and amounts inside a core: S19, S20, S28, S45. */
import type { SwimDatagram } from '../../membership/swim/message.ts'
import type { SwimSettings } from '../../membership/swim/settings.ts'
import { demand, type Checker, type SwimNode, type SwimNodeInput } from './checker.ts'

/** S19: local health stays within its range. */
export class HealthRange implements Checker {
  readonly id = 'S19'
  readonly #max: number

  constructor(settings: SwimSettings) {
    this.#max = settings.localHealthMax
  }

  stepped(node: SwimNode): void {
    const { localHealth } = node.core!.stats()
    const holds = Number.isInteger(localHealth) && localHealth >= 0 && localHealth < this.#max
    demand(holds, this.id, node, () => `local health is ${localHealth}`)
  }
}

/**
 * S20: the next probe begins a whole period after the last, at the earliest; but for a node that did
 * nothing for so long that it must have slept, and gave up the probe that was under way.
 */
export class OneProbe implements Checker {
  readonly id = 'S20'
  readonly #intervalMs: number
  readonly #clockOf: (node: SwimNode) => number
  readonly #last = new Map<string, number>()
  readonly #stepMs = new Map<string, number>()
  readonly #wokeMs = new Map<string, number>()
  #relaying = false

  constructor(settings: SwimSettings, clockOf: (node: SwimNode) => number) {
    this.#intervalMs = settings.probeIntervalMs
    this.#clockOf = clockOf
  }

  stepping(node: SwimNode, input: SwimNodeInput): void {
    this.#relaying = input.type === 'datagram' && input.message.type === 'ping_req'
    const key = `${node.index} ${node.life}`
    const nowMs = this.#clockOf(node)
    const sleptMs = nowMs - (this.#stepMs.get(key) ?? nowMs)
    if (sleptMs > this.#intervalMs) this.#wokeMs.set(key, nowMs)
    this.#stepMs.set(key, nowMs)
  }
  sent(node: SwimNode, to: string, message: SwimDatagram): void {
    if (message.type !== 'ping' || this.#relaying) return
    const key = `${node.index} ${node.life}`
    const nowMs = this.#clockOf(node)
    const lastMs = this.#last.get(key) ?? -Infinity
    this.#last.set(key, nowMs)
    if ((this.#wokeMs.get(key) ?? -Infinity) >= lastMs) return
    const gapMs = nowMs - lastMs
    const text = (): string => `it probes ${to} only ${gapMs} ms after its last probe`
    demand(gapMs >= this.#intervalMs, this.id, node, text)
  }
}

/** S28: news wait at most once per member, and none is left when nothing happens. */
export class QuietQueue implements Checker {
  readonly id = 'S28'

  stepped(node: SwimNode): void {
    const { updatesQueued, members } = node.core!.stats()
    const known = members.alive + members.suspect + members.dead + members.left
    const text = (): string => `${updatesQueued} news wait, ${known} members are known`
    demand(updatesQueued <= known, this.id, node, text)
  }
  calm(nodes: readonly SwimNode[]): void {
    for (const node of nodes) {
      const { updatesQueued } = node.core!.stats()
      demand(updatesQueued === 0, this.id, node, () => `${updatesQueued} news wait in the calm`)
    }
  }
}

/** How many ticks one instant may take: one per thing that can be due. */
const TICKS_MAX = 8

/** S45: ticks do what is due, so that no core wants them without end. */
export class DeadlineMoves implements Checker {
  readonly id = 'S45'
  readonly #clockOf: (node: SwimNode) => number
  readonly #ticks = new Map<string, { atMs: number; count: number }>()

  constructor(clockOf: (node: SwimNode) => number) {
    this.#clockOf = clockOf
  }

  stepped(node: SwimNode, input: SwimNodeInput): void {
    if (input.type !== 'tick') return
    const nowMs = this.#clockOf(node)
    const key = `${node.index} ${node.life}`
    const last = this.#ticks.get(key)
    const count = last?.atMs === nowMs ? last.count + 1 : 1
    this.#ticks.set(key, { atMs: nowMs, count })
    const nextMs = node.core!.nextDeadline()
    const text = (): string => `after ${count} ticks at ${nowMs} it wants one at ${nextMs}`
    demand(nextMs > nowMs || count < TICKS_MAX, this.id, node, text)
  }
}
