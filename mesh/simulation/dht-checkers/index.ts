/** Every checker of the DHT at once, wired to a world. */
import type { RoutingEvent } from '../../routing/kademlia/machine.ts'
import { DhtNode } from '../dht-node.ts'
import type { DhtWorld } from '../dht-world.ts'
import type { DhtChecker, DhtSeat } from './checker.ts'
import { LookupRules } from './lookups.ts'
import { RecordRules } from './records.ts'
import { TableRules } from './tables.ts'

export type { DhtChecker, DhtSeat } from './checker.ts'

/** Lets all checkers watch a world; the first property that breaks is thrown out of `run`. */
export function watchDht(world: DhtWorld): readonly DhtChecker[] {
  const { core, settings } = world
  const checkers: DhtChecker[] = [
    new LookupRules(settings),
    new TableRules(settings),
    new RecordRules(world),
  ]
  for (const checker of checkers) core.observe(checker)
  const listen = (seat: DhtSeat): void => {
    if (!(seat.core instanceof DhtNode)) return
    seat.core.tap = {
      lookup: (lookupId, spec) => {
        for (const checker of checkers) checker.lookup?.(seat, lookupId, spec)
      },
      routing: (event: RoutingEvent) => {
        for (const checker of checkers) checker.routing?.(seat, event)
      },
    }
  }
  core.observe({ started: listen })
  for (const seat of core.running()) {
    for (const checker of checkers) checker.started?.(seat)
    listen(seat)
  }
  return checkers
}
