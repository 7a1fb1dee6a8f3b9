/** Fault schedules for small worlds of bare cores; they shrink by leaving faults out. */
import fc from 'fast-check'
import type { Fault } from '../../mesh/simulation/faults.ts'

/** Any fault of a world of so many nodes, beginning within `withinMs`. */
export function faultArbitrary(nodes: number, withinMs: number): fc.Arbitrary<Fault> {
  const node = fc.nat({ max: nodes - 1 })
  const atMs = fc.nat({ max: withinMs })
  const forMs = fc.integer({ min: 100, max: 90_000 })
  const downMs = fc.option(fc.integer({ min: 1, max: 60_000 }), { nil: undefined })
  const groups = fc
    .array(fc.nat({ max: 2 }), { minLength: nodes, maxLength: nodes })
    .map((of) => [0, 1, 2].map((group) => of.flatMap((g, i) => (g === group ? [i] : []))))
  const type = <T extends Fault['type']>(name: T): fc.Arbitrary<T> => fc.constant(name)
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        type: type('crash'),
        atMs,
        node,
        downMs: fc.integer({ min: 1, max: 60_000 }),
        disk: fc.constantFrom('kept', 'lost'),
        moved: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ type: type('crash'), atMs, node }) },
    { weight: 2, arbitrary: fc.record({ type: type('pause'), atMs, node, forMs }) },
    {
      weight: 1,
      arbitrary: fc.record({
        type: type('slow'),
        atMs,
        node,
        forMs,
        blockedMs: fc.integer({ min: 100, max: 10_000 }),
        everyMs: fc.integer({ min: 1, max: 2_000 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        type: type('clock_jump'),
        atMs,
        node,
        byMs: fc.integer({ min: -3_600_000, max: 3_600_000 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ type: type('partition'), atMs, forMs, groups }) },
    { weight: 2, arbitrary: fc.record({ type: type('cut'), atMs, forMs, from: node, to: node }) },
    {
      weight: 2,
      arbitrary: fc.record({
        type: type('loss'),
        atMs,
        forMs,
        share: fc.double({ min: 0, max: 0.5, noNaN: true }),
        shareEnd: fc.double({ min: 0, max: 0.9, noNaN: true }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        type: type('delay'),
        atMs,
        forMs,
        nodes: fc.array(node, { minLength: 1, maxLength: 2 }),
        byMs: fc.integer({ min: 1, max: 2_000 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc
        .record({ type: type('leave'), atMs, node, downMs })
        .map(({ downMs, ...rest }) => (downMs === undefined ? rest : { ...rest, downMs })),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: type('set_meta'),
        atMs,
        node,
        bytes: fc.integer({ min: 1, max: 64 }),
      }),
    },
  )
}

/** A world's size and what goes wrong in it. */
export interface Chaos {
  readonly nodes: number
  readonly faults: readonly Fault[]
}

/** Chaos for 2 to 8 nodes. */
export const chaosArbitrary: fc.Arbitrary<Chaos> = fc.integer({ min: 2, max: 8 }).chain((nodes) =>
  fc.record({
    nodes: fc.constant(nodes),
    faults: fc.array(faultArbitrary(nodes, 120_000), { minLength: 4, maxLength: 14 }),
  }),
)
