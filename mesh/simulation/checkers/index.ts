/** Every checker of membership at once, wired to a world. */
import type { SwimWorld } from '../swim-world.ts'
import type { Checker, SwimNode } from './checker.ts'
import { DeadlineMoves, HealthRange, OneProbe, QuietQueue } from './pace.ts'
import {
  Buddy,
  CounterCeiling,
  FairProbes,
  LeavingStays,
  OnlyOwnerRaises,
  PersistedFirst,
  SendLimits,
} from './packets.ts'
import { RecordWatch } from './record-watch.ts'
import {
  EventLanguage,
  FreshSuspicion,
  LegalTransitions,
  MetadataFunction,
  MonotoneIncarnation,
  NoResurrection,
  SelfView,
} from './records.ts'

export { PropertyError } from './checker.ts'
export type { Checker, Mutation, Sighting } from './checker.ts'

/** Checkers at work; made before the world has run. */
export interface CheckersAtWork {
  readonly checkers: readonly Checker[]
  /** Asks what must hold when the world has been calm for long. */
  calm(): void
}

/** Lets all checkers watch a world; the first property that breaks is thrown out of `run`. */
export function watchProperties(world: SwimWorld): CheckersAtWork {
  const { core, settings } = world
  const clockOf = (node: SwimNode): number => core.clockOf(node)
  const checkers: Checker[] = []
  const watch = new RecordWatch(clockOf, (mutation) => {
    for (const checker of checkers) checker.mutation?.(mutation)
  })
  const nodes = core.nodes.length
  checkers.push(
    new MonotoneIncarnation(),
    new OnlyOwnerRaises(),
    new NoResurrection(settings),
    new LegalTransitions(),
    new SelfView(),
    new LeavingStays(),
    new MetadataFunction(),
    new CounterCeiling(),
    new EventLanguage(),
    new FreshSuspicion(settings),
    new HealthRange(settings),
    new OneProbe(settings, clockOf),
    new FairProbes(watch, nodes, { intervalMs: settings.probeIntervalMs, clockOf }),
    new SendLimits(settings, nodes),
    new QuietQueue(),
    new PersistedFirst(),
    new DeadlineMoves(clockOf),
  )
  if (settings.buddy) checkers.push(new Buddy(watch))
  core.observe(watch)
  for (const checker of checkers) core.observe(checker)
  for (const node of core.running()) {
    watch.started(node)
    for (const checker of checkers) checker.started?.(node)
  }
  return {
    checkers,
    calm: () => {
      for (const checker of checkers) checker.calm?.(world.living())
    },
  }
}
