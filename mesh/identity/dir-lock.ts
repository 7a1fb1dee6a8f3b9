/**
 * Which process uses a data directory, and as which incarnation of the node. Both are one question:
 * the lock of incarnation n is the file `lock.<n>`, made by a hard link, which either succeeds for
 * one process or fails. So an incarnation is claimed once, and it is on disk before it is used.
 *
 *     lock.41 {pid 812, released}          the last one said goodbye      -> claim 42
 *     lock.41 {pid 812, boot, start}       812 is gone, or is another one -> claim 42 (kill -9)
 *     lock.41 {pid 812, boot, start}       812 lives                      -> ERR_DATA_DIR_LOCKED
 *
 * Why two holders are impossible: the file with the highest number rules and stays until a higher one
 * exists. Whoever claims n has seen n - 1 released or its holder dead, and looks again afterwards: if
 * a higher number is there by then, the claim was late and is given back.
 *
 * A holder is recognised by process id, and on Linux by the boot and the start time of the process
 * too, so a reused id or a restarted container does not hold a lock. Elsewhere a reused id does; the
 * error says which file to remove. Two containers that share the directory but not their process ids
 * cannot see each other.
 */
import { link, readdir, readFile, unlink } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DataDirError } from './errors.ts'
import { replaceFile, writeNewFile } from './private-file.ts'

/** A claim on a directory. */
export interface DirLock {
  /** Number of this start. */
  readonly incarnation: number
  /** Lets the next process in. Idempotent. */
  release(): Promise<void>
}

/** Whoever holds a lock, as its file says. */
interface Holder {
  readonly pid: number
  /** Empty where the platform does not tell. */
  readonly bootId: string
  readonly startTicks: string
  readonly released: boolean
}

const LOCK_NAME = /^lock\.([1-9][0-9]{0,14})$/

/** Each failed attempt means that another process won one; a crowd larger than this is a mistake. */
const ATTEMPTS_MAX = 64

/** True for the name of a lock file. */
export function isLockName(name: string): boolean {
  return LOCK_NAME.test(name)
}

/** Claims `dir` with an incarnation above every earlier one and above `incarnationMin - 1`. */
export async function claimDir(dir: string, incarnationMin: number): Promise<DirLock> {
  const self = ownHolder()
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const highest = Math.max(0, ...(await lockNumbers(dir)))
    if (highest > 0) await requireFree(join(dir, `lock.${highest}`))
    const incarnation = Math.max(highest + 1, incarnationMin)
    if (!(await tryLink(dir, incarnation, self))) continue
    const numbers = await lockNumbers(dir)
    if (numbers.some((number) => number > incarnation)) {
      await unlinkIfThere(join(dir, `lock.${incarnation}`))
      continue
    }
    const older = numbers.filter((number) => number < incarnation)
    await Promise.all(older.map((number) => unlinkIfThere(join(dir, `lock.${number}`))))
    return new HeldLock(dir, incarnation, self)
  }
  throw locked(dir, 'by a crowd of starting processes', join(dir, 'lock.*'))
}

/**
 * Lets go of a directory that a thread of this process held when it ended. Only who has seen the thread end may call it:
 * the process lives, so nobody else can tell.
 */
export async function releaseAfterThread(dir: string): Promise<void> {
  const highest = Math.max(0, ...(await lockNumbers(dir)))
  if (highest === 0) return
  const name = `lock.${highest}`
  const holder = parseHolder(await readFile(join(dir, name), 'utf8'))
  const { pid, bootId: boot, startTicks } = ownHolder()
  if (holder === undefined || holder.released || holder.pid !== pid) return
  if (holder.bootId !== boot || holder.startTicks !== startTicks) return
  await replaceFile(dir, name, JSON.stringify({ ...holder, released: true }))
}

class HeldLock implements DirLock {
  readonly incarnation: number
  readonly #dir: string
  readonly #self: Holder
  #released: Promise<void> | undefined

