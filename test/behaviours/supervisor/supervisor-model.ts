/**
 * supervisor.erl (OTP 25) and dynamic_supervisor.ex on plain lists, for whole trees: starts and ends are lines
 * in `log`, time is a number. Written from the rules of those two, it shares no code with the library; the
 * model-based tests compare. Deviations are none.
 *
 * Events are worked off one by one, as mailboxes would: an end of a child, or a supervisor's own "try again".
 */
import type { AutoShutdown, RestartType } from '../../../behaviours/index.ts'

export type ModelStrategy = 'one_for_one' | 'one_for_all' | 'rest_for_one' | 'dynamic'

/** How a worker takes being stopped: at once, or never, so that its deadline decides. */
export type ModelStop = 'prompt' | 'stuck'

interface Common {
  readonly id: string
  readonly restart: RestartType
  readonly significant: boolean
}

export interface WorkerSpec extends Common {
  readonly kind: 'worker'
  readonly stop: ModelStop
  readonly shutdown: number | 'brutal_kill' | 'infinity'
}

export interface SupervisorSpec extends Common {
  readonly kind: 'supervisor'
  readonly strategy: ModelStrategy
  readonly autoShutdown: AutoShutdown
  readonly intensity: number
  readonly periodMs: number
  /** A dynamic one starts without any. */
  readonly children: readonly NodeSpec[]
}

export type NodeSpec = WorkerSpec | SupervisorSpec

/** What the next start of a child does. */
export type StartFault = 'fail' | 'ignore'

/** Faults by child, in order; both sides have a copy that they use up. */
export class StartScript {
  readonly #faults = new Map<string, StartFault[]>()

  add(id: string, fault: StartFault, times: number): void {
    const list = this.#faults.get(id) ?? []
    for (let i = 0; i < times; i++) list.push(fault)
    this.#faults.set(id, list)
  }
  next(id: string): StartFault | undefined {
    return this.#faults.get(id)?.shift()
  }
}

export interface ModelChild {
  readonly spec: NodeSpec
  pid: 'undefined' | 'running' | 'restarting'
  /** False for a process that ended and whose supervisor has not noticed. */
  alive: boolean
  /** Counts its processes, so that an old one's end is known. */
  process: number
  supervisor: ModelSupervisor | undefined
}

type Returned = 'ok' | { readonly tryAgain: ModelChild }
type Event =
  | {
      readonly type: 'exit'
      readonly child: ModelChild
      readonly process: number
      readonly reason: string
    }
  | { readonly type: 'try_again'; readonly child: ModelChild }

/** One running supervisor. */
export class ModelSupervisor {
  readonly spec: SupervisorSpec
  readonly parent: { readonly supervisor: ModelSupervisor; readonly child: ModelChild } | undefined
  /** Newest first, as in supervisor.erl. */
  children: ModelChild[] = []
  restarts: number[] = []
  down = false

  constructor(spec: SupervisorSpec, parent: ModelSupervisor['parent']) {
    this.spec = spec
    this.parent = parent
  }
  get dynamic(): boolean {
    return this.spec.strategy === 'dynamic'
  }
}

const isClean = (reason: string): boolean =>
  reason === 'normal' || reason === 'shutdown' || reason === '{shutdown}'

/** A tree of supervisors. */
export class ModelTree {
  readonly log: string[] = []
  readonly script = new StartScript()
  now = 0
  readonly root: ModelSupervisor
  readonly #events: { readonly supervisor: ModelSupervisor; readonly event: Event }[] = []

  constructor(spec: SupervisorSpec) {
    this.root = new ModelSupervisor(spec, undefined)
    this.#init(this.root)
    this.log.push(`start ${spec.id}`)
  }

  // --- what happens to it

