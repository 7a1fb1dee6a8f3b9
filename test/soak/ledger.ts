/**
 * Linear accounting of what the processes of the soak wrote down: what was asked ended once, what was executed was executed
 * once, what was said arrived in order and without a gap until a monitor told of the loss, and a monitor told the truth.
 * Pure: gives what is wrong, in words, and how much of each thing there was.
 */
import { LATE_US, lateUs, standstills } from './ledger-time.ts'
import { linesOf, type Findings, type Run } from './run.ts'

const CALL_CODES =
  /^ERR_CALL_TIMEOUT$|^ERR_CALL_EXIT (?:noconnection|noproc|shutdown)$|^ERR_PEER_BACKLOG/
const NOT_EXECUTED = /noproc|ERR_PEER_BACKLOG/

function tally(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1
}

/** Calls: one end each, in time but for standstills; what was answered was executed once, what was not at most once. */
export function checkCalls(runs: readonly Run[], timeoutMs: number): Findings {
  const faults: string[] = []
  const counts: Record<string, number> = {}
  const executed = new Map<string, number>()
  let latestUs = 0
  for (const run of runs) {
    for (const { from, n } of linesOf(run, 'executed')) {
      executed.set(`${from} ${n}`, (executed.get(`${from} ${n}`) ?? 0) + 1)
    }
  }
  for (const run of runs) {
    const begun = new Map(linesOf(run, 'call').map((line) => [line.n, line]))
    const still = standstills(run)
    const ended = new Set<number>()
    for (const { n, value, code, atUs } of linesOf(run, 'answer')) {
      const call = `call ${n} of ${run.run}`
      tally(counts, `calls ${code ?? 'answered'}`)
      const start = begun.get(n)
      if (start === undefined || ended.has(n)) {
        faults.push(`${call} ended ${start === undefined ? 'without a begin' : 'twice'}`)
        continue
      }
      ended.add(n)
      const times = executed.get(`${run.run} ${n}`) ?? 0
      if (code === undefined && value !== n + 1)
        faults.push(`${call} was answered ${String(value)}`)
      if (code === undefined ? times !== 1 : times > (NOT_EXECUTED.test(code) ? 0 : 1)) {
        faults.push(`${call} was executed ${times} times, and ended with ${code ?? 'an answer'}`)
      }
      if (code !== undefined && !CALL_CODES.test(code)) faults.push(`${call} ended with ${code}`)
      const late = lateUs(still, start.atUs, timeoutMs * 1_000, atUs)
      latestUs = Math.max(latestUs, late)
      if (late > LATE_US) faults.push(`${call} ended ${late / 1_000} ms late`)
    }
    if (run.fate !== 'killed') {
      for (const n of begun.keys())
        if (!ended.has(n)) faults.push(`call ${n} of ${run.run} never ended`)
    }
    for (const n of begun.keys()) executed.delete(`${run.run} ${n}`)
  }
  for (const call of executed.keys()) faults.push(`call ${call} was executed and never made`)
  return { faults, counts: { ...counts, 'calls: latest ms': Math.round(latestUs / 1_000) } }
}

interface Epoch {
  sent: number
  reason: string | undefined
  readonly got: { readonly at: Run; readonly n: number }[]
}

/**
 * Casts: those of an epoch arrive in order, from the first on, without a gap, at one start of one process; epochs arrive
 * one after another; and one that no DOWN has ended arrives as a whole.
 */
