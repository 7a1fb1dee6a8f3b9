/**
 * Bytes to lines. A line longer than the limit is refused before it is kept, whatever the split of
 * the chunks; work is linear in the bytes.
 */
import { CliError } from '../errors.ts'

const NEWLINE = 0x0a

/** Cuts a byte stream at newlines. Empty lines are skipped. */
export class LineDecoder {
  readonly #bytesMax: number
  #parts: Uint8Array[] = []
  #bytes = 0

  constructor(options: { readonly bytesMax: number }) {
    this.#bytesMax = options.bytesMax
  }

  /** Calls `onLine` for each line that `chunk` completes; throws `ERR_CONTROL_LINE_TOO_LONG`. */
  push(chunk: Uint8Array, onLine: (line: string) => void): void {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start)
      const part = chunk.subarray(start, end === -1 ? chunk.length : end)
      if (this.#bytes + part.length > this.#bytesMax) throw this.#tooLong()
      if (end === -1) {
        if (part.length > 0) this.#keep(part)
        return
      }
      const line = this.#take(part)
      if (line !== '') onLine(line)
      start = end + 1
    }
  }

  #keep(part: Uint8Array): void {
    this.#parts.push(part)
    this.#bytes += part.length
  }

  #take(last: Uint8Array): string {
    if (this.#parts.length === 0) return Buffer.from(last).toString('utf8').trim()
    const line = Buffer.concat([...this.#parts, last])
    this.#parts = []
    this.#bytes = 0
    return line.toString('utf8').trim()
  }

  #tooLong(): CliError {
    this.#parts = []
    this.#bytes = 0
    return new CliError(
      'ERR_CONTROL_LINE_TOO_LONG',
      `a control line is longer than ${this.#bytesMax} bytes`,
    )
  }
}