  constructor(dir: string, incarnation: number, self: Holder) {
    this.#dir = dir
    this.incarnation = incarnation
    this.#self = self
  }

  release(): Promise<void> {
    // The file stays: it keeps the number.
    this.#released ??= this.#markReleased()
    return this.#released
  }

  async #markReleased(): Promise<void> {
    const text = JSON.stringify({ ...this.#self, released: true })
    try {
      await replaceFile(this.#dir, `lock.${this.incarnation}`, text)
    } catch (cause) {
      // Somebody removed the directory while we used it; then there is nothing to let go.
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    }
  }
}

async function lockNumbers(dir: string): Promise<number[]> {
  const names = await readdir(dir)
  return names.map((name) => Number(LOCK_NAME.exec(name)?.[1] ?? 0)).filter((number) => number > 0)
}

/** Throws `ERR_DATA_DIR_LOCKED` when the holder in `path` is alive. */
async function requireFree(path: string): Promise<void> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    // Superseded between listing and reading: look again.
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return
    throw cause
  }
  const holder = parseHolder(text)
  if (holder === undefined) throw locked(path, 'by nobody we can recognise', path)
  if (!holder.released && isAlive(holder)) throw locked(path, `by process ${holder.pid}`, path)
}

/** Makes `lock.<incarnation>` with its whole content at once; false when it is there already. */
async function tryLink(dir: string, incarnation: number, self: Holder): Promise<boolean> {
  const temporary = await writeNewFile(dir, JSON.stringify(self))
  try {
    await link(temporary, join(dir, `lock.${incarnation}`))
    return true
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    // ENOENT: the holder of the lock has swept our temporary file away.
    if (code === 'EEXIST' || code === 'ENOENT') return false
    throw new DataDirError(
      'ERR_DATA_DIR_UNREADABLE',
      dir,
      `${dir} can not be locked: its file system makes no hard links (${String(code)})`,
      { cause },
    )
  } finally {
    await unlinkIfThere(temporary)
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, bootId, startTicks, released } = JSON.parse(text) as Partial<Holder>
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 1) return undefined
    if (typeof bootId !== 'string' || typeof startTicks !== 'string') return undefined
    return { pid, bootId, startTicks, released: released === true }
  } catch {
    return undefined
  }
}

function ownHolder(): Holder {
  const { pid } = process
  return { pid, bootId: bootId(), startTicks: processStat(pid)?.startTicks ?? '', released: false }
}

function isAlive(holder: Holder): boolean {
  const ownBootId = bootId()
  if (holder.bootId !== '' && ownBootId !== '' && holder.bootId !== ownBootId) return false
  try {
    process.kill(holder.pid, 0)
  } catch (cause) {
    // EPERM: it lives and belongs to somebody else.
    return (cause as NodeJS.ErrnoException).code === 'EPERM'
  }
  const stat = processStat(holder.pid)
  if (stat === undefined || holder.startTicks === '') return true
  // A killed process whose parent has not asked for its status yet still has its id.
  return stat.state !== 'Z' && stat.startTicks === holder.startTicks
}

function bootId(): string {
  return readOrEmpty('/proc/sys/kernel/random/boot_id').trim()
}

/** State and start time of a process on Linux (proc(5): fields 3 and 22 of `stat`). */
function processStat(pid: number): { state: string; startTicks: string } | undefined {
  const text = readOrEmpty(`/proc/${pid}/stat`)
  // The second field is the name in parentheses and may contain anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const state = fields[0]
  const startTicks = fields[19]
  return text === '' || state === undefined || startTicks === undefined
    ? undefined
    : { state, startTicks }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function locked(path: string, by: string, remove: string): DataDirError {
  return new DataDirError(
    'ERR_DATA_DIR_LOCKED',
    path,
    `the data directory is in use ${by}; if no node uses it, remove ${remove}`,
  )
}
