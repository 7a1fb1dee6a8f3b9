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

const PARTS = {
  connecting: describeConnecting,
  streams: describeStreams,
  limits: describeLimits,
  endings: describeEndings,
} as const

/** A part of the kit. */
export type KitPart = keyof typeof PARTS

const ALL: readonly KitPart[] = ['connecting', 'streams', 'limits', 'endings']

/** Runs the kit, or `parts` of it, against worlds made by `makeWorld`, a new one for each test. */
export function describeTransport(
  name: string,
  makeWorld: () => TransportWorld,
  parts: readonly KitPart[] = ALL,
): void {
  describe(`transport ${name}`, () => {
    let kit: Kit
    beforeEach(() => {
      kit = new Kit(makeWorld())
    })
    afterEach(() => kit.close())
    for (const part of parts) PARTS[part](() => kit)
  })
}
