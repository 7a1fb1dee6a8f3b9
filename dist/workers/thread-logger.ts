/** Lines of a worker node go to the log of the node that started it; a flood of them must not fill its memory. */
import { createRealClock, type Clock, type Logger } from '../../runtime/index.ts'
import type { LogLevel, ThreadMessage } from './thread-protocol.ts'

/** Lines that a worker passes on within a second; the others are counted and told of with the next. */
export const LOG_LINES_PER_SECOND_MAX = 200

/** A logger that passes on what is `info` or worse. */
export function createThreadLogger(
  say: (message: ThreadMessage) => void,
  clock: Clock = createRealClock(),
): Logger {
  let since = clock.now()
  let lines = 0
  let dropped = 0
  const pass =
    (level: LogLevel) =>
    (given: Readonly<Record<string, unknown>>, text: string): void => {
      const nowMs = clock.now()
      if (nowMs - since >= 1_000) {
        since = nowMs
        lines = 0
      }
      if (++lines > LOG_LINES_PER_SECOND_MAX) {
        dropped++
        return
      }
      const fields = { ...clonable(given), ...(dropped > 0 ? { linesDropped: dropped } : {}) }
      dropped = 0
      say({ type: 'log', level, fields, text })
    }
  return { debug: () => {}, info: pass('info'), warn: pass('warn'), error: pass('error') }
}

/** What cannot cross threads goes as text. */
function clonable(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(fields).map(([name, value]): [string, unknown] => {
    const isPlain = value === null || !['object', 'function', 'symbol'].includes(typeof value)
    if (isPlain) return [name, value]
    return [name, value instanceof Error ? (value.stack ?? value.message) : String(value)]
  })
  return Object.fromEntries(entries)
}
