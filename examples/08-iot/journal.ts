/**
 * A file of JSON lines. What was appended is on the disk when the promise resolves, so it outlives the power; a last line
 * that was cut off by its failure was never promised to anybody, and is dropped.
 */
import { open, readFile, rename } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

/** An open journal. */
export interface Journal {
  /** What was there when it was opened. */
  readonly entries: readonly unknown[]
  append(...values: readonly unknown[]): Promise<void>
  /** These are all that is in it from now on. */
  replace(values: readonly unknown[]): Promise<void>
  close(): Promise<void>
}

const linesOf = (values: readonly unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('')

/** Opens it, or makes it. Only one process may have it open. */
export async function openJournal(path: string): Promise<Journal> {
  let file: FileHandle = await open(path, 'a')
  const text = await readFile(path, 'utf8')
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  if (whole.length < text.length) await file.truncate(Buffer.byteLength(whole))
  const append = async (...values: readonly unknown[]): Promise<void> => {
    await file.appendFile(linesOf(values))
    await file.datasync()
  }
  return {
    entries: whole
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as unknown])),
    append,
    replace: async (values) => {
      const next = await open(`${path}.next`, 'w')
      await next.appendFile(linesOf(values))
      await next.datasync()
      await next.close()
      await file.close()
      await rename(`${path}.next`, path)
      file = await open(path, 'a')
    },
    close: () => file.close(),
  }
}
