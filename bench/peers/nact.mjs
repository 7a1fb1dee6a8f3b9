/** nact, as its documentation has it: `spawn`, `dispatch`, and `query` with the time limit it requires. */
import nact from 'nact'

const { start, spawn, stop, dispatch, query } = nact

const TIMEOUT_MS = 5000

export const makeMeasures = ({ sequential, pipelined, bursts, timed, bytesPer, underStorm }) => {
  const system = start()
  const sumBehaviour = (state, message, ctx) => {
    switch (message.type) {
      case 'add': {
        const total = state + message.by
        dispatch(message.sender, total, ctx.self)
        return total
      }
      case 'put':
        return state + message.by
      default:
        return state
    }
  }
  const spawnSum = (name) => spawn(system, sumBehaviour, name, { initialState: 0 })
  const sum = spawnSum('sum')
  const call = () => query(sum, (sender) => ({ type: 'add', by: 1, sender }), TIMEOUT_MS)
  let spawned = 0
  const another = () => spawnSum(`sum-${++spawned}`)
  return {
    callSequential: sequential(call),
    callPipelined: pipelined(call),
    cast: bursts(() => dispatch(sum, { type: 'put', by: 1 }), call),
    spawn: (operations) =>
      timed(operations, (n) => {
        const actors = []
        for (let i = 0; i < n; i++) actors.push(another())
        for (const actor of actors) stop(actor)
      }),
    idleBytes: (count) =>
      bytesPer(
        count,
        (n) => Array.from({ length: n }, another),
        (actors) => actors.forEach(stop),
      ),
    timer: (processes) =>
      underStorm((goesOn) => {
        const player = (other, message, { self }) => {
          if (message.type === 'meet') return message.other
          if (goesOn()) dispatch(other, { type: 'hit', ball: message.ball + 1 }, self)
          return other
        }
        const first = []
        for (let i = 0; i < processes; i += 2) {
          const a = spawn(system, player, `player-${++spawned}`)
          const b = spawn(system, player, `player-${++spawned}`)
          dispatch(a, { type: 'meet', other: b })
          dispatch(b, { type: 'meet', other: a })
          first.push(a)
        }
        return () => first.forEach((player) => dispatch(player, { type: 'hit', ball: 0 }))
      }),
  }
}
