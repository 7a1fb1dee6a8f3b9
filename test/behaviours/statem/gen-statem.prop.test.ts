/**
 * Random scripts of events and results, run by the real machine on virtual time and by the naive model:
 * both must see the same events in the same order in the same states, and hold the same afterwards.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  eventTimeout,
  genericTimeout,
  initialState,
  keepStateAndData,
  nextEvent,
  nextState,
  postpone,
  repeatStateAndData,
  stateTimeout,
  sys,
  type EnterAction,
  type InitAction,
  type InsertedEvent,
  type PostponeAction,
} from '../../../behaviours/index.ts'
import {
  Model,
  Oracle,
  type Kind,
  type Response,
  type Script,
  type ScriptAction,
} from './gen-statem-model.ts'
import { label, machine, type MachineApi } from './statem-world.ts'
import { world, type World } from '../world.ts'

const states = fc.constantFrom('a', 'b', 'c')
const kinds = fc.constantFrom<Kind>('event_timeout', 'state_timeout', 'generic_timeout')

const timeoutAction: fc.Arbitrary<ScriptAction> = fc.record({
  do: fc.constant('timeout' as const),
  kind: kinds,
  name: fc.constantFrom('n', 'm'),
  when: fc.oneof(
    fc.constantFrom<number | 'cancel' | 'update'>(0, 0, 'cancel', 'update', Infinity),
    fc.constantFrom(5, 10, 15, 20),
    fc.constantFrom(7, 9).map((inMs) => ({ inMs })),
  ),
  payload: fc.constantFrom('t0', 't1', 't2', 't3'),
})
const eventAction: fc.Arbitrary<ScriptAction> = fc.oneof(
  timeoutAction,
  fc.boolean().map((on) => ({ do: 'postpone' as const, on })),
  fc.constantFrom('i0', 'i1', 'i2').map((name) => ({ do: 'next' as const, label: name })),
)
const response = (action: fc.Arbitrary<ScriptAction>): fc.Arbitrary<Response> =>
  fc.record({
    op: fc.constantFrom('keep' as const, 'next' as const, 'next' as const, 'repeat' as const),
    target: states,
    actions: fc.array(action, { maxLength: 4 }),
  })
const script: fc.Arbitrary<Script> = fc.record({
  responses: fc.array(response(eventAction), { minLength: 1, maxLength: 9 }),
  enters: fc.array(
    response(timeoutAction).map((r) => ({ ...r, op: r.op === 'next' ? ('keep' as const) : r.op })),
    { maxLength: 3 },
  ),
  init: fc.array(timeoutAction, { maxLength: 2 }),
})
const steps = fc.array(
  fc.oneof(
    fc.array(fc.constantFrom('x', 'y', 'z'), { minLength: 1, maxLength: 3 }),
    fc.constantFrom(1, 4, 5, 10, 23),
  ),
  { minLength: 1, maxLength: 12 },
)

type Act = InitAction<InsertedEvent<MachineApi>> | PostponeAction

function action(w: World, given: ScriptAction): Act {
  switch (given.do) {
    case 'postpone':
      return postpone(given.on)
    case 'next':
      return nextEvent({ type: 'internal', name: given.label })
    case 'timeout': {
      const { kind, name, payload } = given
      const when =
        typeof given.when === 'object' ? { atMs: w.clock.now() + given.when.inMs } : given.when
      if (kind === 'state_timeout') return stateTimeout(when, payload)
      if (kind === 'event_timeout') return eventTimeout(when, payload)
      return genericTimeout(name, when, payload)
    }
  }
}

it('behaves as the manual says, for any script', async () => {
  await fc.assert(
    fc.asyncProperty(script, steps, async (given, todo) => {
      const w = world()
      const oracle = new Oracle(given)
      const acts = ({ actions }: Response): Act[] => actions.map((one) => action(w, one))
      const ref = await machine({
        init: () => initialState('a', 1, given.init.map((one) => action(w, one)) as EnterAction[]),
        on: (event, state, data) => {
          const response = oracle.event(state, String(label(event)))
          if (response.op === 'keep') return keepStateAndData(acts(response))
          if (response.op === 'repeat') return repeatStateAndData(acts(response))
          return nextState(response.target, data, acts(response))
        },
        enter: (previous, state) => {
          const response = oracle.enter(previous, state)
          const actions = acts(response) as EnterAction[]
          return response.op === 'repeat' ? repeatStateAndData(actions) : keepStateAndData(actions)
        },
      }).start(undefined, { system: w.system })
      const model = new Model(given)
      await w.clock.settle()
      for (const step of todo) {
        if (typeof step === 'number') {
          await w.clock.advance(step)
          model.advance(step)
        } else {
          for (const what of step) ref.cast.tell(what)
          await w.clock.settle()
          model.send(step)
        }
        expect(oracle.log).toEqual(model.oracle.log)
      }
      const debug = w.system.process(ref.pid)
      expect(await sys.getState(ref)).toEqual([model.state, 1])
      expect(debug?.alive).toBe(true)
      const status = sys.status(ref) as unknown as StatusView
      expect(status.details.postponed).toHaveLength(model.postponed.length)
      expect(status.details.timers.map(timerLabel).sort()).toEqual(model.timers)
    }),
    { numRuns: 300 },
  )
})

interface StatusView {
  readonly details: {
    readonly postponed: readonly unknown[]
    readonly timers: readonly { type: string; name?: string; payload: string }[]
  }
}

function timerLabel({
  type,
  name,
  payload,
}: {
  type: string
  name?: string
  payload: string
}): string {
  return `${name === undefined ? type : `generic ${name}`} ${payload}`
}
