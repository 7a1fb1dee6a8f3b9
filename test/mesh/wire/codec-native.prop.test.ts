import 'msgpackr'
import { describe } from 'vitest'
import { codecProperties } from './codec-properties.ts'

// The native reader is optional (there is none for some platforms); the properties hold either way.
describe('Codec beside a user of msgpackr, whose native string reader then serves all', () => {
  codecProperties()
})