  /** Processes end by themselves, before any supervisor notices; then all is dealt with. */
  crash(
    supervisor: ModelSupervisor,
    deaths: readonly { readonly child: ModelChild; readonly reason: string }[],
  ): void {
    for (const { child, reason } of deaths) {
      child.alive = false
      this.log.push(`down ${child.spec.id} ${reason}`)
      this.#events.push({
        supervisor,
        event: { type: 'exit', child, process: child.process, reason },
      })
    }
    this.#settle()
  }

  /** Somebody stops a supervisor, with `normal`. */
  stop(supervisor: ModelSupervisor): void {
    this.#end(supervisor, 'normal')
    this.#settle()
  }

  terminateChild(supervisor: ModelSupervisor, child: ModelChild): string {
    this.#doTerminate(child)
    this.#del(supervisor, child)
    return 'ok'
  }

  restartChild(child: ModelChild): string {
    if (child.pid === 'running') return 'ERR_CHILD_RUNNING'
    return this.#started(this.#doStart(child), child)
  }

  deleteChild(supervisor: ModelSupervisor, child: ModelChild): string {
    if (child.pid === 'running') return 'ERR_CHILD_RUNNING'
    supervisor.children = supervisor.children.filter((other) => other !== child)
    return 'ok'
  }

  startChild(supervisor: ModelSupervisor, spec: NodeSpec): string {
    const child = newChild(spec)
    const result = this.#doStart(child, supervisor)
    const keeps = supervisor.dynamic || spec.restart === 'temporary' ? 'ok' : 'ignore'
    if (result === 'ok' || result === keeps) supervisor.children.unshift(child)
    return this.#started(result, child)
  }

  #started(result: 'ok' | StartFault, child: ModelChild): string {
    if (result === 'ok') return 'ok'
    child.pid = 'undefined'
    return result === 'fail' ? 'ERR_CHILD_START' : 'ignored'
  }

  // --- what can be seen of it

  /** Live supervisors, parents first, oldest child first. */
  supervisors(from: ModelSupervisor = this.root): ModelSupervisor[] {
    if (from.down) return []
    const inner = [...from.children].reverse().flatMap(({ supervisor, pid }) => {
      return pid === 'running' && supervisor !== undefined ? this.supervisors(supervisor) : []
    })
    return [from, ...inner]
  }

  /** Every live supervisor with its children, oldest first; those without ids by their specifications. */
  get view(): string[] {
    return this.supervisors().map(({ spec, children }) => {
      const list = [...children].reverse().map((child) => `${child.spec.id} ${child.pid}`)
      return `${spec.id}: ${list.join(', ')}`
    })
  }

  get processes(): number {
    const workers = this.supervisors().flatMap(({ children }) =>
      children.filter(({ spec, pid }) => spec.kind === 'worker' && pid === 'running'),
    )
    return this.supervisors().length + workers.length
  }

  // --- starting and stopping

  /** init_children: in order; if one fails those before it are stopped again. */
  #init(supervisor: ModelSupervisor): boolean {
    for (const spec of supervisor.spec.children) {
      const child = newChild(spec)
      const result = this.#doStart(child, supervisor)
      if (result === 'fail') {
        for (const other of supervisor.children) this.#doTerminate(other)
        return false
      }
      if (result === 'ok' || spec.restart !== 'temporary') supervisor.children.unshift(child)
    }
    return true
  }

  readonly #owners = new Map<ModelChild, ModelSupervisor>()

  #doStart(child: ModelChild, owner = this.#owners.get(child)): 'ok' | StartFault {
    const { spec } = child
    if (owner !== undefined) this.#owners.set(child, owner)
    let fault = this.script.next(spec.id)
    if (fault === undefined && spec.kind === 'supervisor') {
      const parent = { supervisor: owner as ModelSupervisor, child }
      child.supervisor = new ModelSupervisor(spec, parent)
      if (!this.#init(child.supervisor)) fault = 'fail'
    }
    this.log.push(`${fault ?? 'start'} ${spec.id}`)
    child.pid = fault === undefined ? 'running' : 'undefined'
    child.alive = fault === undefined
    child.process++
    return fault ?? 'ok'
  }

  #doTerminate(child: ModelChild): void {
    const { spec, pid, alive, supervisor } = child
    child.pid = 'undefined'
    if (pid !== 'running' || !alive) return
    child.alive = false
    if (spec.kind === 'supervisor') {
      this.#terminateAll(supervisor as ModelSupervisor, 'shutdown')
      return
    }
    const killed = spec.shutdown === 'brutal_kill' || spec.stop === 'stuck'
    if (spec.shutdown !== 'brutal_kill' && spec.stop === 'stuck') this.now += Number(spec.shutdown)
    this.log.push(`down ${spec.id} ${killed ? 'killed' : 'shutdown'}`)
  }

  /** A supervisor's last act; a dynamic one asks all at once, so the longest deadline counts. */
  #terminateAll(supervisor: ModelSupervisor, reason: string): void {
    supervisor.down = true
    const running = supervisor.children.filter(({ pid, alive }) => pid === 'running' && alive)
    if (!supervisor.dynamic) for (const child of running) this.#doTerminate(child)
    else this.#terminateTogether(running)
    this.log.push(`down ${supervisor.spec.id} ${reason}`)
  }

  /** Killed at once, then those who obey, then those whose time is over, each in start order. */
  #terminateTogether(running: readonly ModelChild[]): void {
    const from = this.now
    const waits = [...running].reverse().map((child) => ({ child, ms: waitOf(child.spec) }))
    let longest = 0
    for (const { child, ms } of waits.sort((a, b) => a.ms - b.ms)) {
      this.now = from
      this.#doTerminate(child)
      longest = Math.max(longest, ms)
    }
    this.now = from + Math.max(0, longest)
  }

  /** del_child/2: temporary ones go, and all that have no id; others lose their pid. */
  #del(supervisor: ModelSupervisor, child: ModelChild): void {
    child.pid = 'undefined'
    if (child.spec.restart !== 'temporary' && !supervisor.dynamic) return
    supervisor.children = supervisor.children.filter((other) => other !== child)
  }

  // --- ends of children

  #settle(): void {
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      const { supervisor, event } = next
      if (supervisor.down || !supervisor.children.includes(event.child)) continue
      const { child } = event
      if (event.type === 'try_again') {
        if (child.pid === 'restarting') this.#restart(supervisor, child)
      } else if (child.pid === 'running' && child.process === event.process) {
        this.#exit(supervisor, child, event.reason)
      }
    }
  }

  /** do_restart/3. */
  #exit(supervisor: ModelSupervisor, child: ModelChild, reason: string): void {
    const { restart } = child.spec
    if (restart === 'permanent') this.#restart(supervisor, child)
    else if (isClean(reason)) this.#gone(supervisor, child)
    else if (restart === 'transient') this.#restart(supervisor, child)
    else this.#gone(supervisor, child)
  }

  /** del_child and do_auto_shutdown. */
  #gone(supervisor: ModelSupervisor, child: ModelChild): void {
    this.#del(supervisor, child)
    const { autoShutdown } = supervisor.spec
    if (!child.spec.significant || autoShutdown === 'never') return
    const others = supervisor.children.some(
      ({ spec, pid }) => spec.significant && pid !== 'undefined',
    )
    if (autoShutdown === 'any_significant' || !others) this.#end(supervisor, 'shutdown')
  }

  /** terminate/2, and its end is a message to the one above. */
  #end(supervisor: ModelSupervisor, reason: string): void {
    this.#terminateAll(supervisor, reason)
    const above = supervisor.parent
    if (above === undefined) return
    const { child } = above
    child.alive = false
    this.#events.push({
      supervisor: above.supervisor,
      event: { type: 'exit', child, process: child.process, reason },
    })
  }

  /** restart/2 and add_restart/1: the period is inclusive, the limit is more than intensity. */
  #restart(supervisor: ModelSupervisor, child: ModelChild): void {
    const { intensity, periodMs } = supervisor.spec
    supervisor.restarts = [this.now, ...supervisor.restarts].filter(
      (time) => this.now - time <= periodMs,
    )
    if (supervisor.restarts.length > intensity) {
      this.#del(supervisor, child)
      this.#end(supervisor, 'shutdown')
      return
    }
    const returned = this.#restartBy(supervisor, child)
    if (returned === 'ok') return
    this.#events.push({ supervisor, event: { type: 'try_again', child: returned.tryAgain } })
  }

  #restartBy(supervisor: ModelSupervisor, child: ModelChild): Returned {
    const index = supervisor.children.indexOf(child)
    switch (supervisor.spec.strategy) {
      case 'one_for_one':
        return this.#restartOne(child)
      case 'dynamic': {
        const returned = this.#restartOne(child)
        const rest = supervisor.children.filter((other) => other !== child)
        if (child.pid === 'running') supervisor.children = [child, ...rest]
        if (child.pid === 'undefined') supervisor.children = rest
        return returned
      }
      case 'rest_for_one': {
        // split_child: the failed one is the last of ChAfter, with its pid undefined.
        child.pid = 'undefined'
        const before = supervisor.children.slice(index + 1)
        return this.#restartMultiple(supervisor, supervisor.children.slice(0, index + 1), before)
      }
      case 'one_for_all':
        this.#del(supervisor, child)
        return this.#restartMultiple(supervisor, supervisor.children, [])
    }
  }

  #restartOne(child: ModelChild): Returned {
    if (this.#doStart(child) !== 'fail') return 'ok'
    child.pid = 'restarting'
    return { tryAgain: child }
  }

  #restartMultiple(
    supervisor: ModelSupervisor,
    group: readonly ModelChild[],
    before: readonly ModelChild[],
  ): Returned {
    for (const child of group) this.#doTerminate(child)
    const left = group.filter(({ spec }) => spec.restart !== 'temporary')
    supervisor.children = [...left, ...before]
    for (const child of [...left].reverse()) {
      if (this.#doStart(child) !== 'fail') continue
      child.pid = 'restarting'
      return { tryAgain: child }
    }
    return 'ok'
  }
}

/** How long a child holds up those that stop with it; -1 for being killed without being asked. */
function waitOf(spec: NodeSpec): number {
  if (spec.kind === 'supervisor') return 0
  if (spec.shutdown === 'brutal_kill') return -1
  return spec.stop === 'stuck' ? Number(spec.shutdown) : 0
}

function newChild(spec: NodeSpec): ModelChild {
  return { spec, pid: 'undefined', alive: false, process: 0, supervisor: undefined }
}
