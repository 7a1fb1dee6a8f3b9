import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RecordsStory } from './records-story.ts'
import type { Command } from './records-story.ts'

const who = fc.nat(7)
const key = fc.nat(2)
const quorum = fc.integer({ min: 1, max: 3 })
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('put' as const), by: who, key, quorum }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('swap' as const), by: who, key }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('get' as const), by: who, key, quorum }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cancel' as const), by: who }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom(
        'crash' as const,
        'restart' as const,
        'fail_disk' as const,
        'mend_disk' as const,
        'lie' as const,
        'mend' as const,
        'join' as const,
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('wait' as const),
      ms: fc.constantFrom(0, 5, 25, 60, 2_500, 4_000_000),
    }),
  },
)

describe('RecordsCore under faults', () => {
  it('K32 K33 K48 MG5 keeps what it acknowledged, swaps no answers, leaves nothing it began', () => {
    let done = 0
    let held = 0
    fc.assert(
      fc.property(fc.array(command, { minLength: 10, maxLength: 60 }), (commands) => {
        const story = new RecordsStory()
        for (const step of commands) {
          story.run(step)
          story.check()
        }
        story.calm()
        expect(story.broken).toEqual([])
        done += story.done
        held += story.held
      }),
      { seed: 20_261_130, numRuns: 60 },
    )
    expect(done).toBeGreaterThan(200)
    // Whoever holds nothing agrees with everybody.
    expect(held).toBeGreaterThan(60)
  })
})
