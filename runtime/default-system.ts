/**
 * The system behind the short API, made when it is first needed. The one place in this layer that holds
 * state in a module; only index.ts files import it.
 */
import { LoggerRelay } from './log.ts'
import { loggerOption, optional, resolveOptions } from './options.ts'
import { createSystem } from './system.ts'
import type { Logger } from './log.ts'
import type { System } from './system.ts'

/** What the default system is told; for other dials make one with `createSystem`. */
export interface DefaultSystemOptions {
  /** Where its crash reports go from now on, also those of its successors. Default: where they went, at first nowhere. */
  readonly logger?: Logger | undefined
}

let system: System | undefined
const log = new LoggerRelay()

/**
 * The lazily made system of this program; a new one after the former was stopped. It is silent, also about processes
 * that crash, until it is given a logger: `defaultSystem({ logger: console })`.
 *
 * @example
 * const Light = defineServer({ init: () => 'off', call: {}, cast: {} })
 * const light = await Light.start() // without { system }
 * assert.equal(defaultSystem().isAlive(light.pid), true)
 * await GenServer.stop(light)
 */
export function defaultSystem(options?: DefaultSystemOptions): System {
  if (options !== undefined) log.target = loggerOf(options) ?? log.target
  if (system === undefined || system.stopping) system = createSystem({ logger: log })
  return system
}

function loggerOf(options: DefaultSystemOptions): Logger | undefined {
  const checks = { logger: optional(loggerOption) }
  return resolveOptions('defaultSystem', { logger: undefined }, checks, options).logger
}
