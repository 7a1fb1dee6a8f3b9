/** When a program of an example ends: Ctrl-C, SIGTERM, or the end of its input, when whoever started it is gone. */
import process from 'node:process'

/** Resolves then. */
export function untilAsked(): Promise<void> {
  return new Promise((resolve) => {
    const asked = (): void => {
      process.off('SIGINT', asked).off('SIGTERM', asked)
      process.stdin.off('end', asked).pause()
      resolve()
    }
    process.once('SIGINT', asked).once('SIGTERM', asked)
    process.stdin.once('end', asked).resume()
  })
}
