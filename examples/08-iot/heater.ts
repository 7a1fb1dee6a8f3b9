/** The heater of a hall, and the sensors in it: commands come by RPC, readings go to the outbox. */
import { defineServer, noreply, reply } from 'fovea'
import type { Peer } from 'fovea/mesh'
import { Outbox } from './outbox.ts'
import { heaterOf } from './reading.ts'
import type { Reading } from './reading.ts'

/** What the process is started with. */
export interface HeaterArg {
  readonly peer: Peer
  readonly hall: string
  readonly everyMs: number
  readonly print: (line: string) => void
}

interface State extends HeaterArg {
  readonly wanted: number
  readonly degrees: number
}

const DEGREES_MIN = 5
const DEGREES_MAX = 35
/** Of the way to what is wanted, a hall gets so much warmer from one reading to the next. */
const SPEED = 0.2

/** The process. What it offers ends with it. */
export const Heater = defineServer({
  name: 'heater/1',
  init: async (arg: HeaterArg, ctx): Promise<State> => {
    const self = Heater.contract.at(ctx.self.pid)
    await arg.peer.rpc.advertise(heaterOf(arg.hall), (degrees: unknown) => {
      const isPossible =
        typeof degrees === 'number' && degrees >= DEGREES_MIN && degrees <= DEGREES_MAX
      if (!isPossible) throw new RangeError(`from ${DEGREES_MIN} to ${DEGREES_MAX} degrees, please`)
      return self.call.set(degrees)
    })
    ctx.sendAfter(arg.everyMs, 'measure')
    return { ...arg, wanted: 18, degrees: 18 }
  },
  call: {
    set: (state, wanted: number) => {
      state.print(`* heats to ${wanted}`)
      return reply(`${state.hall} is heated to ${wanted}`, { ...state, wanted })
    },
  },
  cast: {},
  info: async (state, _measure, ctx) => {
    const { peer, hall, everyMs, wanted, print } = state
    const degrees = state.degrees + SPEED * (wanted - state.degrees)
    const outbox = Outbox.contract.at(peer.system.whereis('outbox')!)
    const accept = async (kind: Reading['kind'], value: number): Promise<void> => {
      const number = await outbox.call.accept({ hall, kind, value: Math.round(value * 10) / 10 })
      print(number === 0 ? '! no room for another reading' : `accepted ${number}`)
    }
    await accept('temperature', degrees)
    await accept('humidity', 100 - 2 * degrees)
    ctx.sendAfter(everyMs, 'measure')
    return noreply({ ...state, degrees })
  },
})
