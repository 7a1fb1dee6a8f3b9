/**
 * The status of a process, taken from outside and at once: also of one that is busy for ever or suspended.
 * Follows sys:get_status; differs: it does not ask the process, so it never waits for it.
 */
import { debugOf, factsOf, type Pid, type Process, type ProcessFacts } from '../../runtime/index.ts'

/** A process from outside. */
export interface ProcessStatus extends ProcessFacts {
  readonly pid: Pid
  readonly label: string
  /** `'gen_server'`, `'supervisor'`, ... ; `'process'` for what does not say. */
  readonly behaviour: string
  readonly parent: Pid | undefined
  /** Parent, its parent, and so on, as far as they live here (G-70). */
  readonly ancestors: readonly Pid[]
  readonly startedAtMs: number
  readonly trapExit: boolean
  /** Queued user messages. */
  readonly mailboxLength: number
  /** As the last handler that is done left it. */
  readonly state: unknown
  /** What its behaviour adds. */
  readonly details: Readonly<Record<string, unknown>>
}

/** The status of a live process. */
export function statusOf(process: Process): ProcessStatus {
  const { pid, label, startedAtMs, trapExit, mailboxLength } = process
  const debug = debugOf(process)
  const parent = debug?.parent?.(process) ?? process.parent
  return {
    pid,
    label,
    behaviour: debug?.behaviour ?? 'process',
    parent,
    ancestors: ancestorsOf(process, parent),
    startedAtMs,
    trapExit,
    mailboxLength,
    ...factsOf(process),
    state: debug?.getState(process),
    details: debug?.status?.(process) ?? {},
  }
}

/** Up to the first that is not alive here, or was met before: nobody checks what a start calls its parent. */
function ancestorsOf({ system }: Process, parent: Pid | undefined): Pid[] {
  const ancestors: Pid[] = []
  const seen = new Set<Process>()
  for (let pid = parent; pid !== undefined;) {
    const process = system.process(pid)
    if (process !== undefined && seen.has(process)) break
    ancestors.push(pid)
    if (process === undefined) break
    seen.add(process)
    pid = process.parent
  }
  return ancestors
}
