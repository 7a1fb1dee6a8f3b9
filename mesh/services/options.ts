/**
 * The option `services` of a mesh: false for none, or what differs from the defaults of each part. Every dial is described
 * and checked where its part is.
 */
import { objectOption, optional, resolveOptions } from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'
import type { CatalogOptions } from '../catalog/settings.ts'
import type { CourierOptions } from '../courier/settings.ts'
import type { PresenceOptions } from '../presence/options.ts'
import type { PubSubOptions } from '../pubsub/options.ts'
import type { RpcOptions } from '../rpc/options.ts'
import type { ServiceRegistryOptions } from './registry.ts'

/** Settings of the services; what is not given has its default. */
export interface ServicesOptions {
  /** How messages reach nodes: `courier/settings.ts`. */
  readonly courier?: CourierOptions | undefined
  /** What nodes tell each other of their wishes and offers: `catalog/settings.ts`. */
  readonly catalog?: CatalogOptions | undefined
  /** Topics: `pubsub/options.ts`. */
  readonly pubsub?: PubSubOptions | undefined
  /** Procedures and streams: `rpc/options.ts`. */
  readonly rpc?: RpcOptions | undefined
  /** Who is here: `presence/options.ts`. */
  readonly presence?: PresenceOptions | undefined
  /** Who offers what: `services/registry.ts`. */
  readonly registry?: ServiceRegistryOptions | undefined
}

const CHECKS: { readonly [Name in keyof ServicesOptions]-?: OptionCheck } = {
  courier: optional(objectOption),
  catalog: optional(objectOption),
  pubsub: optional(objectOption),
  rpc: optional(objectOption),
  presence: optional(objectOption),
  registry: optional(objectOption),
}

/** The option as it is given; undefined for a node without services. */
export function resolveServices(given: false | ServicesOptions): ServicesOptions | undefined {
  if (given === false) return undefined
  return resolveOptions<ServicesOptions>('services', {}, CHECKS, given)
}

/** Whether a value can be the option; its parts are checked when they are put together. */
export const servicesOption: OptionCheck = {
  expected: 'false, or an object with settings of each part',
  test: (value) => value === false || objectOption.test(value),
}
