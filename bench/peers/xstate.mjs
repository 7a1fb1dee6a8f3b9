/**
 * xstate 5, an actor as its documentation makes one: transition logic, `createActor(logic).start()`,
 * `actor.send(event)`. It has no request and reply; its way to wait for an answer is `waitFor`. Reading
 * `getSnapshot()` right after `send` is shown beside: that is a function call, there is no mailbox hop.
 */
import { assign, createActor, fromTransition, setup, waitFor } from 'xstate'

const sumLogic = fromTransition(
  (state, event) => {
    switch (event.type) {
      case 'add':
      case 'put':
        return { total: state.total + event.by, done: state.done + 1 }
      default:
        return state
    }
  },
  { total: 0, done: 0 },
)

/** Two states and a count, as its documentation writes a machine. */
const turnstile = setup({
  actions: { count: assign({ n: ({ context }) => context.n + 1 }) },
}).createMachine({
  context: { n: 0 },
  initial: 'closed',
  states: {
    closed: { on: { push: 'open' } },
    open: { on: { push: { target: 'closed', actions: 'count' } } },
  },
})

const playerLogic = (goesOn) =>
  fromTransition(
    (state, event) => {
      if (event.type === 'meet') return { other: event.other }
      if (goesOn()) state.other.send({ type: 'hit', ball: event.ball + 1 })
      return state
    },
    { other: undefined },
  )

export const makeMeasures = ({ sequential, pipelined, bursts, timed, bytesPer, underStorm }) => {
  const sum = createActor(sumLogic).start()
  let asked = sum.getSnapshot().context.done
  const call = async () => {
    const id = ++asked
    sum.send({ type: 'add', by: 1 })
    return (await waitFor(sum, ({ context }) => context.done >= id)).context.total
  }
  const cast = () => {
    asked++
    sum.send({ type: 'put', by: 1 })
  }
  const start = () => createActor(sumLogic).start()
  return {
    callSequential: sequential(call),
    callPipelined: pipelined(call),
    callSynchronous: sequential(async () => {
      asked++
      sum.send({ type: 'add', by: 1 })
      return sum.getSnapshot().context.total
    }),
    cast: bursts(cast, call),
    statemCast: (operations) =>
      timed(operations, async (n) => {
        const machine = createActor(turnstile).start()
        for (let i = 0; i < n; i++) machine.send({ type: 'push' })
        await waitFor(machine, ({ context }) => context.n === n >> 1)
        machine.stop()
      }),
    spawn: (operations) =>
      timed(operations, (n) => {
        const actors = []
        for (let i = 0; i < n; i++) actors.push(start())
        for (const actor of actors) actor.stop()
      }),
    idleBytes: (count) =>
      bytesPer(
        count,
        (n) => Array.from({ length: n }, start),
        (actors) => actors.forEach((actor) => actor.stop()),
      ),
    timer: (processes) =>
      underStorm((goesOn) => {
        const first = []
        for (let i = 0; i < processes; i += 2) {
          const a = createActor(playerLogic(goesOn)).start()
          const b = createActor(playerLogic(goesOn)).start()
          a.send({ type: 'meet', other: b })
          b.send({ type: 'meet', other: a })
          first.push(a)
        }
        return () => first.forEach((player) => player.send({ type: 'hit', ball: 0 }))
      }),
  }
}
