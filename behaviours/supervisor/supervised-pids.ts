/**
 * A map from pids, for children: local pids by their number, which allocates nothing, others by their key.
 * Equal pids mean the same entry, also if one of them came over the wire. Iterates in order of insertion.
 */
import { pidKey, type Pid } from '../../runtime/index.ts'

/** See the header. */
export class PidMap<T> {
  readonly #entries = new Map<number | string, T>()
  readonly #node: string
  readonly #incarnation: number

  /** `home` is any pid of the system whose pids are the cheap ones. */
  constructor(home: Pid) {
    this.#node = home.node
    this.#incarnation = home.incarnation
  }

  get size(): number {
    return this.#entries.size
  }
  get(pid: Pid): T | undefined {
    return this.#entries.get(this.#key(pid))
  }
  has(pid: Pid): boolean {
    return this.#entries.has(this.#key(pid))
  }
  set(pid: Pid, value: T): void {
    this.#entries.set(this.#key(pid), value)
  }
  delete(pid: Pid): boolean {
    return this.#entries.delete(this.#key(pid))
  }
  clear(): void {
    this.#entries.clear()
  }
  values(): IterableIterator<T> {
    return this.#entries.values()
  }

  #key(pid: Pid): number | string {
    return pid.node === this.#node && pid.incarnation === this.#incarnation ? pid.id : pidKey(pid)
  }
}
