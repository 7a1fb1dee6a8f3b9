/**
 * comedy, in its in-memory mode and with its log silenced, as its documentation has it: class-defined actors,
 * `createChild`, `send` and `sendAndReceive`. It has no mailbox: messages of one actor run as they come.
 */
import actors from 'comedy'

class SumActor {
  constructor() {
    this.total = 0
  }
  add(by) {
    this.total += by
    return this.total
  }
  put(by) {
    this.total += by
  }
}

export const makeMeasures = async ({
  sequential,
  pipelined,
  bursts,
  timed,
  bytesPer,
  underStorm,
}) => {
  const system = actors({ loggerConfig: { categories: { Default: 'Silent' } } })
  const root = await system.rootActor()
  const create = () => root.createChild(SumActor)
  const sum = await create()
  const call = () => sum.sendAndReceive('add', 1)
  return {
    callSequential: sequential(call),
    callPipelined: pipelined(call),
    cast: bursts(() => sum.send('put', 1), call),
    spawn: (operations) =>
      timed(operations, async (n) => {
        const starting = []
        for (let i = 0; i < n; i++) starting.push(create())
        for (const actor of await Promise.all(starting)) await actor.destroy()
      }),
    idleBytes: (count) =>
      bytesPer(
        count,
        async (n) => {
          const made = []
          for (let i = 0; i < n; i++) made.push(await create())
          return made
        },
        async (made) => {
          for (const actor of made) await actor.destroy()
        },
      ),
    timer: (processes) =>
      underStorm(async (goesOn) => {
        const player = () => {
          let other
          return {
            meet: (actor) => {
              other = actor
            },
            hit: (ball) => {
              if (goesOn()) other.send('hit', ball + 1)
            },
          }
        }
        const first = []
        for (let i = 0; i < processes; i += 2) {
          const a = await root.createChild(player())
          const b = await root.createChild(player())
          await a.sendAndReceive('meet', b)
          await b.sendAndReceive('meet', a)
          first.push(a)
        }
        return () => first.forEach((actor) => actor.send('hit', 0))
      }),
  }
}
