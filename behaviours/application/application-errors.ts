/**
 * Expected failures of applications and their catalogue, which errors.ts spreads into the layer's.
 */
import {
  FoveaError,
  formatReason,
  type ErrorCatalogue,
  type ExitReason,
} from '../../runtime/index.ts'

/** An application did not start; what its start had begun is stopped. */
export class ApplicationStartError extends FoveaError {
  override readonly name = 'ApplicationStartError'
  readonly applicationName: string
  readonly reason: ExitReason
  constructor(applicationName: string, reason: ExitReason) {
    super(
      'ERR_APPLICATION_START',
      `application '${applicationName}' did not start: ${formatReason(reason)}`,
      reason instanceof Error ? { cause: reason } : {},
    )
    this.applicationName = applicationName
    this.reason = reason
  }
}

/** The application runs already. */
export class ApplicationAlreadyRunningError extends FoveaError {
  override readonly name = 'ApplicationAlreadyRunningError'
  readonly applicationName: string
  constructor(applicationName: string) {
    super('ERR_APPLICATION_RUNNING', `application '${applicationName}' runs already`)
    this.applicationName = applicationName
  }
}

/** Another application of that name runs, or is needed beside this one. */
export class ApplicationNameTakenError extends FoveaError {
  override readonly name = 'ApplicationNameTakenError'
  readonly applicationName: string
  constructor(applicationName: string) {
    super('ERR_APPLICATION_NAME', `there are two applications with the name '${applicationName}'`)
    this.applicationName = applicationName
  }
}

/** The application does not run. */
export class ApplicationNotRunningError extends FoveaError {
  override readonly name = 'ApplicationNotRunningError'
  readonly applicationName: string
  /** Who needs it, if that is why it is missed. */
  readonly neededBy: string | undefined
  constructor(applicationName: string, neededBy?: string) {
    const why = neededBy === undefined ? '' : `, but '${neededBy}' needs it`
    super('ERR_APPLICATION_NOT_RUNNING', `application '${applicationName}' does not run${why}`)
    this.applicationName = applicationName
    this.neededBy = neededBy
  }
}

/** A dependency was named that nobody has loaded. */
export class ApplicationUnknownError extends FoveaError {
  override readonly name = 'ApplicationUnknownError'
  readonly applicationName: string
  readonly neededBy: string | undefined
  constructor(applicationName: string, neededBy?: string) {
    const why = neededBy === undefined ? '' : `; '${neededBy}' needs it`
    super('ERR_APPLICATION_UNKNOWN', `application '${applicationName}' is not loaded${why}`)
    this.applicationName = applicationName
    this.neededBy = neededBy
  }
}

/** Applications need one another in a circle. */
export class ApplicationCycleError extends FoveaError {
  override readonly name = 'ApplicationCycleError'
  /** Each needs the next; the last is the first. */
  readonly cycle: readonly string[]
  constructor(cycle: readonly string[]) {
    super('ERR_APPLICATION_CYCLE', `applications need one another: ${cycle.join(' -> ')}`)
    this.cycle = cycle
  }
}

/** Codes of applications. */
export const applicationErrors: ErrorCatalogue = Object.freeze({
  ERR_APPLICATION_START: {
    when: "an application's start threw, gave nothing with a pid, took too long or was aborted",
    stateChanged: 'no: what the same request had started before is stopped again',
    retry: 'if `reason` is a passing one',
    action: 'read `reason`',
  },
  ERR_APPLICATION_RUNNING: {
    when: 'Application.start of one that runs',
    stateChanged: 'no',
    retry: 'no',
    action: 'use ensureAllStarted, which does not mind',
  },
  ERR_APPLICATION_NAME: {
    when: 'an application has the name of another one that runs, or that is needed with it',
    stateChanged: 'no',
    retry: 'no',
    action: 'define each application once and import it, or give one of them another name',
  },
  ERR_APPLICATION_NOT_RUNNING: {
    when: 'stopping one that does not run, or Application.start before its dependencies run',
    stateChanged: 'no',
    retry: 'after its dependencies are started',
    action: 'use ensureAllStarted, which starts them',
  },
  ERR_APPLICATION_UNKNOWN: {
    when: 'a dependency is given by a name that nobody has loaded',
    stateChanged: 'no',
    retry: 'after Application.load',
    action: 'give the definition instead of its name, or load it',
  },
  ERR_APPLICATION_CYCLE: {
    when: 'applications need one another in a circle, or one waits for its own start or stop inside it',
    stateChanged: 'no',
    retry: 'no',
    action: 'read `cycle`',
  },
})
