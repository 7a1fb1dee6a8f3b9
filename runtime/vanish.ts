/** The end of a system without a last word, for simulations. */
import { Call } from './call.ts'
import { ProcessPid } from './pid.ts'
import { BUSY, DEAD } from './process-flags.ts'
import type { SystemCore } from './core.ts'
import type { System } from './system.ts'

/**
 * Ends a system as a machine that loses power: its processes are gone, none of their code runs any more, not
 * even `terminate`, and nobody is told. Only calls that came from outside fail, with `noconnection`.
 */
export function vanish(system: System): void {
  const core = system as SystemCore
  core.seal()
  const outside = (call: Call): boolean =>
    call.from === undefined || ProcessPid.cellOf(call.from)?.core !== core
  const cells = [...core.cells()]
  for (const cell of cells) {
    cell.flags = (cell.flags | DEAD) & ~BUSY
    for (let call = cell.calls; call !== undefined;) {
      const next: Call | undefined = call.pendingNext
      if (outside(call)) call.failExit('noconnection')
      call = next
    }
  }
  core.timers.close((entry) => {
    if (entry instanceof Call && outside(entry)) entry.failExit('noconnection')
  })
  for (const cell of cells) {
    core.forgetProcess(cell)
    ProcessPid.attach(cell.pid, undefined)
  }
  core.closed()
}
