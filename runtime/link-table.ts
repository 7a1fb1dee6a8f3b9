/**
 * Making and removing links. Both halves of a local link change in the same call, so a link exists or it
 * does not; there is no half-made link to reason about (L-13).
 */
import { ArgumentError, LimitError, NoProcessError } from './errors.ts'
import { addLocalLink, hasLocalLink, linkCount, removeLocalLink } from './links.ts'
import { isPid, pidEquals } from './pid.ts'
import type { SystemCore } from './core.ts'
import type { Pid } from './pid.ts'
import type { ProcessCell } from './process.ts'

/** The link operations of one system. */
export class LinkTable {
  readonly #core: SystemCore

  constructor(core: SystemCore) {
    this.#core = core
  }

  /** Links a local process with any other; L-09 to L-11, X-05, X-17. */
  link(a: Pid, b: Pid): void {
    checkPid('a', a)
    checkPid('b', b)
    const cell = this.#core.live(a)
    if (cell === undefined) throw new NoProcessError(a, 'link')
    if (pidEquals(a, b)) return
    const peer = this.#core.live(b)
    if (peer !== undefined) {
      if (hasLocalLink(cell, peer)) return
      this.checkRoom(cell)
      this.checkRoom(peer)
      join(cell, peer)
    } else if (this.#core.foreign(b) !== undefined) {
      this.checkRoom(cell)
      this.#core.remote.linkOut(cell, b)
    } else if (cell.trapExit) this.#core.deaths.signal(cell, b, 'noproc', true)
    else throw new NoProcessError(b, 'link')
  }

  unlink(a: Pid, b: Pid): void {
    checkPid('a', a)
    checkPid('b', b)
    const cell = this.#core.live(a)
    if (cell === undefined) return
    const peer = this.#core.live(b)
    if (peer !== undefined) {
      removeLocalLink(cell, peer)
      removeLocalLink(peer, cell)
    } else if (this.#core.foreign(b) !== undefined) this.#core.remote.unlinkOut(cell, b)
  }

  /**
   * Atomic with the start; our half only if the parent lives elsewhere: its node adds the other, so without
   * a way there the link is broken from the first moment.
   */
  linkNew(cell: ProcessCell, parent: Pid): void {
    const { deaths, gate, remote } = this.#core
    const other = this.#core.live(parent)
    if (other !== undefined) join(cell, other)
    else if (this.#core.foreign(parent) === undefined) deaths.signal(cell, parent, 'noproc', true)
    else if (gate === undefined) deaths.signal(cell, parent, 'noconnection', true)
    else remote.addLink(cell, parent)
  }

  /** Refuses a link beyond the limit of `cell`. */
  checkRoom(cell: ProcessCell): void {
    const max = this.#core.options.linksPerProcessMax
    if (linkCount(cell) >= max) throw new LimitError('ERR_LINKS_MAX', 'linksPerProcessMax', max)
  }
}

function join(a: ProcessCell, b: ProcessCell): void {
  addLocalLink(a, b)
  addLocalLink(b, a)
}

function checkPid(argument: string, pid: Pid): void {
  if (!isPid(pid)) throw new ArgumentError(argument, 'a pid', pid)
}
