/** Names and filters by lot, for tests. */
import fc from 'fast-check'

const segment = fc.constantFrom('a', 'b', 'c', 'd', '$e')

/** A topic of few segments, so that filters match now and then. */
export const topicArbitrary: fc.Arbitrary<string> = fc
  .array(segment, { minLength: 1, maxLength: 6 })
  .map((segments) => segments.join('.'))

/** A filter in canonical form. */
export const filterArbitrary: fc.Arbitrary<string> = fc
  .array(fc.oneof({ weight: 3, arbitrary: segment }, fc.constantFrom('*', '**')), {
    minLength: 1,
    maxLength: 6,
  })
  .map((segments) => segments.filter((each, at) => each !== '**' || segments[at - 1] !== '**'))
  .map((segments) => segments.join('.'))
