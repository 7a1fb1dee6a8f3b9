/**
 * The pure decisions against supervisor.erl on lists: whatever happens to the children, the same ones are
 * started and stopped in the same order.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decideExit,
  planRestart,
  RestartIntensity,
  shouldShutDown,
  type ChildView,
} from '../../../behaviours/index.ts'
import {
  ErlangSupervisor,
  scenarios,
  StartScript,
  type ModelSpec,
  type Scenario,
} from './restart-strategy-model.ts'

/** Carries out the plans on a list, with nothing of its own to decide. */
class Executor {
  readonly log: string[] = []
  down = false
  readonly #children = new Map<string, ModelSpec & { active: boolean; restarting: boolean }>()
  readonly #scenario: Scenario
  readonly #script: StartScript
  readonly #intensity: RestartIntensity

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    this.#script = new StartScript(scenario.failures)
    this.#intensity = new RestartIntensity({ intensity: scenario.intensity, periodMs: 1 })
    for (const spec of scenario.specs) this.#add(spec)
  }

  get view(): string[] {
    return [...this.#children.values()].map(({ id, active, restarting }) => {
      return `${id} ${restarting ? 'restarting' : active ? 'running' : 'undefined'}`
    })
  }

  #add(spec: ModelSpec): boolean {
    const child = { ...spec, active: false, restarting: false }
    this.#children.set(spec.id, child)
    return this.#start(spec.id)
  }
  #start(id: string): boolean {
    const child = this.#children.get(id)!
    const fails = this.#script.fails(id)
    this.log.push(`${fails ? 'fail' : 'start'} ${id}`)
    child.active = !fails
    child.restarting = false
    return !fails
  }
  #stop(id: string): void {
    const child = this.#children.get(id)!
    if (child.active && !child.restarting) this.log.push(`stop ${id}`)
    child.active = false
    child.restarting = false
  }

  exit(id: string, reason: string): void {
    const child = this.#children.get(id)
    if (child === undefined || !child.active) return
    child.active = false
    const { action } = decideExit(child.restart, reason)
    if (action === 'restart') return this.#restart(id)
    if (action === 'remove') this.#children.delete(id)
    const views: Iterable<ChildView> = this.#children.values()
    if (shouldShutDown(this.#scenario.autoShutdown, views, child)) this.#shutDown()
  }
  #restart(failedId: string): void {
    if (!this.#intensity.add(0)) {
      const failed = this.#children.get(failedId)!
      failed.active = false
      failed.restarting = false
      return this.#shutDown()
    }
    const plan = planRestart(this.#scenario.strategy, this.#children.values(), failedId)
    for (const id of plan.stop) this.#stop(id)
    for (const id of plan.remove) this.#children.delete(id)
    for (const id of plan.start) {
      if (this.#start(id)) continue
      Object.assign(this.#children.get(id)!, { active: true, restarting: true })
      return this.#restart(id)
    }
  }
  #shutDown(): void {
    for (const id of [...this.#children.keys()].reverse()) this.#stop(id)
    this.down = true
  }

  terminate(id: string): void {
    this.#stop(id)
    if (this.#children.get(id)!.restart === 'temporary') this.#children.delete(id)
  }
  restartChild(id: string): void {
    if (!this.#children.get(id)!.active) this.#start(id)
  }
  deleteChild(id: string): void {
    if (!this.#children.get(id)!.active) this.#children.delete(id)
  }
  startChild(spec: ModelSpec): void {
    if (!this.#add(spec)) this.#children.delete(spec.id)
  }
}

describe('restart strategy', () => {
  it('starts and stops what supervisor.erl starts and stops, in its order', () => {
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const model = new ErlangSupervisor(scenario)
        const executor = new Executor(scenario)
        for (const command of scenario.commands) {
          if (model.down) break
          if (command.type === 'start') {
            const spec = { id: model.nextId(), restart: command.restart, significant: false }
            model.startChild(spec)
            executor.startChild(spec)
          } else {
            const id = model.idAt(command.at)
            if (id === undefined) continue
            if (command.type === 'exit') {
              model.exit(id, command.reason)
              executor.exit(id, command.reason)
            } else if (command.type === 'terminate') {
              model.terminate(id)
              executor.terminate(id)
            } else if (command.type === 'restart') {
              model.restartChild(id)
              executor.restartChild(id)
            } else {
              model.deleteChild(id)
              executor.deleteChild(id)
            }
          }
          expect(executor.log).toEqual(model.log)
          expect(executor.down).toBe(model.down)
          if (!model.down) expect(executor.view).toEqual(model.view)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
