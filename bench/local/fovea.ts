/** Everything that is measured of Fovea. */
import { more } from './more.ts'
import { messages } from './messages.ts'
import { processes } from './processes.ts'
import type { Measures } from './side.ts'
import { storm } from './storm.ts'
import { supervision } from './supervision.ts'

export const makeMeasures = async (): Promise<Measures> => ({
  ...(await messages()),
  ...processes,
  ...supervision,
  ...storm,
  ...(await more()),
})
