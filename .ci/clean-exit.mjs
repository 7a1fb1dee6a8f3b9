/**
 * Runs a command and tells whether it ended well: exit code 0, in time, and no process of its own left
 * running. `node .ci/clean-exit.mjs SECONDS COMMAND [ARGUMENTS]` exits with 0 or 1.
 *
 * Descendants are found by looking through /proc while the command runs, so one that moved to a group
 * of its own is seen too. Where there is no /proc, only the command's own group is checked.
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { argv } from 'node:process'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const LOOK_EVERY_MS = 200
/** How long children may take to end after the command did. */
const GRACE_MS = 2_000

/**
 * Undefined when all is well, else what is not.
 *
 * @param {readonly string[]} command
 * @param {number | undefined} secondsMax
 * @returns {Promise<string | undefined>}
 */
export async function runToTheEnd([program = '', ...args], secondsMax) {
  const detached = process.platform !== 'win32'
  const child = spawn(program, args, { stdio: 'inherit', detached })
  const end = new Promise((resolve) => {
    child.on('exit', (code, signal) => resolve(code ?? signal))
    child.on('error', (error) => resolve(error.message))
  })
  const pid = child.pid
  if (pid === undefined) return `cannot start ${program}`
  /** @type {Map<number, string>} */
  const family = new Map([[pid, startOf(pid)]])
  const looking = setInterval(() => grow(family), LOOK_EVERY_MS)
  const forward = () => kill(family, 'SIGINT')
  process.on('SIGINT', forward)
  let late = false
  const deadline =
    secondsMax === undefined
      ? undefined
      : setTimeout(() => {
          late = true
          kill(family, 'SIGKILL')
        }, secondsMax * 1000)

  const ended = await end
  clearTimeout(deadline)
  process.off('SIGINT', forward)
  const left = await leftOver(family, pid)
  clearInterval(looking)
  const names = left.map(([id]) => describe(id)).join('; ')
  kill(new Map(left), 'SIGKILL')

  if (late) return `did not end within ${secondsMax} s`
  if (ended !== 0) return `ended with ${ended}`
  return left.length === 0 ? undefined : `left running: ${names}`
}

/** @param {Map<number, string>} family @param {number} root */
async function leftOver(family, root) {
  for (let waited = 0; ; waited += LOOK_EVERY_MS) {
    grow(family)
    const alive = [...family].filter(([id, start]) => id !== root && startOf(id) === start)
    if (alive.length === 0 || waited >= GRACE_MS) return alive
    await wait(LOOK_EVERY_MS)
  }
}

/** Adds the children of those known. @param {Map<number, string>} family */
function grow(family) {
  if (!existsSync('/proc/self/stat')) return
  for (const name of readdirSync('/proc')) {
    const id = Number(name)
    if (!Number.isInteger(id) || family.has(id)) continue
    const stat = statOf(id)
    // A parent that ended hands its children to another; its group still names it.
    if (stat !== undefined && (family.has(stat.parent) || family.has(stat.group))) {
      family.set(id, stat.start)
    }
  }
}

/** @param {number} id */
function startOf(id) {
  const stat = statOf(id)
  return stat === undefined || stat.state === 'Z' ? 'gone' : stat.start
}

/** @param {number} id */
function statOf(id) {
  try {
    // The name in brackets may hold anything, so fields are counted from its end.
    const text = readFileSync(`/proc/${id}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return {
      state: fields[0] ?? '',
      parent: Number(fields[1]),
      group: Number(fields[2]),
      start: fields[19] ?? '',
    }
  } catch {
    return undefined
  }
}

/** @param {number} id */
function describe(id) {
  try {
    return `${id} ${readFileSync(`/proc/${id}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()}`
  } catch {
    return String(id)
  }
}

/** @param {ReadonlyMap<number, string>} family @param {NodeJS.Signals} signal */
function kill(family, signal) {
  for (const [id, start] of family) {
    if (startOf(id) !== start && existsSync('/proc/self/stat')) continue
    try {
      process.kill(id, signal)
    } catch {
      // It ended by itself in the meantime.
    }
  }
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const [seconds, ...command] = argv.slice(2)
  const problem = await runToTheEnd(command, Number(seconds))
  if (problem !== undefined) {
    console.error(`${command.join(' ')}: ${problem}`)
    process.exitCode = 1
  }
}
