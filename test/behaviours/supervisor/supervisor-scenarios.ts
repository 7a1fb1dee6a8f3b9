/**
 * Random trees of supervisors and what happens to them, for the model-based tests.
 */
import fc from 'fast-check'
import type { AutoShutdown, RestartType } from '../../../behaviours/index.ts'
import type {
  ModelStrategy,
  NodeSpec,
  StartFault,
  SupervisorSpec,
  WorkerSpec,
} from './supervisor-model.ts'

/** What the next starts do of the one that crashes, of its next sibling, or of their supervisor. */
export interface Aftermath {
  readonly who: 'self' | 'sibling' | 'above'
  readonly fault: StartFault
  readonly times: number
}

/** Places are numbers that both sides take modulo what there is. */
export type Command =
  | {
      readonly type: 'crash' | 'crash_two'
      readonly at: number
      readonly reason: string
      /** Of the second of two. */
      readonly second: string
      readonly then: Aftermath | undefined
    }
  | {
      readonly type: 'faults'
      readonly at: number
      readonly fault: StartFault
      readonly times: number
    }
  | { readonly type: 'terminate' | 'restart' | 'delete' | 'stop'; readonly at: number }
  | { readonly type: 'start'; readonly at: number; readonly spec: WorkerSpec }
  | { readonly type: 'advance'; readonly ms: number }

export interface Scenario {
  readonly tree: SupervisorSpec
  readonly commands: readonly Command[]
}

const restart = fc.constantFrom<RestartType>('permanent', 'transient', 'temporary')

/** Mostly plain ones; a stuck one has a deadline, so that virtual time ends its stop. */
const worker: fc.Arbitrary<WorkerSpec> = fc
  .record({
    restart,
    significant: fc.boolean(),
    ending: fc.constantFrom<Pick<WorkerSpec, 'stop' | 'shutdown'>>(
      { stop: 'prompt', shutdown: 5000 },
      { stop: 'prompt', shutdown: 'infinity' },
      { stop: 'prompt', shutdown: 'brutal_kill' },
      { stop: 'stuck', shutdown: 'brutal_kill' },
      { stop: 'stuck', shutdown: 100 },
      { stop: 'stuck', shutdown: 2000 },
    ),
  })
  .map(({ restart, significant, ending }) => {
    return { kind: 'worker', id: '', restart, significant, ...ending }
  })

const dials = {
  autoShutdown: fc.constantFrom<AutoShutdown>('never', 'any_significant', 'all_significant'),
  intensity: fc.oneof(
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 }) },
    { weight: 3, arbitrary: fc.integer({ min: 3, max: 12 }) },
  ),
  periodMs: fc.constantFrom(1000, 5000),
}

function supervisor(
  strategies: readonly ModelStrategy[],
  children: fc.Arbitrary<readonly NodeSpec[]>,
): fc.Arbitrary<SupervisorSpec> {
  const strategy = fc.constantFrom(...strategies)
  return fc
    .record({ restart, significant: fc.boolean(), strategy, ...dials, children })
    .map((given): SupervisorSpec => ({ kind: 'supervisor', id: '', ...given }))
}

const ordered = ['one_for_one', 'one_for_all', 'rest_for_one'] as const
const all = [...ordered, ...ordered, 'dynamic'] as const

const workers = fc.array(worker, { minLength: 1, maxLength: 5, size: 'max' })
const leaves = supervisor(all, workers)
const inner = supervisor(
  ordered,
  fc.array(fc.oneof(worker, leaves), { minLength: 1, maxLength: 3, size: 'max' }),
)
/** One to four levels. */
const trees = fc.oneof(
  leaves,
  inner,
  supervisor(ordered, fc.array(fc.oneof(worker, leaves, inner), { minLength: 2, maxLength: 4 })),
)

const at = fc.nat({ max: 1000 })
const reason = fc.constantFrom('normal', 'shutdown', '{shutdown}', 'boom', 'boom', 'killed')

const fault = fc.constantFrom<StartFault>('fail', 'fail', 'fail', 'ignore')
const times = fc.integer({ min: 1, max: 4 })
const aftermath: fc.Arbitrary<Aftermath> = fc.record({
  who: fc.constantFrom<Aftermath['who']>('self', 'self', 'sibling', 'above'),
  fault,
  times,
})

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      type: fc.constantFrom('crash' as const, 'crash' as const, 'crash_two' as const),
      at,
      reason,
      second: reason,
      then: fc.option(aftermath, { nil: undefined, freq: 2 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('faults' as const),
      at,
      fault,
      times,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom('terminate' as const, 'restart' as const, 'delete' as const),
      at,
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('stop' as const), at }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('start' as const), at, spec: worker }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('advance' as const),
      ms: fc.constantFrom(1, 999, 1000, 1001, 5001),
    }),
  },
)

/** A tree and its life. */
export const scenarios: fc.Arbitrary<Scenario> = fc.record({
  tree: trees.map((tree) => named(tree, { next: 0 }) as SupervisorSpec),
  commands: fc.array(command, { minLength: 3, maxLength: 30, size: 'max' }),
})

/** Gives ids, and takes away what no specification may have. */
function named(spec: NodeSpec, ids: { next: number }, above?: SupervisorSpec): NodeSpec {
  const id = `${spec.kind === 'worker' ? 'w' : 's'}${ids.next++}`
  const significant = mayBeSignificant(spec, above)
  if (spec.kind === 'worker') return { ...spec, id, significant }
  const dynamic = spec.strategy === 'dynamic'
  const kept: SupervisorSpec = {
    ...spec,
    id,
    significant,
    autoShutdown: dynamic ? 'never' : spec.autoShutdown,
    children: [],
  }
  const children = dynamic ? [] : spec.children.map((child) => named(child, ids, kept))
  return { ...kept, children }
}

/** Whether a child that is to be significant may be. */
export function mayBeSignificant(spec: NodeSpec, above: SupervisorSpec | undefined): boolean {
  if (above === undefined || above.autoShutdown === 'never') return false
  return spec.significant && spec.restart !== 'permanent'
}

/** The ids of a whole tree. */
export function idsOf(spec: NodeSpec): string[] {
  return spec.kind === 'worker' ? [spec.id] : [spec.id, ...spec.children.flatMap(idsOf)]
}
