/**
 * The system behind the short API, made when it is first needed. The one place in this layer that holds
 * state in a module; only index.ts files import it.
 */
import { createSystem } from './system.ts'
import type { System } from './system.ts'

let system: System | undefined

/**
 * The lazily made system of this program; a new one after the former was stopped.
 *
 * @example
 * const Light = defineServer({ init: () => 'off', call: {}, cast: {} })
 * const light = await Light.start() // without { system }
 * assert.equal(defaultSystem().isAlive(light.pid), true)
 * await GenServer.stop(light)
 */
export function defaultSystem(): System {
  if (system === undefined || system.stopping) system = createSystem()
  return system
}
