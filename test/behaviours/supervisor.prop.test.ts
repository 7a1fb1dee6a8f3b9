/**
 * The real supervisor against supervisor.erl on lists: processes, signals and time are real (virtual
 * clock), what happens to the children is random.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Supervisor, type ChildSpec, type SupervisorRef } from '../../behaviours/index.ts'
import type { Pid } from '../../runtime/index.ts'
import {
  ErlangSupervisor,
  scenarios,
  StartScript,
  type Command,
  type ModelSpec,
  type Scenario,
} from './supervisor-model.ts'
import { ScriptContract, scripted, world, type World } from './world.ts'

class RealSupervisor {
  readonly log: string[] = []
  readonly #world: World = world()
  readonly #script: StartScript
  #sup: SupervisorRef | undefined

  constructor(scenario: Scenario) {
    this.#script = new StartScript(scenario.failures)
  }

  async start(scenario: Scenario): Promise<void> {
    const { strategy, autoShutdown, intensity } = scenario
    const children = scenario.specs.map((spec) => this.#spec(spec))
    const { system } = this.#world
    this.#sup = await Supervisor.start({ system, strategy, autoShutdown, intensity, children })
  }

  get down(): boolean {
    return !this.#world.system.isAlive(this.#sup!.pid)
  }

  /** Processes beyond the supervisor and those it knows of. */
  async ghosts(): Promise<number> {
    const { active } = await Supervisor.countChildren(this.#sup!)
    return [...this.#world.system.processes()].length - active - 1
  }

  get processes(): number {
    return [...this.#world.system.processes()].length
  }

  async view(): Promise<string[]> {
    const infos = await Supervisor.whichChildren(this.#sup!)
    return infos
      .map(({ id, pid, restarting }) => {
        return `${id} ${restarting ? 'restarting' : pid === undefined ? 'undefined' : 'running'}`
      })
      .reverse()
  }

  #spec(spec: ModelSpec): ChildSpec {
    const { id } = spec
    const server = scripted({
      terminate: (reason) => {
        if (reason === 'shutdown') this.log.push(`stop ${id}`)
      },
    })
    return {
      ...spec,
      start: async (context) => {
        const fails = this.#script.fails(id)
        this.log.push(`${fails ? 'fail' : 'start'} ${id}`)
        if (fails) throw new Error('not now')
        return server.start(undefined, { ...context, link: true, trapExit: true })
      },
    }
  }

  async #pid(id: string): Promise<Pid | undefined> {
    const infos = await Supervisor.whichChildren(this.#sup!)
    return infos.find((info) => info.id === id)?.pid
  }

  async run(command: Command, id: string): Promise<void> {
    const sup = this.#sup!
    const ignoreRefusal = (): void => {}
    switch (command.type) {
      case 'exit': {
        const pid = await this.#pid(id)
        const { reason } = command
        // Ended from outside and without `terminate`, whose log is kept for stops.
        if (pid !== undefined) {
          ScriptContract.at(pid).cast.run((_n, ctx) => {
            ctx.trapExit(false)
            ctx.system.process(pid)?.exit(reason)
            return ctx.exit(reason)
          })
        }
        break
      }
      case 'terminate':
        await Supervisor.terminateChild(sup, id).catch(ignoreRefusal)
        break
      case 'restart':
        await Supervisor.restartChild(sup, id).catch(ignoreRefusal)
        break
      case 'delete':
        await Supervisor.deleteChild(sup, id).catch(ignoreRefusal)
        break
      case 'start': {
        const spec = { id, restart: command.restart, significant: false }
        await Supervisor.startChild(sup, this.#spec(spec)).catch(ignoreRefusal)
      }
    }
    await this.#world.clock.settle()
  }
}

function runModel(model: ErlangSupervisor, command: Command, id: string): void {
  if (command.type === 'exit') model.exit(id, command.reason)
  else if (command.type === 'terminate') model.terminate(id)
  else if (command.type === 'restart') model.restartChild(id)
  else if (command.type === 'delete') model.deleteChild(id)
  else model.startChild({ id, restart: command.restart, significant: false })
}

describe('supervisor', () => {
  it('starts, stops and keeps what supervisor.erl does, and leaves no process behind', async () => {
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const model = new ErlangSupervisor(scenario)
        const real = new RealSupervisor(scenario)
        await real.start(scenario)
        for (const command of scenario.commands) {
          const id = command.type === 'start' ? model.nextId() : model.idAt(command.at)
          if (id === undefined) continue
          runModel(model, command, id)
          await real.run(command, id)
          expect(real.log).toEqual(model.log)
          expect(real.down).toBe(model.down)
          if (model.down) {
            expect(real.processes).toBe(0)
            return
          }
          expect(await real.view()).toEqual(model.view)
          expect(await real.ghosts()).toBe(0)
        }
      }),
      { numRuns: 300 },
    )
  })
})
