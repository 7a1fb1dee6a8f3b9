/** What the compiler promises about machines as processes. */
import { assign, createMachine, fromPromise, setup } from 'xstate'
import { fromMachine } from '../../../behaviours/index.ts'
import type {
  ChildSpec,
  MachineServer,
  MachineState,
  MachineStep,
  Ref,
  MachineApi,
} from '../../../behaviours/index.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void

const machine = setup({
  types: {
    context: {} as { count: number },
    events: {} as { type: 'INC'; by: number } | { type: 'STOP' },
    input: {} as { start: number },
    output: {} as { total: number },
    tags: {} as 'busy' | 'idle',
  },
  actors: { load: fromPromise(async () => 1) },
  guards: { big: ({ context }) => context.count > 10 },
}).createMachine({
  id: 'counter',
  context: ({ input }) => ({ count: input.start }),
  initial: 'on',
  states: {
    on: {
      tags: 'busy',
      initial: 'slow',
      states: {
        slow: { on: { INC: { actions: assign({ count: 1 }), target: 'fast' } } },
        fast: {},
      },
      on: { STOP: 'off' },
    },
    off: { type: 'final' },
  },
  output: ({ context }) => ({ total: context.count }),
})

export const Counter: MachineServer<typeof machine> = fromMachine(machine, {
  strict: true,
  info: (info) => (info.type === 'exit' ? { type: 'STOP' } : undefined),
})

export async function use(): Promise<void> {
  const ref = await Counter.start({ start: 1 })
  const typed: Ref<MachineApi<typeof machine>> = ref
  void typed
  const state = await ref.call.state()
  assert<Eq<typeof state, MachineState<typeof machine>>>()
  assert<Eq<typeof state.context, { count: number }>>()
  assert<Eq<typeof state.value, 'off' | { on: 'slow' | 'fast' }>>()
  assert<Eq<typeof state.output, { total: number } | undefined>>()
  assert<Eq<(typeof state.tags)[number], 'busy' | 'idle'>>()
  const step = await ref.call.send({ type: 'INC', by: 1 })
  assert<Eq<typeof step, MachineStep<typeof machine>>>()
  assert<Eq<typeof step.changed, boolean>>()
  const total = await ref.call.done()
  assert<Eq<typeof total, { total: number }>>()
  assert<Eq<IsAny<typeof total>, false>>()
  assert<Eq<IsAny<typeof state.context>, false>>()
  const waited = await ref.call.waitFor('off', { timeoutMs: 100 })
  assert<Eq<typeof waited, MachineState<typeof machine>>>()
  await ref.call.waitFor((now) => now.context.count > 3)
  await ref.call.matches({ on: 'slow' })
  await ref.call.can({ type: 'STOP' })
  ref.cast.send({ type: 'STOP' })
  const snapshot = await ref.call.getSnapshot()
  assert<Eq<typeof snapshot.context, { count: number }>>()
  snapshot.hasTag('busy')
  const child: ChildSpec<Ref<MachineApi<typeof machine>>> = Counter.child({ start: 1 }, { id: 'c' })
  void child

  // @ts-expect-error: it needs an input
  await Counter.start()
  // @ts-expect-error: another input
  await Counter.start({ start: '1' })
  // @ts-expect-error: no such event
  ref.cast.send({ type: 'JUMP' })
  // @ts-expect-error: an event without its field
  await ref.call.send({ type: 'INC' })
  // @ts-expect-error: no such state
  await ref.call.waitFor('elsewhere')
  // @ts-expect-error: no such state within
  await ref.call.matches({ on: 'elsewhere' })
  // @ts-expect-error: no such tag
  state.tags.includes('none')
  // @ts-expect-error: no machine
  fromMachine({ id: 'x' })
  // @ts-expect-error: `info` makes events of the machine
  fromMachine(machine, { info: () => ({ type: 'JUMP' }) })
}

const plain = createMachine({ id: 'plain', initial: 'a', states: { a: {} } })
const Plain: MachineServer<typeof plain> = fromMachine(plain)

export async function usePlain(): Promise<void> {
  const ref = await Plain.start()
  const state = await ref.call.state()
  assert<Eq<IsAny<typeof state.context>, false>>()
  ref.cast.send({ type: 'ANY' })
}
