/** Supervisors: how long a restart takes, and whether starting and stopping children is linear. */
import {
  contract,
  createSystem,
  implement,
  noreply,
  stop,
  Supervisor,
  type ChildSpec,
  type Contract,
  type Ref,
  type Server,
  type SupervisorRef,
  type System,
} from 'fovea'
import { median } from '../harness.ts'
import type { Measures } from './side.ts'
import { Sum } from './sum.ts'

interface CrasherApi {
  cast: { crash(): void }
}

interface Started {
  readonly atMs: number
  readonly ref: Ref<CrasherApi>
}

const CrasherContract: Contract<CrasherApi> = contract('bench-crasher/1', {
  call: {},
  cast: { crash: true },
})

const Crasher: Server<CrasherApi, (started: Started) => void> = implement(CrasherContract, {
  init: (onStart: (started: Started) => void, { self }) => {
    onStart({ atMs: performance.now(), ref: self })
    return onStart
  },
  call: {},
  cast: { crash: (state) => (state === undefined ? noreply(state) : stop('crash', state)) },
})

const RESTARTS = 400

const specs = (count: number): ChildSpec[] =>
  Array.from({ length: count }, (_, i) => Sum.child(0, { id: `sum-${i}` }))

/** Median microseconds from the crash of one of `children` children until its successor's `init` runs. */
async function restart(children: number): Promise<number> {
  await using system = createSystem()
  let onStart: (started: Started) => void = () => {}
  const crasher = Crasher.child((started) => onStart(started), { id: 'crasher' })
  let started = next()
  await Supervisor.start({
    system,
    intensity: 1_000_000,
    children: [...specs(children - 1), crasher],
  })
  const took: number[] = []
  for (let i = 0; i < RESTARTS; i++) {
    const { ref } = await started
    await new Promise<void>((resolve) => setImmediate(resolve)) // the supervisor has come to rest
    started = next()
    const crashedAt = performance.now()
    ref.cast.crash()
    took.push(((await started).atMs - crashedAt) * 1000)
  }
  return median(took)

  function next(): Promise<Started> {
    return new Promise((resolve) => {
      onStart = resolve
    })
  }
}

async function supervised(
  children: number,
  run: (sup: SupervisorRef, system: System) => Promise<void>,
): Promise<void> {
  await using system = createSystem()
  const sup = await Supervisor.start({ system, children: specs(children) })
  await run(sup, system)
}

/** Microseconds per child to start a supervisor with `children` children. */
async function startChildren(children: number): Promise<number> {
  const startedAt = performance.now()
  let tookMs = 0
  await supervised(children, async () => {
    tookMs = performance.now() - startedAt
  })
  return (tookMs * 1000) / children
}

/** Microseconds per child to stop it again. */
async function stopChildren(children: number): Promise<number> {
  let tookMs = 0
  await supervised(children, async (sup, system) => {
    const startedAt = performance.now()
    await Supervisor.stop(sup)
    tookMs = performance.now() - startedAt
    if (system.stats().processes !== 0) throw new Error('children were left')
  })
  return (tookMs * 1000) / children
}

export const supervision: Measures = { restart, startChildren, stopChildren }
