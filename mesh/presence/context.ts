/** What presence works with. */
import type { ServicesContext } from '../services/context.ts'
import { PresenceMemory } from './memory.ts'
import { presenceSettings } from './options.ts'
import type { PresenceOptions, PresenceSettings } from './options.ts'

/** Shared by the process and the functions of presence. */
export interface PresenceContext extends ServicesContext {
  readonly settings: PresenceSettings
  readonly memory: PresenceMemory
}

/** One per node. Throws an `OptionError`. */
export function createPresenceContext(
  services: ServicesContext,
  options: PresenceOptions = {},
): PresenceContext {
  const settings = presenceSettings(options)
  return { ...services, settings, memory: new PresenceMemory(services, settings) }
}
