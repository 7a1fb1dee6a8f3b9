/**
 * The logger port, in pino's call shape so that a pino logger fits as it is. A library says nothing
 * until somebody listens: the default logger is silent.
 */

/** Fields of a log line, then its text. */
export type LogMethod = (fields: Readonly<Record<string, unknown>>, message: string) => void

/** What Fovea needs of a logger; `pino()` satisfies it. */
export interface Logger {
  readonly debug: LogMethod
  readonly info: LogMethod
  readonly warn: LogMethod
  readonly error: LogMethod
}

const ignore: LogMethod = () => {}

/**
 * Discards everything.
 *
 * @example
 * await using system = createSystem({ logger: silentLogger }) // as without the option
 * assert.equal(system.stats().processes, 0)
 */
export const silentLogger: Logger = Object.freeze({
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
})

/** A logger that speaks to another one, which can be given later: for what is there before anybody listens. */
export class LoggerRelay implements Logger {
  target: Logger = silentLogger

  debug(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.target.debug(fields, message)
  }
  info(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.target.info(fields, message)
  }
  warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.target.warn(fields, message)
  }
  error(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.target.error(fields, message)
  }
}

/** Whether nobody hears what `logger` is told. */
export function isSilent(logger: Logger): boolean {
  return (logger instanceof LoggerRelay ? logger.target : logger) === silentLogger
}

/** `logger` as the runtime calls it: one that throws must not end the process that has something to say. */
export function unthrowing(logger: Logger): Logger {
  const guard =
    (method: keyof Logger): LogMethod =>
    (fields, message) => {
      try {
        logger[method](fields, message)
      } catch {
        // There is nobody left to tell.
      }
    }
  return {
    debug: guard('debug'),
    info: guard('info'),
    warn: guard('warn'),
    error: guard('error'),
  }
}

/**
 * A logger that adds `fields` to every line of `logger`.
 *
 * @example
 * const lines: unknown[] = []
 * const write = (fields: object, message: string): void => void lines.push({ ...fields, message })
 * const logger = withFields({ ...silentLogger, info: write }, { service: 'shop' })
 * logger.info({ port: 80 }, 'open')
 * assert.deepEqual(lines, [{ service: 'shop', port: 80, message: 'open' }])
 */
export function withFields(logger: Logger, fields: Readonly<Record<string, unknown>>): Logger {
  const add =
    (method: keyof Logger): LogMethod =>
    (more, message) =>
      logger[method]({ ...fields, ...more }, message)
  return { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') }
}
