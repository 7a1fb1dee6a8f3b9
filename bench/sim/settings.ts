/** The contenders: our defaults, Lifeguard without the stream, and SWIM as it was published. */
import { swimSettings, type SwimSettings } from 'fovea/cores'

/** LAN defaults. */
export const OURS: SwimSettings = swimSettings('lan')

/** Without the probe on a stream: what Lifeguard alone does. */
export const NO_STREAM: SwimSettings = swimSettings('lan', { streamProbe: false })

/** SWIM of DSN'02: a fixed suspicion, no local health, no buddy, no stream. */
export const PLAIN: SwimSettings = swimSettings('lan', {
  localHealthMax: 1,
  suspicionMultiplier: 5,
  suspicionMaxMultiplier: 1,
  buddy: false,
  streamProbe: false,
})

/** Seeds 0 to `count` - 1. */
export function seeds(count: number): number[] {
  return Array.from({ length: count }, (_, seed) => seed)
}
