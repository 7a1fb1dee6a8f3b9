/**
 * The real supervisors against supervisor.erl and dynamic_supervisor.ex on lists: whole trees of real
 * processes on virtual time, where what happens to them is random. Compared after each step: which children
 * started, failed and ended, in which order and with which reason; who runs; what requests were answered; and
 * that no process, timer or second copy is left.
 *
 * FOVEA_MODEL_RUNS sets the number of trees (default 400), FOVEA_MODEL_SEED replays a run; a failure prints
 * its seed and path.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  DynamicSupervisor,
  IGNORE,
  Supervisor,
  type ChildContext,
  type ChildSpec,
  type ChildStarted,
} from '../../../behaviours/index.ts'
import type { ExitReason, Pid } from '../../../runtime/index.ts'
import {
  ModelTree,
  StartScript,
  type ModelChild,
  type ModelSupervisor,
  type NodeSpec,
  type SupervisorSpec,
  type WorkerSpec,
} from './supervisor-model.ts'
import {
  idsOf,
  mayBeSignificant,
  scenarios,
  type Aftermath,
  type Command,
  type Scenario,
} from './supervisor-scenarios.ts'
import { outcome, scripted, world, type World } from '../world.ts'

const RUNS = Number(process.env['FOVEA_MODEL_RUNS'] ?? 400)
const SEED = process.env['FOVEA_MODEL_SEED']

/** The same tree as processes. Ids are unique, so a child is found by its id wherever it is. */
class RealTree {
  readonly log: string[] = []
  readonly script = new StartScript()
  readonly #world: World = world()
  readonly #pids = new Map<string, Pid>()
  #down = false

