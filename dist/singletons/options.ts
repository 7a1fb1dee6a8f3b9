/** Waits and limits of singletons. */
import { numberOption, resolveOptions } from '../../runtime/index.ts'

/** Everything decided. */
export interface SingletonSettings {
  /** Singletons that this node is a candidate for. Default 256; `ERR_SINGLETONS_MAX`. */
  readonly singletonsMax: number
  /**
   * How long the process of a singleton may take to end after it was asked to. Default 5,000; when its lease is lost, at
   * most nine tenths of the grace. Then it is killed.
   */
  readonly shutdownMs: number
  /** After its process has ended by itself, this node leaves the singleton to others for so long. Default 1,000. */
  readonly restartPauseMs: number
}

/** The defaults. */
export const SINGLETON_DEFAULTS: SingletonSettings = Object.freeze({
  singletonsMax: 256,
  shutdownMs: 5_000,
  restartPauseMs: 1_000,
})

/** Settings from options. Throws an `OptionError`. */
export function singletonSettings(given: Partial<SingletonSettings> = {}): SingletonSettings {
  return resolveOptions<SingletonSettings>(
    'singletons',
    SINGLETON_DEFAULTS,
    {
      singletonsMax: numberOption(1, 1_048_576),
      shutdownMs: numberOption(0, 3_600_000),
      restartPauseMs: numberOption(0, 3_600_000),
    },
    given,
  )
}
