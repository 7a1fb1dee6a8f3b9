/**
 * Random sequences of start, link, unlink, trap, monitor, demonitor and exit against a model that knows
 * nothing of cells, sets and queues: who is alive, who is linked with whom, who monitors whom, and which
 * messages each process must have got, in order.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ItemKind } from '../../runtime/index.ts'
import { createWorld } from './world.ts'
import type { MonitorRef, Process, Program } from '../../runtime/index.ts'
import type { World } from './world.ts'

const COUNT = 6

interface ModelProcess {
  alive: boolean
  traps: boolean
  readonly links: Set<number>
  readonly messages: string[]
}

interface ModelMonitor {
  readonly owner: number
  readonly target: number
  active: boolean
}

class Model {
  readonly processes: ModelProcess[]
  readonly monitors: ModelMonitor[] = []

  constructor(count: number) {
    this.processes = Array.from({ length: count }, () => ({
      alive: true,
      traps: false,
      links: new Set<number>(),
      messages: [],
    }))
  }

  link(a: number, b: number): void {
    const [from, to] = [this.processes[a]!, this.processes[b]!]
    if (a === b || !from.alive) return
    if (to.alive) {
      from.links.add(b)
      to.links.add(a)
    } else if (from.traps) from.messages.push(`exit ${b} noproc`)
  }

  unlink(a: number, b: number): void {
    if (!this.processes[a]!.alive) return
    this.processes[a]!.links.delete(b)
    this.processes[b]!.links.delete(a)
  }

  monitor(owner: number, target: number): void {
    const alive = this.processes[target]!.alive
    const active = alive && owner !== target
    this.monitors.push({ owner, target, active })
    if (!alive) this.processes[owner]!.messages.push(`down ${this.monitors.length - 1} noproc`)
  }

  signal(to: number, from: number | undefined, reason: string, viaLink: boolean): void {
    const process = this.processes[to]!
    if (!process.alive) return
    if (!viaLink && reason === 'kill') this.end(to, 'killed')
    else if (process.traps) process.messages.push(`exit ${from ?? '-'} ${reason}`)
    else if (reason !== 'normal' || (from === to && !viaLink)) this.end(to, reason)
  }

  /** Breadth first, as signals of one death are all sent before those of the next. */
  end(first: number, why: string): void {
    if (!this.processes[first]!.alive) return
    const dying: [number, string][] = []
    const die = (which: number, reason: string): void => {
      this.processes[which]!.alive = false
      dying.push([which, reason])
    }
    die(first, why)
    for (let next = dying.shift(); next !== undefined; next = dying.shift()) {
      const [which, reason] = next
      for (const monitor of this.monitors) if (monitor.owner === which) monitor.active = false
      for (const peer of this.processes[which]!.links) {
        const other = this.processes[peer]!
        other.links.delete(which)
        if (!other.alive) continue
        if (other.traps) other.messages.push(`exit ${which} ${reason}`)
        else if (reason !== 'normal') die(peer, reason)
      }
      this.processes[which]!.links.clear()
      this.monitors.forEach((monitor, i) => {
        if (!monitor.active || monitor.target !== which) return
        monitor.active = false
        const owner = this.processes[monitor.owner]!
        if (owner.alive) owner.messages.push(`down ${i} ${reason}`)
      })
    }
  }
}

const who = fc.nat(COUNT - 1)
const reason = fc.constantFrom('normal', 'shutdown', 'boom', 'kill')
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('link' as const), a: who, b: who }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('unlink' as const), a: who, b: who }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('trap' as const), a: who, on: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('monitor' as const), a: who, b: who }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('demonitor' as const), which: fc.nat(20) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('exit' as const), a: who, b: who, reason }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('quit' as const), a: who, reason }) },
)

/** The runtime under the same steps. */
class Real {
  readonly world: World = createWorld()
  readonly processes: Process[]
  readonly refs: MonitorRef[] = []
  readonly got: string[][] = Array.from({ length: COUNT }, () => [])

  constructor() {
    const numbers = new Map<unknown, number>()
    const program: Program = {
      label: 'recorder',
      handle: (process, item) => {
        if (item.kind !== ItemKind.exit && item.kind !== ItemKind.down) return
        const about =
          item.kind === ItemKind.exit
            ? `exit ${item.from === undefined ? '-' : numbers.get(item.from)}`
            : `down ${this.refs.findIndex((ref) => ref.id === item.ref!.id)}`
        this.got[numbers.get(process.pid)!]!.push(`${about} ${String(item.value)}`)
      },
    }
    this.processes = Array.from({ length: COUNT }, (_, i) => {
      const process = this.world.system.start(program)
      numbers.set(process.pid, i)
      return process
    })
  }

  /** False if it was refused because one of the two is dead. */
  link(a: number, b: number): boolean {
    try {
      this.world.system.link(this.processes[a]!.pid, this.processes[b]!.pid)
      return true
    } catch {
      return false
    }
  }
}

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Does one step on both sides; what each says must be equal. */
function apply(each: Step, real: Real, model: Model): [real: unknown, model: unknown] {
  const { system } = real.world
  const { processes, refs } = real
  switch (each.type) {
    case 'trap':
      processes[each.a]!.trapExit = each.on
      model.processes[each.a]!.traps = each.on
      return [0, 0]
    case 'link': {
      const { alive, traps } = model.processes[each.a]!
      const allowed = alive && (each.a === each.b || traps || model.processes[each.b]!.alive)
      model.link(each.a, each.b)
      return [real.link(each.a, each.b), allowed]
    }
    case 'unlink':
      system.unlink(processes[each.a]!.pid, processes[each.b]!.pid)
      model.unlink(each.a, each.b)
      return [0, 0]
    case 'monitor':
      if (!model.processes[each.a]!.alive) return [0, 0]
      refs.push(system.monitor(processes[each.a]!.pid, processes[each.b]!.pid))
      model.monitor(each.a, each.b)
      return [0, 0]
    case 'demonitor': {
      const index = each.which % Math.max(1, refs.length)
      const monitor = model.monitors[index]
      if (monitor === undefined) return [0, 0]
      const wasActive = monitor.active
      monitor.active = false
      return [system.demonitor(refs[index]!, { info: true }), wasActive]
    }
    case 'exit':
      system.exit(processes[each.b]!.pid, each.reason, processes[each.a]!.pid)
      model.signal(each.b, each.a, each.reason, false)
      return [0, 0]
    case 'quit':
      processes[each.a]!.exit(each.reason)
      model.end(each.a, each.reason)
      return [0, 0]
  }
}

describe('links, monitors and exits', () => {
  it('do what the model says, whatever the order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const real = new Real()
        const model = new Model(COUNT)
        for (const each of steps) {
          const [said, expected] = apply(each, real, model)
          expect(said).toEqual(expected)
          const alive = real.processes.map((process) => process.alive)
          expect(alive).toEqual(model.processes.map((process) => process.alive))
        }
        await real.world.clock.settle()
        const { system } = real.world
        const living = model.processes.flatMap(({ alive }, i) => (alive ? [i] : []))
        expect(living.map((i) => real.got[i])).toEqual(
          living.map((i) => model.processes[i]!.messages),
        )
        expect(system.stats().monitors).toBe(model.monitors.filter(({ active }) => active).length)
        expect(system.stats().processes).toBe(living.length)
      }),
      { numRuns: 300 },
    )
  })
})
