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

/** S20: the next probe begins a whole period after the last, at the earliest. */
export class OneProbe implements Checker {
  readonly id = 'S20'
  readonly #intervalMs: number
  readonly #clockOf: (node: SwimNode) => number
  readonly #last = new Map<string, number>()
  #relaying = false

  constructor(settings: SwimSettings, clockOf: (node: SwimNode) => number) {
    this.#intervalMs = settings.probeIntervalMs
    this.#clockOf = clockOf
  }

  stepping(_node: SwimNode, input: SwimNodeInput): void {
    this.#relaying = input.type === 'datagram' && input.message.type === 'ping_req'
  }
  sent(node: SwimNode, to: string, message: SwimDatagram): void {
    if (message.type !== 'ping' || this.#relaying) return
    const key = `${node.index} ${node.life}`
    const nowMs = this.#clockOf(node)
    const gapMs = nowMs - (this.#last.get(key) ?? -Infinity)
    this.#last.set(key, nowMs)
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

/** S45: a tick does everything that is due. */
export class DeadlineMoves implements Checker {
  readonly id = 'S45'
  readonly #clockOf: (node: SwimNode) => number

  constructor(clockOf: (node: SwimNode) => number) {
    this.#clockOf = clockOf
  }

  stepped(node: SwimNode, input: SwimNodeInput): void {
    if (input.type !== 'tick') return
    const nextMs = node.core!.nextDeadline()
    const nowMs = this.#clockOf(node)
    demand(nextMs > nowMs, this.id, node, () => `at ${nowMs} it still wants a tick at ${nextMs}`)
  }
}
