/**
 * The catalogue of this layer, from those of its parts. A test holds that every class has a code of the
 * catalogue and that `README.md` lists each code.
 */
import type { ErrorCatalogue } from '../runtime/index.ts'
import { agentErrors } from './agent/agent-errors.ts'
import { applicationErrors } from './application/application-errors.ts'
import { genEventErrors } from './event/gen-event-errors.ts'
import { machineErrors } from './machine/machine-errors.ts'
import { poolErrors } from './pool/pool-errors.ts'
import { registryErrors } from './registry/registry-errors.ts'
import { requestErrors } from './server/request-errors.ts'
import { serverErrors } from './server/server-errors.ts'
import { statemErrors } from './statem/gen-statem-errors.ts'
import { supervisorErrors } from './supervisor/supervisor-errors.ts'
import { sysErrors } from './sys/sys-errors.ts'
import { taskErrors } from './task/task-errors.ts'

/**
 * Every code of this layer.
 *
 * @example
 * const Broken = defineServer({ init: () => stop('no_disk'), call: {}, cast: {} })
 * try {
 *   await Broken.start()
 * } catch (error) {
 *   assert.ok(error instanceof InitializationError)
 *   assert.equal(error.reason, 'no_disk')
 *   assert.ok(behavioursErrors.ERR_INIT_FAILED?.action) // what to do about it
 * }
 */
export const behavioursErrors: ErrorCatalogue = Object.freeze({
  ...serverErrors,
  ...registryErrors,
  ...genEventErrors,
  ...machineErrors,
  ...poolErrors,
  ...applicationErrors,
  ...statemErrors,
  ...requestErrors,
  ...sysErrors,
  ...supervisorErrors,
  ...taskErrors,
  ...agentErrors,
})
