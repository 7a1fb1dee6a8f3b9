/**
 * Everything of the outside world that a command may touch, as one parameter: tests run commands
 * without a terminal, without signals and on their own clock.
 */
import type { Clock, Entropy } from '../../runtime/index.ts'

/** Why a long-running command is asked to stop. */
export type StopCause = 'SIGINT' | 'SIGTERM' | 'parent_gone'

/** The terminal, the environment and the signals of one run. */
export interface CliIo {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly env: Readonly<Record<string, string | undefined>>
  /** True when standard output is a terminal: colours are allowed. */
  readonly terminal: boolean
  /** Lines that the terminal shows at once; Infinity when standard output is none. */
  terminalRows(): number
  /** Writes one line to standard output. */
  out(line: string): void
  /** Writes one line to standard error. */
  err(line: string): void
  /** Calls `handler` for each request to stop; gives the way to unsubscribe. */
  onStop(handler: (cause: StopCause) => void): () => void
  /** Calls `handler` when nobody reads standard output any more; gives the way to unsubscribe. */
  onOutputGone(handler: () => void): () => void
  /** Ends the program at once, whatever is still open. */
  exitNow(code: number): void
}
