/** Behaviours above gen_server: state machines, agents, tasks, children of a dynamic supervisor. */
import {
  Agent,
  answer,
  contract,
  createSystem,
  DynamicSupervisor,
  implementStatem,
  initialState,
  keepState,
  nextState,
  Task,
  type Contract,
  type Ref,
  type Server,
} from 'fovea'
import { bursts, sequential, timed, type Measures } from './side.ts'
import { Sum } from './sum.ts'

interface TurnstileApi {
  call: { passed(): number }
  cast: { push(): void }
}

const TurnstileContract: Contract<TurnstileApi> = contract('bench-turnstile/1', {
  call: { passed: true },
  cast: { push: true },
})

/** Every push changes the state. */
const Turnstile: Server<TurnstileApi> = implementStatem(TurnstileContract, {
  init: () => initialState('closed', 0),
  states: {
    closed: {
      call: { passed: (n: number) => keepState(n, answer(n)) },
      cast: { push: (n: number) => nextState('open', n) },
    },
    open: {
      call: { passed: (n: number) => keepState(n, answer(n)) },
      cast: { push: (n: number) => nextState('closed', n + 1) },
    },
  },
})

async function tasks(operations: number): Promise<number> {
  await using system = createSystem()
  return await timed(operations, async (n) => {
    for (let i = 0; i < n; i++) await Task.await(Task.async(() => i, { system }))
  })
}

async function dynamicChildren(operations: number): Promise<number> {
  await using system = createSystem()
  const rooms = await DynamicSupervisor.start({ system })
  const spec = Sum.child(0)
  return await timed(operations, async (n) => {
    const started: Ref<unknown>[] = []
    for (let i = 0; i < n; i++) started.push(await DynamicSupervisor.startChild(rooms, spec))
    for (const child of started) await DynamicSupervisor.terminateChild(rooms, child)
  })
}

export async function more(): Promise<Measures> {
  const system = createSystem()
  const turnstile = await Turnstile.start(undefined, { system })
  const agent = await Agent.start(0, { system })
  return {
    statemCall: sequential(() => turnstile.call.passed()),
    statemCast: bursts(
      () => turnstile.cast.push(),
      () => turnstile.call.passed(),
    ),
    agentGet: sequential(() => Agent.get(agent, (n) => n)),
    agentUpdate: sequential(() => Agent.update(agent, (n) => n + 1)),
    tasks,
    dynamicChildren,
  }
}
