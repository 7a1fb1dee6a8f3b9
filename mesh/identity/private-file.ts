/**
 * Files that only their owner reads. Written to a temporary file of mode 0600 beside their place,
 * flushed, then moved: a crash leaves the old content or the new, never a part.
 */
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { createSystemEntropy } from '../../runtime/index.ts'

const TEMPORARY_PREFIX = '.fovea-new-'

/** True for what a crash may leave of an unfinished write. */
export function isTemporaryName(name: string): boolean {
  return name.startsWith(TEMPORARY_PREFIX)
}

/** Writes `text` to a new temporary file in `dir` and gives its path. */
export async function writeNewFile(dir: string, text: string): Promise<string> {
  // Chance that no seed repeats: several processes may do this in one directory at once.
  const random = Buffer.from(createSystemEntropy().bytes(12)).toString('hex')
  const path = join(dir, `${TEMPORARY_PREFIX}${random}`)
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  return path
}

/** Makes `text` the content of `name` in `dir`, whatever was there before. */
export async function replaceFile(dir: string, name: string, text: string): Promise<void> {
  const temporary = await writeNewFile(dir, text)
  await rename(temporary, join(dir, name))
  await syncDir(dir)
}

/** Flushes the entries of a directory; where the platform cannot open one, the rename must do. */
async function syncDir(dir: string): Promise<void> {
  try {
    const handle = await open(dir, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'EISDIR' && code !== 'EPERM' && code !== 'EINVAL' && code !== 'EACCES') throw cause
  }
}
