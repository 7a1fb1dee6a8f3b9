/** The chance of a membership core, one stream per purpose. */
import { RandomStream } from '../../machine/random-stream.ts'

/** The streams of one core. */
export interface Streams {
  readonly probe: RandomStream
  readonly helpers: RandomStream
  readonly gossip: RandomStream
  readonly sync: RandomStream
  readonly join: RandomStream
  readonly heal: RandomStream
}

/** All streams of one seed. */
export function createStreams(seed: number): Streams {
  return {
    probe: new RandomStream(seed, 1),
    helpers: new RandomStream(seed, 2),
    gossip: new RandomStream(seed, 3),
    sync: new RandomStream(seed, 4),
    join: new RandomStream(seed, 5),
    heal: new RandomStream(seed, 6),
  }
}