  async start(spec: SupervisorSpec): Promise<void> {
    const { system } = this.#world
    const ref = await this.#supervisor(spec, { system })
    this.#noteStart(spec.id, ref.pid)
    system.watch(ref.pid, () => (this.#down = true))
  }

  get now(): number {
    return this.#world.clock.now()
  }
  get down(): boolean {
    return this.#down
  }
  get processes(): number {
    return this.#world.system.stats().processes
  }
  /** Those of the system beyond one watch of ours per process. */
  get leftovers(): number {
    const { timers, monitors, processes } = this.#world.system.stats()
    return timers + monitors - processes - (this.#down ? 0 : 1)
  }

  async settleAt(ms: number): Promise<void> {
    await this.#world.clock.settle()
    if (ms > this.now) await this.#world.clock.advance(ms - this.now)
    await this.#world.clock.settle()
  }

  crash(id: string, reason: string): void {
    const pid = this.#pids.get(id)!
    if (reason === 'killed') this.#world.system.exit(pid, 'kill')
    else this.#world.system.process(pid)!.exit(exitReason(reason))
  }

  stop(id: string): Promise<unknown> {
    return Supervisor.stop(this.#pids.get(id)!)
  }
  terminate(of: SupervisorSpec, id: string): Promise<unknown> {
    const supervisor = this.#pids.get(of.id)!
    return of.strategy === 'dynamic'
      ? DynamicSupervisor.terminateChild(supervisor, this.#pids.get(id)!)
      : Supervisor.terminateChild(supervisor, id)
  }
  restart(of: SupervisorSpec, id: string): Promise<unknown> {
    return Supervisor.restartChild(this.#pids.get(of.id)!, id)
  }
  delete(of: SupervisorSpec, id: string): Promise<unknown> {
    return Supervisor.deleteChild(this.#pids.get(of.id)!, id)
  }
  startChild(of: SupervisorSpec, spec: WorkerSpec): Promise<unknown> {
    const supervisor = this.#pids.get(of.id)!
    if (of.strategy !== 'dynamic') return Supervisor.startChild(supervisor, this.#child(spec))
    return DynamicSupervisor.startChild(supervisor, this.#child(spec))
  }

  async view(model: ModelTree): Promise<string[]> {
    const lines: string[] = []
    for (const { spec } of model.supervisors()) {
      const dynamic = spec.strategy === 'dynamic'
      const infos = dynamic
        ? await DynamicSupervisor.whichChildren(this.#pids.get(spec.id)!)
        : [...(await Supervisor.whichChildren(this.#pids.get(spec.id)!))].reverse()
      const list = infos.map(({ id, pid, restarting }) => {
        const shown = restarting ? 'restarting' : pid === undefined ? 'undefined' : 'running'
        return `${id ?? this.#idOf(pid)} ${shown}`
      })
      lines.push(`${spec.id}: ${list.join(', ')}`)
    }
    return lines
  }

  #idOf(pid: Pid | undefined): string {
    return [...this.#pids].find(([, other]) => other === pid)?.[0] ?? 'unknown'
  }

  #noteStart(id: string, pid: Pid): void {
    this.#pids.set(id, pid)
    this.log.push(`start ${id}`)
    this.#world.system.watch(pid, (reason) => this.log.push(`down ${id} ${shown(reason)}`))
  }

  #child(spec: NodeSpec): ChildSpec {
    const { id, restart, significant, kind } = spec
    const common = {
      id,
      restart,
      significant,
      start: (context: ChildContext) => this.#startChild(spec, context),
    }
    if (kind === 'worker') return { ...common, shutdown: spec.shutdown }
    return { ...common, type: 'supervisor' }
  }

  async #startChild(spec: NodeSpec, context: ChildContext): Promise<ChildStarted> {
    const fault = this.script.next(spec.id)
    if (fault === 'ignore') {
      this.log.push(`ignore ${spec.id}`)
      return IGNORE
    }
    try {
      const ref = await (spec.kind === 'worker'
        ? this.#worker(spec, context, fault === 'fail')
        : this.#supervisor(spec, { ...context, link: true }, fault === 'fail'))
      this.#noteStart(spec.id, ref.pid)
      return ref
    } catch (error) {
      this.log.push(`fail ${spec.id}`)
      throw error
    }
  }

  /** One that fails does so in its init, so that there is a process to clean up. */
  #worker(
    { stop }: WorkerSpec,
    context: ChildContext,
    fails: boolean,
  ): Promise<{ readonly pid: Pid }> {
    const server = scripted({
      init: (ctx) => (fails ? ctx.exit('not now') : 0),
      terminate: () => (stop === 'stuck' ? new Promise<never>(() => {}) : undefined),
    })
    return server.start(undefined, { ...context, link: true, trapExit: true })
  }

  async #supervisor(
    spec: SupervisorSpec,
    place: Partial<ChildContext> & { readonly link?: boolean },
    fails = false,
  ): Promise<{ readonly pid: Pid }> {
    if (fails) throw new Error('not now')
    const { strategy, autoShutdown, intensity, periodMs } = spec
    if (strategy === 'dynamic') return DynamicSupervisor.start({ ...place, intensity, periodMs })
    const children = spec.children.map((child) => this.#child(child))
    const limits = { intensity, periodMs, autoShutdown, strategy }
    return Supervisor.start({ ...place, ...limits, children })
  }
}

function exitReason(reason: string): ExitReason {
  return reason === '{shutdown}' ? { shutdown: 'x' } : reason
}

function shown(reason: ExitReason): string {
  return typeof reason === 'object' ? '{shutdown}' : String(reason)
}

/** What a request came to, in the model's words. */
function answerOf(seen: { readonly value?: unknown; readonly error?: unknown }): string {
  if (seen.error !== undefined) return String((seen.error as { readonly code?: unknown }).code)
  return seen.value === IGNORE ? 'ignored' : 'ok'
}

const pick = <T>(list: readonly T[], at: number): T | undefined => list[at % list.length]

/** One life of one tree, on both sides. */
class Life {
  readonly model: ModelTree
  readonly real = new RealTree()
  readonly #ids: string[]
  #added = 0

  constructor({ tree }: Scenario) {
    this.model = new ModelTree(tree)
    this.#ids = idsOf(tree)
  }

  /** Runs a command on both sides; gives the request that was made and the model's answer. */
  run(
    command: Command,
  ): { readonly request: Promise<unknown>; readonly answer: string } | undefined {
    const { model, real } = this
    switch (command.type) {
      case 'advance':
        model.now += command.ms
        return undefined
      case 'faults':
        this.#addFaults(pick(this.#ids, command.at)!, command)
        return undefined
      case 'crash':
      case 'crash_two':
        this.#crash(command)
        return undefined
      case 'stop': {
        // Seldom the root, because that is the end of the life.
        const [root, ...inner] = model.supervisors()
        const supervisor = pick(inner, command.at) ?? (command.at % 4 === 0 ? root : undefined)
        if (supervisor === undefined) return undefined
        const request = real.stop(supervisor.spec.id)
        model.stop(supervisor)
        return { request, answer: 'ok' }
      }
      case 'start':
        return this.#start(command.at, command.spec)
      case 'terminate':
      case 'restart':
      case 'delete':
        return this.#administer(command.type, command.at)
    }
  }

  #addFaults(id: string, { fault, times }: Omit<Aftermath, 'who'>): void {
    this.model.script.add(id, fault, times)
    this.real.script.add(id, fault, times)
  }

  #crash({
    type,
    at,
    reason,
    second,
    then,
  }: Extract<Command, { type: 'crash' | 'crash_two' }>): void {
    const workers = this.model.supervisors().flatMap((supervisor) =>
      [...supervisor.children]
        .reverse()
        .filter(({ spec, pid }) => spec.kind === 'worker' && pid === 'running')
        .map((child) => ({ supervisor, child })),
    )
    const first = pick(workers, at)
    if (first === undefined) return
    const siblings = workers.filter(({ supervisor }) => supervisor === first.supervisor)
    const from = siblings.indexOf(first)
    const other = siblings[(from + 1 + (at % siblings.length)) % siblings.length]!
    const children = [first.child]
    if (type === 'crash_two' && other.child !== first.child) children.push(other.child)
    if (then !== undefined) {
      const sibling = pick(siblings, from + 1)!.child.spec.id
      const ids = { self: first.child.spec.id, sibling, above: first.supervisor.spec.id }
      this.#addFaults(ids[then.who], then)
    }
    const deaths = children.map((child, i) => ({ child, reason: i === 0 ? reason : second }))
    for (const death of deaths) this.real.crash(death.child.spec.id, death.reason)
    this.model.crash(first.supervisor, deaths)
  }

  #start(at: number, given: WorkerSpec): ReturnType<Life['run']> {
    const { spec: of } = pick(this.model.supervisors(), at) as ModelSupervisor
    const supervisor = pick(this.model.supervisors(), at) as ModelSupervisor
    const spec = {
      ...given,
      id: `n${this.#added++}`,
      significant: mayBeSignificant(given, of),
    }
    this.#ids.push(spec.id)
    const request = this.real.startChild(of, spec)
    return { request, answer: this.model.startChild(supervisor, spec) }
  }

  #administer(type: 'terminate' | 'restart' | 'delete', at: number): ReturnType<Life['run']> {
    const { model, real } = this
    const places = model
      .supervisors()
      .flatMap((supervisor) =>
        [...supervisor.children].reverse().map((child) => ({ supervisor, child })),
      )
    const stopped = places.filter(({ child }) => child.pid === 'undefined')
    const wanted = type === 'terminate' || stopped.length === 0 || at % 3 === 0 ? places : stopped
    const place: { supervisor: ModelSupervisor; child: ModelChild } | undefined = pick(wanted, at)
    if (place === undefined) return undefined
    const { supervisor, child } = place
    const { spec: of } = supervisor
    const { id } = child.spec
    if (type === 'terminate') {
      const request = real.terminate(of, id)
      return { request, answer: model.terminateChild(supervisor, child) }
    }
    if (supervisor.dynamic) return undefined
    if (type === 'restart') {
      return { request: real.restart(of, id), answer: model.restartChild(child) }
    }
    return { request: real.delete(of, id), answer: model.deleteChild(supervisor, child) }
  }
}

async function live(scenario: Scenario): Promise<void> {
  const life = new Life(scenario)
  const { model, real } = life
  await real.start(scenario.tree)
  expect(real.log).toEqual(model.log)
  for (const command of scenario.commands) {
    const made = life.run(command)
    const seen = made === undefined ? undefined : outcome(made.request)
    await real.settleAt(model.now)
    expect(real.log).toEqual(model.log)
    expect(real.now).toBe(model.now)
    if (seen !== undefined) {
      expect(seen.settled).toBe(true)
      expect(answerOf(seen)).toBe(made?.answer)
    }
    expect(real.down).toBe(model.root.down)
    expect(real.processes).toBe(model.processes)
    expect(real.leftovers).toBe(0)
    if (model.root.down) return
    expect(await real.view(model)).toEqual(model.view)
  }
}

describe('trees of supervisors', () => {
  it(
    'start, stop, restart and give up as supervisor.erl does, and leave nothing behind',
    async () => {
      await fc.assert(fc.asyncProperty(scenarios, live), {
        numRuns: RUNS,
        ...(SEED === undefined ? {} : { seed: Number(SEED) }),
      })
    },
    60_000 + RUNS * 100,
  )
})
