/**
 * The option `membership` of a mesh: a preset by name, or a preset and what differs from it. Every dial is
 * described in `swim/settings.ts`; here they get their ranges.
 */
import { booleanOption, numberOption, oneOfOption, resolveOptions } from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'
import { MeshError } from '../mesh-error.ts'
import { META_BYTES_MAX } from './proof.ts'
import { SWIM_PRESETS, swimSettings } from './swim/settings.ts'
import type { SwimPreset, SwimSettings } from './swim/settings.ts'

/** Presets: one machine, one data centre, the internet. */
export type MembershipPreset = SwimPreset

/** Settings of the detector; what is not given is as in `preset`. `membersMax` is an option of the mesh. */
export interface MembershipSettings extends Partial<Omit<SwimSettings, 'membersMax'>> {
  /** Default `'lan'`. */
  readonly preset?: MembershipPreset
}

const millis: OptionCheck = numberOption(1, 2_147_483_647)
const interval: OptionCheck = numberOption(10, 2_147_483_647)
const amount = (min: number, max = 1_048_576): OptionCheck => numberOption(min, max)
const factor = (min: number, max: number): OptionCheck => numberOption(min, max, true)

const CHECKS: { readonly [K in keyof MembershipSettings]-?: OptionCheck } = {
  preset: oneOfOption('local', 'lan', 'wan'),
  probeIntervalMs: interval,
  probeTimeoutMs: interval,
  indirectProbes: amount(0, 64),
  nackShare: factor(0.1, 0.95),
  relaysMax: amount(1),
  relaysPerPeerMax: amount(1),
  streamProbe: booleanOption,
  localHealthMax: amount(1, 64),
  suspicionMultiplier: factor(1, 64),
  suspicionMaxMultiplier: factor(1, 64),
  buddy: booleanOption,
  gossipIntervalMs: interval,
  gossipTargets: amount(1, 64),
  retransmitMultiplier: amount(1, 64),
  urgentShare: factor(0, 1),
  sliceEntriesMax: amount(0, 64),
  syncIntervalMs: numberOption(100, 2_147_483_647),
  syncScaleMembers: amount(1),
  syncTimeoutMs: interval,
  syncsMax: amount(1, 1_024),
  syncBytesMax: amount(4_096, 16_777_216),
  syncBytesPerSecondMax: amount(4_096, 1_073_741_824),
  joinRetryMs: interval,
  joinRetryMaxMs: interval,
  joinContacts: amount(1, 64),
  joinContactsMax: amount(1),
  healIntervalMs: numberOption(100, 2_147_483_647),
  healContacts: factor(0, 1_024),
  healAddressesMax: amount(0),
  leaveTimeoutMs: numberOption(0, 2_147_483_647),
  tombstoneMs: millis,
  metaBytesMax: amount(0, META_BYTES_MAX),
  datagramBytesMax: amount(512, 1_200),
  checksPerSecondMax: amount(16),
  conflictPauseMs: millis,
}

/** Settings from the option; throws an `OptionError` or `ERR_MESH_OPTIONS`. */
export function resolveMembership(
  given: MembershipPreset | MembershipSettings,
  membersMax: number,
): SwimSettings {
  const changes = typeof given === 'string' ? { preset: given } : given
  const checked = resolveOptions<MembershipSettings>('startMesh', {}, CHECKS, changes)
  const { preset = 'lan', ...rest } = checked
  const settings = swimSettings(preset, { ...rest, membersMax } as Partial<SwimSettings>)
  if (settings.probeTimeoutMs * 2 > settings.probeIntervalMs) {
    throw contradiction("'probeIntervalMs' must be at least twice 'probeTimeoutMs'")
  }
  if (settings.joinRetryMaxMs < settings.joinRetryMs) {
    throw contradiction("'joinRetryMaxMs' must be at least 'joinRetryMs'")
  }
  return settings
}

/** True for the name of a preset. */
export function isMembershipPreset(value: unknown): value is MembershipPreset {
  return typeof value === 'string' && Object.hasOwn(SWIM_PRESETS, value)
}

function contradiction(message: string): MeshError {
  return new MeshError('ERR_MESH_OPTIONS', `startMesh: membership: ${message}`)
}
