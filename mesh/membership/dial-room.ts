/**
 * How many of a node's dials the member exchange may use at once. Addresses of strangers come from
 * neighbours, and a dial to an address where nobody is takes its whole deadline: without shares one
 * neighbour's list of inventions would hold every dial of the node for minutes (H37), and
 * `mesh.connect` and the seeds would wait behind it.
 */

/** Dials under way, and whether one more may begin. */
export class DialRoom {
  readonly #perTellerMax: number
  readonly #byTeller = new Map<string, number>()
  #left: number
  #strangersLeft: number

  /** Of `dialsMax`: three quarters in all, half for strangers, a quarter for those of one teller. */
  constructor(dialsMax: number) {
    this.#left = Math.max(1, Math.floor((dialsMax * 3) / 4))
    this.#strangersLeft = Math.max(1, Math.floor(dialsMax / 2))
    this.#perTellerMax = Math.max(1, Math.floor(dialsMax / 4))
  }

  /** May one more begin, of a stranger that `teller` told about, or of a member? */
  has(teller: string | undefined): boolean {
    if (this.#left <= 0) return false
    if (teller === undefined) return true
    return this.#strangersLeft > 0 && (this.#byTeller.get(teller) ?? 0) < this.#perTellerMax
  }

  /** One is under way. */
  take(teller: string | undefined): void {
    this.#left -= 1
    if (teller === undefined) return
    this.#strangersLeft -= 1
    this.#byTeller.set(teller, (this.#byTeller.get(teller) ?? 0) + 1)
  }
}
