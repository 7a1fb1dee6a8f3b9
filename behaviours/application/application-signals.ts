/**
 * The one place of this layer that touches the program itself: its signals, its exit code, its end.
 */
import { constants } from 'node:os'
import process from 'node:process'

/** What `runApplication` needs of the program that it runs in. Tests give one of their own. */
export interface SignalSource {
  on(signal: string, listener: () => void): void
  off(signal: string, listener: () => void): void
  /** What the program will end with, when it ends. A success does not hide an earlier failure. */
  setExitCode(code: number): void
  /** Ends the program now. */
  exit(code: number): void
  /** Says why the program fails, to whoever looks at it. */
  report(text: string): void
}

/**
 * The program's own signals and end.
 *
 * @example
 * const listener = (): void => {}
 * operatingSystem.on('SIGUSR2', listener)
 * operatingSystem.off('SIGUSR2', listener)
 * assert.equal(process.listenerCount('SIGUSR2'), 0)
 */
export const operatingSystem: SignalSource = Object.freeze<SignalSource>({
  on: (signal, listener) => void process.on(signal, listener),
  off: (signal, listener) => void process.off(signal, listener),
  setExitCode: (code) => {
    process.exitCode ||= code
  },
  exit: (code) => process.exit(code),
  report: (text) => void process.stderr.write(`${text}\n`),
})

/** Whether the operating system has a signal of that name. */
export function isSignal(value: unknown): boolean {
  return typeof value === 'string' && Object.hasOwn(constants.signals, value)
}

/** The exit code of a program that a signal ended, as shells count. */
export function exitCodeOf(signal: string): number {
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? 0)
}