export function checkCasts(runs: readonly Run[]): Findings {
  const faults: string[] = []
  const counts: Record<string, number> = {}
  const epochs = new Map<string, Epoch>()
  const name = (from: string, key: string, epoch: number): string => `${from} > ${key} # ${epoch}`
  for (const run of runs) {
    for (const line of run.lines) {
      if (line.kind === 'watch') {
        epochs.set(name(run.run, line.key, line.epoch), { sent: 0, reason: undefined, got: [] })
      } else if (line.kind === 'cast') {
        epochs.get(name(run.run, line.key, line.epoch))!.sent = line.n
      } else if (line.kind === 'down') {
        const epoch = epochs.get(name(run.run, line.key, line.epoch))
        tally(counts, `monitors ${line.reason}`)
        if (epoch === undefined) faults.push(`a monitor that ${run.run} never made fired`)
        else if (epoch.reason !== undefined) faults.push(`a monitor of ${run.run} fired twice`)
        else epoch.reason = line.reason
      }
    }
  }
  for (const run of runs) {
    const last = new Map<string, { readonly epoch: number; readonly n: number }>()
    for (const { from, epoch, n } of linesOf(run, 'got')) {
      tally(counts, 'casts')
      const before = last.get(from)
      if (
        before !== undefined &&
        !(epoch > before.epoch || (epoch === before.epoch && n > before.n))
      ) {
        faults.push(
          `${run.run} got cast ${n} of epoch ${epoch} of ${from} after ${before.n} of epoch ${before.epoch}`,
        )
      }
      last.set(from, { epoch, n })
      const known = epochs.get(name(from, run.key, epoch))
      if (known === undefined) faults.push(`${run.run} got a cast that ${from} never made`)
      else known.got.push({ at: run, n })
    }
  }
  const byRun = new Map(runs.map((run) => [run.run, run]))
  for (const [epochName, { sent, reason, got }] of epochs) {
    const sender = byRun.get(epochName.slice(0, epochName.indexOf(' ')))!
    // A name that nobody had yet may be somebody's for the casts that follow, as in Erlang.
    if (reason !== 'noproc') {
      const gap = got.findIndex(({ n }, at) => n !== at + 1)
      if (gap >= 0) faults.push(`${epochName}: cast ${gap + 1} is missing before ${got[gap]!.n}`)
      if (new Set(got.map(({ at }) => at)).size > 1)
        faults.push(`${epochName} arrived at two starts`)
    }
    if (sender.fate === 'rested' && reason === undefined) {
      const key = epochName.slice(epochName.indexOf('>') + 2, epochName.indexOf('#') - 1)
      const target = runs.find((run) => run.key === key && run.fate === 'rested')
      if (target === undefined || got.some(({ at }) => at !== target)) {
        faults.push(`${epochName}: the process is gone and no DOWN came`)
      } else if (got.length !== sent) faults.push(`${epochName}: ${got.length} of ${sent} arrived`)
    }
    if (sender.fate !== 'killed' && got.length > sent) {
      faults.push(`${epochName}: ${got.length} arrived and ${sent} were sent`)
    }
  }
  return { faults, counts }
}

/** Processes of other nodes: born once, and mourned once, by the reason of their death or for a lost connection. */
export function checkSpawns(runs: readonly Run[]): Findings {
  const faults: string[] = []
  const counts: Record<string, number> = {}
  const born = new Map<string, number>()
  const died = new Map<string, string>()
  for (const run of runs) {
    for (const { id } of linesOf(run, 'born')) born.set(id, (born.get(id) ?? 0) + 1)
    for (const { id, reason } of linesOf(run, 'died')) died.set(id, reason)
  }
  for (const [id, times] of born) if (times > 1) faults.push(`${id} was born ${times} times`)
  for (const run of runs) {
    const spawned = new Map<string, string | undefined>()
    for (const { id, code } of linesOf(run, 'spawned')) {
      if (spawned.has(id)) faults.push(`the spawn of ${id} ended twice`)
      spawned.set(id, code)
      tally(counts, `spawns ${code ?? 'done'}`)
      if (code === undefined && born.get(id) !== 1) faults.push(`${id} was spawned and not born`)
    }
    const mourned = new Map<string, string>()
    for (const { id, reason } of linesOf(run, 'mourned')) {
      if (mourned.has(id)) faults.push(`${id} was mourned twice`)
      mourned.set(id, reason)
      const truth = died.get(id)
      tally(counts, `deaths ${reason.startsWith('reason') ? 'told' : reason}`)
      const isTrue =
        reason === 'noconnection' ||
        reason === truth ||
        (reason === 'noproc' && truth !== undefined)
      if (!isTrue) faults.push(`${id} died of ${String(truth)} and was mourned for ${reason}`)
    }
    if (run.fate === 'killed') continue
    for (const { id } of linesOf(run, 'spawn')) {
      if (!spawned.has(id)) faults.push(`the spawn of ${id} never ended`)
      const isDone = spawned.has(id) && spawned.get(id) === undefined
      if (isDone && run.fate === 'rested' && !mourned.has(id))
        faults.push(`${id} was never mourned`)
    }
  }
  return { faults, counts }
}

/** Requests of leases and names: each ends once, with a code of those that are documented for it. */
export function checkAsks(runs: readonly Run[], codes: RegExp): Findings {
  const faults: string[] = []
  const counts: Record<string, number> = {}
  for (const run of runs) {
    const open = new Set<string>()
    for (const line of run.lines) {
      if (line.kind === 'ask') open.add(`${line.what} ${line.n}`)
      if (line.kind !== 'told') continue
      const ask = `${line.what} ${line.n}`
      if (!open.delete(ask)) faults.push(`${ask} of ${run.run} ended twice`)
      tally(counts, `${line.what} ${line.code ?? 'had'}`)
      if (line.code !== undefined && !codes.test(line.code)) {
        faults.push(`${ask} of ${run.run} ended with ${line.code}`)
      }
    }
    if (run.fate === 'killed') continue
    for (const ask of open) faults.push(`${ask} of ${run.run} never ended`)
  }
  return { faults, counts }
}
