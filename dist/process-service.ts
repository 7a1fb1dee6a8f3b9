/** What a node answers about its processes to others that may call them: whether one is alive. */
import { isPid, type System } from '../runtime/index.ts'
import { DistRefusedError } from './errors.ts'
import { NAME_CHARS_MAX } from './control.ts'
import type { PeerService } from './peer-services.ts'
import type { Spawner } from './spawner.ts'

/** Name of the service. */
export const PROCESS_SERVICE = '$process'

/** The service of one node. */
export function processService(system: System, spawner: Spawner): PeerService {
  return {
    action: 'call',
    call: (_origin, name, input) => {
      const isName = typeof input === 'string' && input.length <= NAME_CHARS_MAX
      if (name !== 'is_alive' || !(isName || isPid(input))) {
        throw new DistRefusedError('ERR_DIST_MESSAGE', 'no question about a process')
      }
      if (spawner.isPrivate(input)) {
        throw new DistRefusedError('ERR_PEER_DENIED', 'that process belongs to the node itself')
      }
      return isPid(input) ? system.isAlive(input) : system.whereis(input) !== undefined
    },
    cast: () => {},
  }
}
