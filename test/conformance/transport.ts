/**
 * The conformance kit of `Transport`: every implementation passes the same tests. A test file calls
 * {@link describeTransport} with a way to make worlds; see `transport-world.ts`.
 */
import { afterEach, beforeEach, describe } from 'vitest'
import { describeConnecting } from './transport-connecting.ts'
import { describeEndings } from './transport-endings.ts'
import { describeLimits } from './transport-limits.ts'
import { describeStreams } from './transport-streams.ts'
import { Kit } from './transport-world.ts'
import type { TransportWorld } from './transport-world.ts'

/** Gives the kit of the running test. */
export type CurrentKit = () => Kit

/** Runs the kit against worlds made by `makeWorld`, a new one for each test. */
export function describeTransport(name: string, makeWorld: () => TransportWorld): void {
  describe(`transport ${name}`, () => {
    let kit: Kit
    beforeEach(() => {
      kit = new Kit(makeWorld())
    })
    afterEach(() => kit.close())
    describeConnecting(() => kit)
    describeStreams(() => kit)
    describeLimits(() => kit)
    describeEndings(() => kit)
  })
}
