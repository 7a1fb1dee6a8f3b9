/** What pub/sub works with. */
import type { ServicesContext } from '../services/context.ts'
import { PubSubMemory } from './memory.ts'
import type { PubSubSettings } from './options.ts'

/** Shared by the process and the functions of pub/sub. */
export interface PubSubContext extends ServicesContext {
  readonly settings: PubSubSettings
  readonly memory: PubSubMemory
}

/** One per node. */
export function createPubSubContext(
  services: ServicesContext,
  settings: PubSubSettings,
): PubSubContext {
  return { ...services, settings, memory: new PubSubMemory(services, settings) }
}
