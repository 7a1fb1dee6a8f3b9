/** A timer of Fovea while processes send each other messages as fast as they can. */
import { createSystem, type Ref } from 'fovea'
import { TIMER_MS, underStorm, type Measures } from './side.ts'
import { Player, type PlayerApi } from './sum.ts'

async function timer(processes: number): Promise<number> {
  await using system = createSystem()
  let fire: () => void = () => {}
  const watch = system.spawn(async (ctx) => {
    await ctx.receive()
    fire()
  })
  return await underStorm(
    async (goesOn) => {
      const first: Ref<PlayerApi>[] = []
      for (let i = 0; i < processes; i += 2) {
        const [a, b] = await Promise.all([
          Player.start(goesOn, { system }),
          Player.start(goesOn, { system }),
        ])
        a.cast.meet(b)
        b.cast.meet(a)
        first.push(a)
      }
      return () => {
        for (const player of first) player.cast.hit(0)
      }
    },
    (onFire) => {
      fire = onFire
      system.sendAfter(TIMER_MS, watch, 'now')
    },
  )
}

export const storm: Measures = { timer }
