/** The door of a node: threads of its process inside, what its options name outside. */
import { createRealClock, createSystemEntropy, silentLogger } from '../../../runtime/index.ts'
import { connectionsMaxOf } from '../../connections-max.ts'
import { LINK_STREAMS_MAX } from '../../link/lanes.ts'
import { openTransport } from '../../open-transport.ts'
import type { MeshOptions } from '../../options.ts'
import { Door } from './door.ts'

/** Everything goes outside until a line is attached. */
export function createNodeDoor(
  given: Pick<MeshOptions, 'transport' | 'clock' | 'entropy' | 'logger' | 'linksMax' | 'gateway'>,
): Door {
  const {
    transport = 'quic',
    clock = createRealClock(),
    entropy = createSystemEntropy(),
    logger = silentLogger,
  } = given
  const options = { clock, entropy, logger }
  return new Door({
    outside: () => openTransport({ transport, ...options }, connectionsMaxOf(given)),
    options: { ...options, streamsMax: LINK_STREAMS_MAX },
  })
}
