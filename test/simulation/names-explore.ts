/** All orders of events in a model of names, or some that are drawn by chance. */
import { createSeededEntropy } from '../../runtime/index.ts'
import { faultsAtRest, faultsNow, NamesModel, type Action, type Chooser } from './names-model.ts'

/** What may happen. */
export interface Budget {
  readonly nodes: number
  readonly names: readonly string[]
  /** Links that are cut, each of which may be joined again. */
  readonly cuts: number
  /** Whether the second node takes names over. */
  readonly over?: boolean
}

/** What a search found. */
export interface Found {
  readonly states: number
  /** What was wrong first, and after which actions. */
  readonly faults: readonly string[]
}

/** Everything that may happen next. */
function following(world: NamesModel, budget: Budget, done: readonly Action[]): Action[] {
  const { nodes, names, cuts, over = false } = budget
  const next = world.deliveries()
  const registered = new Set(
    done.map((each) => (each.type === 'register' ? `${each.node} ${each.name}` : '')),
  )
  for (let node = 0; node < nodes; node++) {
    for (const name of names) {
      if (registered.has(`${node} ${name}`)) continue
      next.push({ type: 'register', node, name, over: over && node === 1 })
    }
  }
  const cutsDone = done.filter(({ type }) => type === 'cut').length
  for (let a = 0; a < nodes; a++) {
    for (let b = a + 1; b < nodes; b++) {
      if (world.isCut(a, b)) next.push({ type: 'join', a, b })
      else if (cutsDone < cuts) next.push({ type: 'cut', a, b })
    }
  }
  return next
}

/** Nothing is under way, and all are joined. */
function isAtRest(next: readonly Action[]): boolean {
  return next.every(({ type }) => type === 'register' || type === 'cut')
}

function replay(nodes: number, chooser: Chooser, done: readonly Action[]): NamesModel {
  const world = new NamesModel(nodes, chooser)
  for (const action of done) world.do(action)
  return world
}

/** Tries all orders of all events. A state that was seen is not looked at again. */
export function explore(budget: Budget, chooser: Chooser): Found {
  const seen = new Set<string>()
  const first = following(new NamesModel(budget.nodes, chooser), budget, [])
  const stack = [{ done: [] as readonly Action[], next: first }]
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    for (const action of at.next) {
      const done = [...at.done, action]
      const world = replay(budget.nodes, chooser, done)
      const next = following(world, budget, done)
      // What may still happen belongs to the state.
      const more = next.filter(({ type }) => type !== 'deliver').length
      const id = `${more} ${world.digest()}`
      if (seen.has(id)) continue
      seen.add(id)
      const faults = isAtRest(next) ? faultsAtRest(world, new Set()) : faultsNow(world)
      if (faults.length > 0) return { states: seen.size, faults: [...faults, JSON.stringify(done)] }
      stack.push({ done, next })
    }
  }
  return { states: seen.size, faults: [] }
}

/** One run by chance, at the end of which all are joined; gives what was wrong. */
export function wander(seed: number, budget: Budget, chooser: Chooser): readonly string[] {
  const entropy = createSeededEntropy(seed)
  const pick = <T>(all: readonly T[]): T => all[Math.floor(entropy.random() * all.length)]!
  const world = new NamesModel(budget.nodes, chooser)
  const done: Action[] = []
  const exited = new Set<string>()
  for (let step = 0; step < 60; step++) {
    const next = following(world, budget, done)
    if (next.length === 0) break
    const action: Action =
      entropy.random() < 0.02
        ? { type: 'exit', node: pick([...world.nodes.keys()]), name: pick(budget.names) }
        : pick(next)
    if (action.type === 'exit') exited.add(action.name)
    world.do(action)
    done.push(action)
    const faults = faultsNow(world)
    if (faults.length > 0) return [...faults, JSON.stringify(done)]
  }
  for (let a = 0; a < budget.nodes; a++) {
    for (let b = a + 1; b < budget.nodes; b++)
      if (world.isCut(a, b)) world.do({ type: 'join', a, b })
  }
  const faults = world.settle() ? faultsAtRest(world, exited) : ['it does not come to rest']
  return faults.length === 0 ? [] : [...faults, `seed ${seed}`, JSON.stringify(done)]
}
