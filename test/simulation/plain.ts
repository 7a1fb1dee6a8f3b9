/** SWIM as it was published: fixed suspicion, no local health, no buddy, no probe on a stream. */
import { swimSettings, type SwimSettings } from '../../mesh/membership/swim/settings.ts'

/** The baseline that Lifeguard is compared with. */
export const PLAIN: SwimSettings = swimSettings('lan', {
  localHealthMax: 1,
  suspicionMultiplier: 5,
  suspicionMaxMultiplier: 1,
  buddy: false,
  streamProbe: false,
})
